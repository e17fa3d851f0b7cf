-- What another source counts at each unit and month, uploaded; of each the latest upload counts. A version is
-- the upload's place in the log, and a place comes from the broker: no uploader's clock can stand in the way
-- of a later correction.
CREATE TABLE IF NOT EXISTS $database.unit_counts
(
    unit LowCardinality(String) COMMENT 'Unit by its code in the catalogue of units',
    period Date32 COMMENT 'First day of the month that is counted',
    measure LowCardinality(String) COMMENT 'What is counted, as coverage.yaml names it',
    source LowCardinality(String) COMMENT 'Who counted',
    as_of Date32 COMMENT 'Day on which the source counted',
    uploaded_at DateTime64(3, 'UTC') COMMENT 'When it was uploaded, by the uploader''s clock',
    count Nullable(UInt32) COMMENT 'How many; null where the source does not tell so small a number',
    below Nullable(UInt32) COMMENT 'Where count is null: it is at least 1 and less than this',
    version UInt64 COMMENT 'epoch << 48 | offset of the upload: the highest one counts'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (unit, period, measure)
COMMENT 'Uploaded counts; read with FINAL';

-- UnitCounts messages go in whole, as bytes from Kafka with their offset before them; nothing is kept here.
CREATE TABLE IF NOT EXISTS $database.unit_count_messages
(
    _offset UInt64,
    epoch UInt16,
    source String,
    unit String,
    as_of Date32,
    uploaded_at DateTime64(3, 'UTC'),
    counts Array(Tuple(period Date32, measure String, count Nullable(UInt32), below Nullable(UInt32)))
)
ENGINE = Null
COMMENT 'Way in for UnitCounts messages, which unit_counts_of_messages unfolds';

CREATE MATERIALIZED VIEW IF NOT EXISTS $database.unit_counts_of_messages TO $database.unit_counts
AS SELECT
    unit,
    told.period AS period,
    told.measure AS measure,
    source,
    as_of,
    uploaded_at,
    told.count AS count,
    told.below AS below,
    bitOr(bitShiftLeft(toUInt64(epoch), 48), _offset) AS version
FROM $database.unit_count_messages
ARRAY JOIN counts AS told;
