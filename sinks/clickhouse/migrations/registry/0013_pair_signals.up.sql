-- Signals of pairs of drug and reaction: every message, as in the table signals. What stands is the row of the highest
-- (through, message); a replay writes the same row again. They stay when their generation is dropped.
CREATE TABLE IF NOT EXISTS $database.pair_signals
(
    generation LowCardinality(String) COMMENT 'Which definitions the reports were counted by',
    monitor LowCardinality(String) COMMENT 'The monitor as monitors.yaml names it; also the key',
    definition LowCardinality(String) COMMENT 'Hash of all that is declared of the monitor',
    id String COMMENT 'What the signal is called: monitor/drug:reaction/number',
    drug LowCardinality(String) COMMENT 'Code of the drug',
    reaction LowCardinality(String) COMMENT 'Code of the reaction',
    number UInt32 COMMENT 'How many signals of the pair the monitor raised before',
    message UInt32 COMMENT 'Which message about the pair''s signals this is, from 1 on',
    state LowCardinality(String) COMMENT 'What has become of it: raised, updated, weakened or withdrawn',
    level LowCardinality(String) COMMENT 'The highest level that was raised: watch or alarm',
    reasons Array(String) COMMENT 'Why it was withdrawn: which registration was corrected, and how',
    partition UInt16 COMMENT 'Partition of the submissions by which this was known',
    version UInt64 COMMENT 'epoch << 48 | offset: the submissions of the partition up to this one',
    day Nullable(Date32)
        COMMENT 'The latest day on which a report was recorded that they are about; null where that is not known',
    versions Array(Tuple(
        partition UInt16, version UInt64)) COMMENT 'How far each partition''s submissions are in the values',
    reports UInt32 COMMENT 'Reports of all pairs',
    a UInt32 COMMENT 'Reports with drug and reaction',
    b UInt32 COMMENT 'With the drug and another reaction',
    c UInt32 COMMENT 'With another drug and the reaction',
    d UInt32 COMMENT 'With neither',
    expected Float64
        COMMENT 'Reports with both to be expected: the sum over strata of those of the stratum''s own table',
    prr Nullable(Float64)
        COMMENT 'Proportional reporting ratio; infinite where no other drug has the reaction, null where it cannot be told',
    prr_lower Nullable(Float64) COMMENT 'Its lower 95 % limit; null where it has none',
    prr_upper Nullable(Float64) COMMENT 'Its upper limit',
    ror Nullable(Float64) COMMENT 'Reporting odds ratio',
    ror_lower Nullable(Float64) COMMENT 'Its lower 95 % limit; null where it has none',
    ror_upper Nullable(Float64) COMMENT 'Its upper limit',
    ic Float64 COMMENT 'Information component, of a and expected',
    ic_lower Float64 COMMENT 'Its lower 95 % credibility limit',
    ic_upper Float64 COMMENT 'Its upper limit',
    ebgm Float64 COMMENT 'Empirical Bayes geometric mean, by the prior in use',
    eb05 Float64 COMMENT 'Its 5 % limit',
    eb95 Float64 COMMENT 'Its 95 % limit',
    likelihood_ratio Float64 COMMENT 'Log-likelihood ratio, of a, expected and a + c',
    rules Array(String) COMMENT 'Which rules call it a signal of disproportionate reporting: evans, ror, ic, ebgm',
    leading LowCardinality(String) COMMENT 'The drug that most reports of the reaction are of',
    share Float64 COMMENT 'Its share of them',
    without Array(Tuple(
        a UInt32, b UInt32, c UInt32, d UInt32, expected Float64, prr Nullable(Float64),
        prr_lower Nullable(Float64), prr_upper Nullable(Float64), ror Nullable(Float64),
        ror_lower Nullable(Float64), ror_upper Nullable(Float64), ic Float64, ic_lower Float64,
        ic_upper Float64, ebgm Float64, eb05 Float64, eb95 Float64, likelihood_ratio Float64,
        rules Array(String)))
        COMMENT 'The same without the leading drug''s reports: one, or none where that drug is the pair''s or its share is not large',
    levels Array(Tuple(
        level String, `by` Array(String), masked Bool, known_partition UInt16, known_version UInt64,
        known_day Nullable(Date32), reports UInt32, a UInt32, b UInt32, c UInt32, d UInt32, expected Float64,
        prr Nullable(Float64), prr_lower Nullable(Float64), prr_upper Nullable(Float64), ror Nullable(Float64),
        ror_lower Nullable(Float64), ror_upper Nullable(Float64), ic Float64, ic_lower Float64,
        ic_upper Float64, ebgm Float64, eb05 Float64, eb95 Float64, likelihood_ratio Float64,
        rules Array(String))) COMMENT 'When each level was reached, and what was known then',
    prior Array(Tuple(
        basis String, alpha1 Float64, beta1 Float64, alpha2 Float64, beta2 Float64, p Float64, reports UInt32,
        pairs UInt32, partition UInt16, version UInt64)) COMMENT 'The prior of EBGM in use: one',
    erased Array(Tuple(
        persons UInt32, reports UInt32, frozen_version UInt64, frozen_a UInt32, frozen_eb05 Float64))
        COMMENT 'Who has opted out since it was raised: one, or none where nobody has',
    through UInt64 COMMENT 'The sum of all versions: it rises with every submission that is in'
)
ENGINE = ReplacingMergeTree
ORDER BY (generation, monitor, drug, reaction, number, through, message)
COMMENT 'Signals of drug and reaction, each as often as anything about it was new; read with FINAL';

