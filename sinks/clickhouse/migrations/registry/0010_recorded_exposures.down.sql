-- loses data
-- When exposures and their ends became known: only a new generation brings it back.
ALTER TABLE $database.exposures_of_messages MODIFY QUERY
SELECT
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
    tupleElement(change.after[1], 'specific') AS specific,
    tupleElement(change.after[1], 'first_specific') AS first_specific,
    tupleElement(change.after[1], 'unknown') AS unknown,
    tupleElement(change.after[1], 'carried_until') AS carried_until,
    notEmpty(change.after) AS present,
    version
FROM $database.exposure_messages
ARRAY JOIN changes AS change;

ALTER TABLE $database.exposure_messages
    MODIFY COLUMN changes Array(Tuple(
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
            first_outcome Nullable(Date32),
            specific UInt32,
            first_specific Nullable(Date32),
            unknown UInt32,
            carried_until Nullable(Date32))),
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
            first_outcome Nullable(Date32),
            specific UInt32,
            first_specific Nullable(Date32),
            unknown UInt32,
            carried_until Nullable(Date32))),
        opted_out Bool));

ALTER TABLE $database.exposures
    DROP COLUMN IF EXISTS end_recorded,
    DROP COLUMN IF EXISTS recorded;
