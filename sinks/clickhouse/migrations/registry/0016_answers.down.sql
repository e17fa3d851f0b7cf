-- loses data
-- What companies answered: the log of reviews has it still.
DELETE FROM $database.reviews WHERE kind = 'answer';

ALTER TABLE $database.reviews_of_messages MODIFY QUERY
SELECT
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

ALTER TABLE $database.review_messages
    DROP COLUMN IF EXISTS notice,
    DROP COLUMN IF EXISTS statement,
    DROP COLUMN IF EXISTS company;

ALTER TABLE $database.reviews
    DROP COLUMN IF EXISTS notice,
    DROP COLUMN IF EXISTS statement,
    DROP COLUMN IF EXISTS company;
