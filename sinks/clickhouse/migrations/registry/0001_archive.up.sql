-- The only long memory: every accepted registration as it was submitted, by its place in the log.
-- (partition, version) is that place, so an insert again replaces a row by itself, and a restore reads
-- each partition in the order that it needs.
CREATE TABLE IF NOT EXISTS $database.archive
(
    partition UInt16 COMMENT 'Partition of the submitted topic',
    epoch UInt16 COMMENT 'Which life of the registry''s log the offset belongs to',
    offset UInt64 COMMENT 'Submission offset',
    version UInt64 DEFAULT bitOr(bitShiftLeft(toUInt64(epoch), 48), offset) COMMENT 'epoch << 48 | offset: later submissions have higher ones',
    submitted_at DateTime64(3, 'UTC') COMMENT 'The broker''s time of the submission',
    form LowCardinality(String) COMMENT 'Form that the payload is a registration of',
    schema_id UInt32 COMMENT 'Fingerprint of the schema that the payload was written with',
    patient String COMMENT 'Pseudonym: the key of the submission',
    registration_id String COMMENT 'The registration''s own identity',
    payload String CODEC(ZSTD(1)) COMMENT 'The Avro bytes as submitted, without the wire format''s header'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (partition, version)
COMMENT 'Every accepted registration as submitted; read with FINAL';

-- AcceptedBatch messages go in whole, as bytes from Kafka; nothing is kept here.
CREATE TABLE IF NOT EXISTS $database.accepted_messages
(
    partition UInt16,
    epoch UInt16,
    registrations Array(Tuple(
        offset UInt64,
        submitted_at DateTime64(3, 'UTC'),
        form String,
        schema_id UInt32,
        patient String,
        registration_id String,
        payload String))
)
ENGINE = Null
COMMENT 'Way in for AcceptedBatch messages, which archive_of_messages unfolds';

CREATE MATERIALIZED VIEW IF NOT EXISTS $database.archive_of_messages TO $database.archive
AS SELECT
    partition,
    epoch,
    registration.offset AS offset,
    registration.submitted_at AS submitted_at,
    registration.form AS form,
    registration.schema_id AS schema_id,
    registration.patient AS patient,
    registration.registration_id AS registration_id,
    registration.payload AS payload
FROM $database.accepted_messages
ARRAY JOIN registrations AS registration;
