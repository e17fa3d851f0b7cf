-- Which generation of derived values readers use: the latest row. The earlier ones tell when it changed.
CREATE TABLE IF NOT EXISTS $database.generation_pointer
(
    generation String COMMENT 'The generation that readers use from then on',
    pointed_at DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'Since when'
)
ENGINE = MergeTree
ORDER BY pointed_at
COMMENT 'The latest row is the generation that readers use';

-- What a generation's numbers mean: they are read by the definitions that they were made by, also where
-- others are declared by now.
CREATE TABLE IF NOT EXISTS $database.generation_definitions
(
    generation String COMMENT 'The generation',
    indicators String COMMENT 'indicators.yaml as it was; empty where there was none',
    monitors String COMMENT 'monitors.yaml as it was; empty where there was none',
    kept_at DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'When this text was kept'
)
ENGINE = ReplacingMergeTree(kept_at)
ORDER BY generation
COMMENT 'The definitions of each generation; read with FINAL';
