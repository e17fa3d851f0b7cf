-- Signals of surveillance: every message, for a signal's history is its messages and is never edited. What stands is
-- the row of the highest (through, message); a replay writes the same row again. They stay when their generation is
-- dropped: history is no cache.
CREATE TABLE IF NOT EXISTS $database.signals
(
    generation LowCardinality(String) COMMENT 'Which definitions the exposures were made by',
    monitor LowCardinality(String) COMMENT 'The monitor as monitors.yaml names it; also the key',
    `group` LowCardinality(String) COMMENT 'The group of exposures that it watches',
    definition LowCardinality(String) COMMENT 'Hash of all that is declared of the monitor',
    id String COMMENT 'What the signal is called: monitor/product/number',
    product LowCardinality(String) COMMENT 'Code of the product',
    number UInt32 COMMENT 'How many signals of the product the monitor raised before',
    message UInt32 COMMENT 'Which message about the product''s signals this is, from 1 on',
    state LowCardinality(String) COMMENT 'What has become of it: raised, updated, weakened or withdrawn',
    level LowCardinality(String) COMMENT 'The highest level that was raised: watch or alarm',
    cause LowCardinality(String)
        COMMENT 'product; or unit, where the product is not at watch without its largest unit, the first of units',
    reasons Array(String) COMMENT 'Why it was withdrawn',
    partition UInt16 COMMENT 'Partition of the submissions by which this was known',
    version UInt64 COMMENT 'epoch << 48 | offset: the submission by which this was known',
    versions Array(Tuple(
        partition UInt16, version UInt64)) COMMENT 'How far each partition''s submissions are in the values',
    levels Array(Tuple(
        level String, known_partition UInt16, known_version UInt64, known_day Date32, observed UInt32,
        expected Float64, statistic Float64, threshold Float64, day Nullable(Date32)))
        COMMENT 'When each level was reached',
    known Array(Tuple(
        partition UInt16, version UInt64, day Date32, observed UInt32, expected Float64, statistic Float64,
        watch Float64, alarm Float64, tail Float64, rate Nullable(Float64), lower Nullable(Float64),
        upper Nullable(Float64), basis String))
        COMMENT 'The known path: each look, in the order of submissions. It only grows; a message has the last 500 of it',
    hindsight Array(Tuple(
        day Date32, observed UInt32, expected Float64, statistic Float64, watch Float64, alarm Float64,
        tail Float64, rate Nullable(Float64), lower Nullable(Float64), upper Nullable(Float64), basis String))
        COMMENT 'The hindsight path: each day with an outcome, by event date with all data, and now; the last 500',
    comparator Array(Tuple(
        basis String, component_years Float64, observed UInt32, matched UInt32,
        matching_ratio Nullable(Float64), left_out Array(String)))
        COMMENT 'What the product is held against, with all that is known now: one',
    units Array(Tuple(
        unit String, factor Float64, through Nullable(Date32), lag Nullable(UInt32), exposures UInt32,
        component_years Float64, observed UInt32, expected Float64, learning_exposures UInt32,
        learning_years Float64, learning_observed UInt32, learning_expected Float64))
        COMMENT 'Numbers per unit, most outcomes first',
    methods Array(Tuple(
        name String, statistic Nullable(Float64), threshold Nullable(Float64), reached Bool,
        day Nullable(Date32), note String)) COMMENT 'Other methods beside the one that raises levels: evidence',
    rejected Bool
        COMMENT 'Whether the product was in the set of e-BH over the group''s catalogue, when a level was last raised',
    bounds Array(Float64) COMMENT 'The statistic if 0, 1, 2, ... outcomes that fit no operation were the product''s',
    happened Array(Tuple(
        unit String, start Date32, stop Date32, number UInt32))
        COMMENT 'First outcomes, the last 500: what signals of one case have in common, told without names',
    lots Array(Tuple(
        lot String, exposures UInt32, component_years Float64, observed UInt32, expected Float64,
        statistic Float64)) COMMENT 'Lots that had outcomes, the highest statistic first: whether it is a lot',
    erased Array(Tuple(
        persons UInt32, outcomes UInt32, frozen_version UInt64, frozen_statistic Float64))
        COMMENT 'Who has opted out since it was raised: one, or none where nobody has',
    through UInt64 COMMENT 'The sum of all versions: it rises with every submission that is in'
)
ENGINE = ReplacingMergeTree
ORDER BY (generation, monitor, product, number, through, message)
COMMENT 'Signals, each as often as anything about it was new; read with FINAL';

-- Signal messages go in whole, as bytes from Kafka; nothing is kept here.
CREATE TABLE IF NOT EXISTS $database.signal_messages
(
    generation String,
    monitor String,
    `group` String,
    definition String,
    id String,
    product String,
    number UInt32,
    message UInt32,
    state String,
    level String,
    cause String,
    reasons Array(String),
    partition UInt16,
    version UInt64,
    versions Array(Tuple(
        partition UInt16, version UInt64)),
    levels Array(Tuple(
        level String, known_partition UInt16, known_version UInt64, known_day Date32, observed UInt32,
        expected Float64, statistic Float64, threshold Float64, day Nullable(Date32))),
    known Array(Tuple(
        partition UInt16, version UInt64, day Date32, observed UInt32, expected Float64, statistic Float64,
        watch Float64, alarm Float64, tail Float64, rate Nullable(Float64), lower Nullable(Float64),
        upper Nullable(Float64), basis String)),
    hindsight Array(Tuple(
        day Date32, observed UInt32, expected Float64, statistic Float64, watch Float64, alarm Float64,
        tail Float64, rate Nullable(Float64), lower Nullable(Float64), upper Nullable(Float64), basis String)),
    comparator Array(Tuple(
        basis String, component_years Float64, observed UInt32, matched UInt32,
        matching_ratio Nullable(Float64), left_out Array(String))),
    units Array(Tuple(
        unit String, factor Float64, through Nullable(Date32), lag Nullable(UInt32), exposures UInt32,
        component_years Float64, observed UInt32, expected Float64, learning_exposures UInt32,
        learning_years Float64, learning_observed UInt32, learning_expected Float64)),
    methods Array(Tuple(
        name String, statistic Nullable(Float64), threshold Nullable(Float64), reached Bool,
        day Nullable(Date32), note String)),
    rejected Bool,
    bounds Array(Float64),
    happened Array(Tuple(
        unit String, start Date32, stop Date32, number UInt32)),
    lots Array(Tuple(
        lot String, exposures UInt32, component_years Float64, observed UInt32, expected Float64,
        statistic Float64)),
    erased Array(Tuple(
        persons UInt32, outcomes UInt32, frozen_version UInt64, frozen_statistic Float64))
)
ENGINE = Null
COMMENT 'Way in for Signal messages, which signals_of_messages takes';

CREATE MATERIALIZED VIEW IF NOT EXISTS $database.signals_of_messages TO $database.signals
AS SELECT
    *,
    arraySum(one -> one.version, versions) AS through
FROM $database.signal_messages;
