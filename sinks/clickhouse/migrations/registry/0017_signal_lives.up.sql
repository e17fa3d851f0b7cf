-- Which life of surveillance stated a signal: where what it keeps is lost it begins anew, counts its messages from one
-- on, and looks at other moments. A message says its life, so that one which is read again, however late, goes where it
-- was; only those of the latest life stand. Rows and messages from before are of life 0; those that had been set aside
-- stay under the names that they were given then.
CREATE TABLE IF NOT EXISTS $database.signal_lives
(
    generation LowCardinality(String) COMMENT 'Which definitions the exposures were made by',
    life UInt32 COMMENT 'How many lives there were before it',
    begun_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it began'
)
ENGINE = ReplacingMergeTree
ORDER BY (generation, life)
COMMENT 'Lives of surveillance but for the first: no signal of an earlier one stands, also before this has stated any';

ALTER TABLE $database.signals
    ADD COLUMN IF NOT EXISTS life UInt32 COMMENT 'How often surveillance had begun anew before it stated this',
    MODIFY ORDER BY (generation, monitor, product, number, through, message, life);

ALTER TABLE $database.signal_messages ADD COLUMN IF NOT EXISTS life UInt32;

ALTER TABLE $database.signals_of_messages MODIFY QUERY
SELECT
    *,
    arraySum(one -> one.version, versions) AS through
FROM $database.signal_messages;

ALTER TABLE $database.pair_signals
    ADD COLUMN IF NOT EXISTS life UInt32 COMMENT 'How often surveillance had begun anew before it stated this',
    MODIFY ORDER BY (generation, monitor, drug, reaction, number, through, message, life);

ALTER TABLE $database.pair_signal_messages ADD COLUMN IF NOT EXISTS life UInt32;

ALTER TABLE $database.pair_signals_of_messages MODIFY QUERY
SELECT
    *,
    arraySum(one -> one.version, versions) AS through
FROM $database.pair_signal_messages;
