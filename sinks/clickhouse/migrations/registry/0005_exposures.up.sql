-- Every implant or treatment in follow-up, as it is now; the highest version counts, and one that is no more
-- stays as a row that says so.
CREATE TABLE IF NOT EXISTS $database.exposures
(
    generation LowCardinality(String) COMMENT 'Which definitions the values were made by',
    `group` LowCardinality(String) COMMENT 'Monitor group: products that are compared with each other',
    patient String COMMENT 'Pseudonym',
    registration_id String COMMENT 'The registration that began the exposure',
    partition UInt16 COMMENT 'Partition of the submissions that the values come from',
    product LowCardinality(String) COMMENT 'Code of the product',
    lot String COMMENT 'Its lot; empty where not known',
    unit LowCardinality(String) COMMENT 'Reporting unit that began it; empty where the form has none',
    side LowCardinality(String) COMMENT 'Side of the body; empty where the form has none',
    by Array(String) COMMENT 'The strata, in the order declared; empty text where not known',
    start Date32 COMMENT 'First day of the exposure',
    `end` Nullable(Date32) COMMENT 'Its last day; null while it is open',
    end_reason LowCardinality(String) COMMENT 'What ended it, as declared; empty while it is open',
    outcomes UInt32 COMMENT 'Outcomes from the first day to the last, both included',
    first_outcome Nullable(Date32) COMMENT 'Day of the first of them; null where there is none',
    present Bool COMMENT 'False where the exposure is no more; what stands before is empty then',
    version UInt64 COMMENT 'epoch << 48 | offset: every submission up to this one is in the values'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY generation
ORDER BY (generation, `group`, patient, registration_id)
COMMENT 'Exposures; read with FINAL, WHERE present';

-- ExposureBatch messages go in whole, as bytes from Kafka; nothing is kept here. ClickHouse wants all of a nested
-- record's fields, so what was before stands here too, though it goes no further.
CREATE TABLE IF NOT EXISTS $database.exposure_messages
(
    generation String,
    partition UInt16,
    version UInt64,
    `group` String,
    changes Array(Tuple(
        patient String,
        registration_id String,
        before Array(Tuple(
            product String,
            lot String,
            unit String,
            side String,
            by Array(String),
            start Date32,
            `end` Nullable(Date32),
            end_reason String,
            outcomes UInt32,
            first_outcome Nullable(Date32))),
        after Array(Tuple(
            product String,
            lot String,
            unit String,
            side String,
            by Array(String),
            start Date32,
            `end` Nullable(Date32),
            end_reason String,
            outcomes UInt32,
            first_outcome Nullable(Date32)))))
)
ENGINE = Null
COMMENT 'Way in for ExposureBatch messages, which exposures_of_messages unfolds';

CREATE MATERIALIZED VIEW IF NOT EXISTS $database.exposures_of_messages TO $database.exposures
AS SELECT
    generation,
    `group`,
    change.patient AS patient,
    change.registration_id AS registration_id,
    partition,
    tupleElement(change.after[1], 'product') AS product,
    tupleElement(change.after[1], 'lot') AS lot,
    tupleElement(change.after[1], 'unit') AS unit,
    tupleElement(change.after[1], 'side') AS side,
    tupleElement(change.after[1], 'by') AS by,
    tupleElement(change.after[1], 'start') AS start,
    tupleElement(change.after[1], 'end') AS `end`,
    tupleElement(change.after[1], 'end_reason') AS end_reason,
    tupleElement(change.after[1], 'outcomes') AS outcomes,
    tupleElement(change.after[1], 'first_outcome') AS first_outcome,
    notEmpty(change.after) AS present,
    version
FROM $database.exposure_messages
ARRAY JOIN changes AS change;