-- PairSignal messages go in whole, as bytes from Kafka; nothing is kept here.
CREATE TABLE IF NOT EXISTS $database.pair_signal_messages
(
    generation String,
    monitor String,
    definition String,
    id String,
    drug String,
    reaction String,
    number UInt32,
    message UInt32,
    state String,
    level String,
    reasons Array(String),
    partition UInt16,
    version UInt64,
    day Nullable(Date32),
    versions Array(Tuple(
        partition UInt16, version UInt64)),
    reports UInt32,
    a UInt32,
    b UInt32,
    c UInt32,
    d UInt32,
    expected Float64,
    prr Nullable(Float64),
    prr_lower Nullable(Float64),
    prr_upper Nullable(Float64),
    ror Nullable(Float64),
    ror_lower Nullable(Float64),
    ror_upper Nullable(Float64),
    ic Float64,
    ic_lower Float64,
    ic_upper Float64,
    ebgm Float64,
    eb05 Float64,
    eb95 Float64,
    likelihood_ratio Float64,
    rules Array(String),
    leading String,
    share Float64,
    without Array(Tuple(
        a UInt32, b UInt32, c UInt32, d UInt32, expected Float64, prr Nullable(Float64),
        prr_lower Nullable(Float64), prr_upper Nullable(Float64), ror Nullable(Float64),
        ror_lower Nullable(Float64), ror_upper Nullable(Float64), ic Float64, ic_lower Float64,
        ic_upper Float64, ebgm Float64, eb05 Float64, eb95 Float64, likelihood_ratio Float64,
        rules Array(String))),
    levels Array(Tuple(
        level String, `by` Array(String), masked Bool, known_partition UInt16, known_version UInt64,
        known_day Nullable(Date32), reports UInt32, a UInt32, b UInt32, c UInt32, d UInt32, expected Float64,
        prr Nullable(Float64), prr_lower Nullable(Float64), prr_upper Nullable(Float64), ror Nullable(Float64),
        ror_lower Nullable(Float64), ror_upper Nullable(Float64), ic Float64, ic_lower Float64,
        ic_upper Float64, ebgm Float64, eb05 Float64, eb95 Float64, likelihood_ratio Float64,
        rules Array(String))),
    prior Array(Tuple(
        basis String, alpha1 Float64, beta1 Float64, alpha2 Float64, beta2 Float64, p Float64, reports UInt32,
        pairs UInt32, partition UInt16, version UInt64)),
    erased Array(Tuple(
        persons UInt32, reports UInt32, frozen_version UInt64, frozen_a UInt32, frozen_eb05 Float64))
)
ENGINE = Null
COMMENT 'Way in for PairSignal messages, which pair_signals_of_messages takes';

CREATE MATERIALIZED VIEW IF NOT EXISTS $database.pair_signals_of_messages TO $database.pair_signals
AS SELECT
    *,
    arraySum(one -> one.version, versions) AS through
FROM $database.pair_signal_messages;
