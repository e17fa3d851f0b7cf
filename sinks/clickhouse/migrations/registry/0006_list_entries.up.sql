-- Persons to be seen to, as the lists are now; the highest version counts, and an entry that is on the list
-- no more stays as a row that says so.
CREATE TABLE IF NOT EXISTS $database.list_entries
(
    generation LowCardinality(String) COMMENT 'Which definitions the values were made by',
    list LowCardinality(String) COMMENT 'The list as indicators.yaml names it, or unresolved',
    patient String COMMENT 'Pseudonym',
    form LowCardinality(String) COMMENT 'Form of the registration that the entry is about',
    registration_id String COMMENT 'That registration',
    partition UInt16 COMMENT 'Partition of the submissions that the values come from',
    listed Bool COMMENT 'False where the entry is on the list no more; what follows is empty then',
    unit LowCardinality(String) COMMENT 'Its reporting unit; empty where the form has none',
    day Date32 COMMENT 'Its day',
    shown Array(String) COMMENT 'The fields that the list shows, in the order declared; empty text where null',
    version UInt64 COMMENT 'epoch << 48 | offset: every submission up to this one is in the values'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY generation
ORDER BY (generation, list, patient, form, registration_id)
COMMENT 'Entries of lists; read with FINAL, WHERE listed';

-- ListBatch messages go in whole, as bytes from Kafka; nothing is kept here.
CREATE TABLE IF NOT EXISTS $database.list_messages
(
    generation String,
    partition UInt16,
    version UInt64,
    entries Array(Tuple(
        list String,
        patient String,
        form String,
        registration_id String,
        listed Bool,
        unit String,
        day Date32,
        shown Array(String)))
)
ENGINE = Null
COMMENT 'Way in for ListBatch messages, which list_entries_of_messages unfolds';

CREATE MATERIALIZED VIEW IF NOT EXISTS $database.list_entries_of_messages TO $database.list_entries
AS SELECT
    generation,
    entry.list AS list,
    entry.patient AS patient,
    entry.form AS form,
    entry.registration_id AS registration_id,
    partition,
    entry.listed AS listed,
    entry.unit AS unit,
    entry.day AS day,
    entry.shown AS shown,
    version
FROM $database.list_messages
ARRAY JOIN entries AS entry;
