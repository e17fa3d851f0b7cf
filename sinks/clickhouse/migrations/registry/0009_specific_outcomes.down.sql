DROP VIEW IF EXISTS $database.exposures_of_messages;

DROP TABLE IF EXISTS $database.exposure_messages;

ALTER TABLE $database.exposures
    DROP COLUMN IF EXISTS carried_until,
    DROP COLUMN IF EXISTS unknown,
    DROP COLUMN IF EXISTS first_specific,
    DROP COLUMN IF EXISTS specific;

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
