-- The steps of reports to agencies and manufacturers, a log that is never edited: of messages with the same id the first
-- counts. A version is the message's place in the log; what happens to one case lies in one partition, in order.
CREATE TABLE IF NOT EXISTS $database.reports
(
    id String COMMENT 'UUID of the step',
    `case` String COMMENT 'Worldwide unique case id',
    case_version UInt16 COMMENT 'Which version of the case, from 1',
    addressee LowCardinality(String) COMMENT 'agency or manufacturer',
    edition UInt16 COMMENT 'Which draft of that version, from 1',
    step LowCardinality(String) COMMENT 'What was done; schemas/report.py has what each step must have',
    said_at DateTime64(3, 'UTC') COMMENT 'When the step was taken, by the sender''s clock',
    by String COMMENT 'Who took it: a person, or guldadra',
    kind LowCardinality(String) COMMENT 'Of a draft: icsr, incident or mir',
    type LowCardinality(String) COMMENT 'Of a draft: initial, follow_up, amendment or nullification',
    rule LowCardinality(String) COMMENT 'Of a draft: the rule of reporting.yaml that it comes from',
    sender LowCardinality(String) COMMENT 'Of a draft: whose duty it is',
    four_eyes Bool COMMENT 'Of a draft: whether another person than the drafter has to check it',
    classes Array(LowCardinality(String)) COMMENT 'Of a draft: the classes of deadline of what it tells anew',
    learnt_on Nullable(Date32) COMMENT 'Of a draft: day 0',
    nullified_as LowCardinality(String) COMMENT 'Of a nullification: error or duplicate',
    duplicate_of String COMMENT 'Of a nullification as duplicate: the case that stays',
    patient String COMMENT 'Of a draft: pseudonym of the person; empty once the person has opted out',
    sources Array(String) COMMENT 'Of a draft: the registrations that it was made of, as form/registration id; likewise',
    content_type LowCardinality(String) COMMENT 'Of a draft: media type of the content',
    content String COMMENT 'Of a draft: the message itself' CODEC(ZSTD(3)),
    facts String COMMENT 'Of a draft: SHA-256 of the facts that it was made of',
    findings Array(String) COMMENT 'Of a draft: what keeps it from being checked',
    asks Array(String) COMMENT 'Of a draft: what is to be asked of whoever registered',
    owner String COMMENT 'Of an assignment: who sees to it',
    message_id String COMMENT 'Of what was sent and answered: the id that the message has at the addressee',
    code LowCardinality(String) COMMENT 'Of an answer: the addressee''s own code',
    reference String COMMENT 'Of an answer: the addressee''s own number for the case',
    reason String COMMENT 'Why; empty where it was not said',
    version UInt64 COMMENT 'epoch << 48 | offset of the message',
    earliest UInt64 MATERIALIZED bitNot(version) COMMENT 'The highest is that of the first message, which counts'
)
ENGINE = ReplacingMergeTree(earliest)
ORDER BY (`case`, id)
COMMENT 'Steps of reports; read with FINAL';

-- Report messages go in whole, as bytes from Kafka with their offset before them; nothing is kept here.
CREATE TABLE IF NOT EXISTS $database.report_messages
(
    _offset UInt64,
    epoch UInt16,
    id String,
    said_at DateTime64(3, 'UTC'),
    by String,
    `case` String,
    case_version UInt16,
    addressee String,
    edition UInt16,
    step String,
    kind Nullable(String),
    type Nullable(String),
    rule Nullable(String),
    sender Nullable(String),
    four_eyes Bool,
    classes Array(String),
    learnt_on Nullable(Date32),
    nullified_as Nullable(String),
    duplicate_of Nullable(String),
    patient Nullable(String),
    sources Array(String),
    content_type Nullable(String),
    content Nullable(String),
    facts Nullable(String),
    findings Array(String),
    asks Array(String),
    owner Nullable(String),
    message_id Nullable(String),
    code Nullable(String),
    reference Nullable(String),
    reason Nullable(String)
)
ENGINE = Null
COMMENT 'Way in for Report messages, which reports_of_messages takes';

CREATE MATERIALIZED VIEW IF NOT EXISTS $database.reports_of_messages TO $database.reports
AS SELECT
    id,
    `case`,
    case_version,
    addressee,
    edition,
    step,
    said_at,
    by,
    ifNull(kind, '') AS kind,
    ifNull(type, '') AS type,
    ifNull(rule, '') AS rule,
    ifNull(sender, '') AS sender,
    four_eyes,
    classes,
    learnt_on,
    ifNull(nullified_as, '') AS nullified_as,
    ifNull(duplicate_of, '') AS duplicate_of,
    ifNull(patient, '') AS patient,
    sources,
    ifNull(content_type, '') AS content_type,
    ifNull(content, '') AS content,
    ifNull(facts, '') AS facts,
    findings,
    asks,
    ifNull(owner, '') AS owner,
    ifNull(message_id, '') AS message_id,
    ifNull(code, '') AS code,
    ifNull(reference, '') AS reference,
    ifNull(reason, '') AS reason,
    bitOr(bitShiftLeft(toUInt64(epoch), 48), _offset) AS version
FROM $database.report_messages;
