-- What people said of signals and notices, a log that is never edited: of messages with the same id the first counts.
-- A version is the message's place in the log; what is said of one signal or notice lies in one partition, in order.
CREATE TABLE IF NOT EXISTS $database.reviews
(
    id String COMMENT 'UUID made by the sender',
    about String COMMENT 'Signal (group/product/number) or notice (the id of its own message)',
    kind LowCardinality(String) COMMENT 'decision, carrier or notice',
    state LowCardinality(String) COMMENT 'What was decided, how it stands with the carrier, or issued',
    `group` LowCardinality(String) COMMENT 'Monitor group of the product',
    product LowCardinality(String) COMMENT 'Code of the product',
    said_at DateTime64(3, 'UTC') COMMENT 'When it was said, by the sender''s clock',
    by String COMMENT 'Who said it',
    reason String COMMENT 'Why it was decided; empty where it was not said',
    note String COMMENT 'What else was said; never who the patient is',
    patient String COMMENT 'Pseudonym of the carrier; empty where it is about none',
    registration_id String COMMENT 'The registration with which the product was put in',
    unit LowCardinality(String) COMMENT 'With moved, the unit that answers for the carrier from then on; else the unit that said it',
    partition UInt16 COMMENT 'Partition of the submissions that the carrier''s exposure comes from',
    exposure_version UInt64 COMMENT 'Version of the exposure by which it was said; what is opted out goes by it',
    lots Array(String) COMMENT 'Lots of the notice; none where all are meant',
    udi_di String COMMENT 'UDI-DI of the notice; empty where it has none',
    first_day Nullable(Date32) COMMENT 'The notice is about what was put in from this day on',
    last_day Nullable(Date32) COMMENT 'The notice is about what was put in until this day',
    issued_by String COMMENT 'From whom the notice is',
    reference String COMMENT 'The notice''s reference',
    version UInt64 COMMENT 'epoch << 48 | offset of the message',
    earliest UInt64 MATERIALIZED bitNot(version) COMMENT 'The highest is that of the first message, which counts'
)
ENGINE = ReplacingMergeTree(earliest)
ORDER BY id
COMMENT 'Decisions, states of carriers and notices; read with FINAL';

-- Of how many persons what was said is erased, and nothing else of them.
CREATE TABLE IF NOT EXISTS $database.erased_reviews
(
    about String COMMENT 'Signal or notice',
    id String COMMENT 'Id of the first message about one person that was deleted'
)
ENGINE = ReplacingMergeTree
ORDER BY (about, id)
COMMENT 'Persons who opted out, of whom something had been said; read with FINAL';

-- Review messages go in whole, as bytes from Kafka with their offset before them; nothing is kept here.
CREATE TABLE IF NOT EXISTS $database.review_messages
(
    _offset UInt64,
    epoch UInt16,
    id String,
    said_at DateTime64(3, 'UTC'),
    by String,
    kind String,
    state String,
    about String,
    `group` String,
    product String,
    reason Nullable(String),
    note Nullable(String),
    patient Nullable(String),
    registration_id Nullable(String),
    unit Nullable(String),
    partition Nullable(UInt16),
    exposure_version Nullable(UInt64),
    lots Array(String),
    udi_di Nullable(String),
    first_day Nullable(Date32),
    last_day Nullable(Date32),
    issued_by Nullable(String),
    reference Nullable(String)
)
ENGINE = Null
COMMENT 'Way in for Review messages, which reviews_of_messages takes';

CREATE MATERIALIZED VIEW IF NOT EXISTS $database.reviews_of_messages TO $database.reviews
AS SELECT
    id,
    about,
    kind,
    state,
    `group`,
    product,
    said_at,
    by,
    ifNull(reason, '') AS reason,
    ifNull(note, '') AS note,
    ifNull(patient, '') AS patient,
    ifNull(registration_id, '') AS registration_id,
    ifNull(unit, '') AS unit,
    ifNull(partition, 0) AS partition,
    ifNull(exposure_version, 0) AS exposure_version,
    lots,
    ifNull(udi_di, '') AS udi_di,
    first_day,
    last_day,
    ifNull(issued_by, '') AS issued_by,
    ifNull(reference, '') AS reference,
    bitOr(bitShiftLeft(toUInt64(epoch), 48), _offset) AS version
FROM $database.review_messages;
