-- What companies answer about signals of their own products, beside decisions, carriers and notices.
ALTER TABLE $database.reviews
    ADD COLUMN IF NOT EXISTS company LowCardinality(String)
        COMMENT 'Of an answer, the company that gave it, by its code; else empty' AFTER reference,
    ADD COLUMN IF NOT EXISTS statement String COMMENT 'Of an answer, what the company states; else empty' AFTER company,
    ADD COLUMN IF NOT EXISTS notice String
        COMMENT 'Of an answer, the notice that the company ties to the signal; else empty' AFTER statement;

ALTER TABLE $database.review_messages
    ADD COLUMN IF NOT EXISTS company Nullable(String),
    ADD COLUMN IF NOT EXISTS statement Nullable(String),
    ADD COLUMN IF NOT EXISTS notice Nullable(String);

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
    ifNull(company, '') AS company,
    ifNull(statement, '') AS statement,
    ifNull(notice, '') AS notice,
    bitOr(bitShiftLeft(toUInt64(epoch), 48), _offset) AS version
FROM $database.review_messages;
