-- What indicators are read off: absolute sums per source partition, of which the highest version counts.
-- A reading sums over the partitions. A generation is a part of its own, so that it can be dropped whole.
CREATE TABLE IF NOT EXISTS $database.cells
(
    generation LowCardinality(String) COMMENT 'Which definitions the values were made by',
    cohort LowCardinality(String) COMMENT 'The cohort as indicators.yaml names it',
    unit LowCardinality(String) COMMENT 'Reporting unit; empty where the form has none',
    period Date32 COMMENT 'First day of the period that the registrations'' days lie in',
    by Array(String) COMMENT 'The cohort''s breakdowns, in the order declared; empty text where not known',
    indicator LowCardinality(String) COMMENT 'Empty: values is the cohort''s vector; else the one indicator counted by bucket',
    bucket Int32 COMMENT 'The value in multiples of the resolution (median), or the start day (rate with a horizon); else 0',
    partition UInt16 COMMENT 'Partition of the submissions that the values come from',
    values Array(Int64) COMMENT 'What the cell holds, in the layout of the definitions; all zeros where it is empty',
    version UInt64 COMMENT 'epoch << 48 | offset: every submission up to this one is in the values'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY generation
ORDER BY (generation, cohort, unit, period, by, indicator, bucket, partition)
COMMENT 'Cells of indicators; read with FINAL and sum over partitions';

CREATE TABLE IF NOT EXISTS $database.progress
(
    generation LowCardinality(String) COMMENT 'Which definitions the values were made by',
    partition UInt16 COMMENT 'Partition of the submissions',
    version UInt64 COMMENT 'epoch << 48 | offset: every submission up to this one is in the values'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY generation
ORDER BY (generation, partition)
COMMENT 'How far the derived values are; read with FINAL';

-- CellBatch messages go in whole, as bytes from Kafka; nothing is kept here.
CREATE TABLE IF NOT EXISTS $database.cell_messages
(
    generation String,
    partition UInt16,
    version UInt64,
    cells Array(Tuple(
        cohort String,
        unit String,
        period Date32,
        by Array(String),
        indicator String,
        bucket Int32,
        values Array(Int64)))
)
ENGINE = Null
COMMENT 'Way in for CellBatch messages, which cells_of_messages and progress_of_messages unfold';

CREATE MATERIALIZED VIEW IF NOT EXISTS $database.cells_of_messages TO $database.cells
AS SELECT
    generation,
    cell.cohort AS cohort,
    cell.unit AS unit,
    cell.period AS period,
    cell.by AS by,
    cell.indicator AS indicator,
    cell.bucket AS bucket,
    partition,
    cell.values AS values,
    version
FROM $database.cell_messages
ARRAY JOIN cells AS cell;

-- One row a message, also where it has no cells.
CREATE MATERIALIZED VIEW IF NOT EXISTS $database.progress_of_messages TO $database.progress
AS SELECT
    generation,
    partition,
    version
FROM $database.cell_messages;
