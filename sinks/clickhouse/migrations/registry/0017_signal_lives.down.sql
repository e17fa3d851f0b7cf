-- loses data
-- Which life stated a signal, and that a life has begun: signals of former lives stay, under names of their own.
INSERT INTO $database.signals
SELECT * REPLACE (concat(generation, '.', toString(life)) AS generation, 0 AS life) FROM
    (SELECT * FROM $database.signals FINAL WHERE (generation, life) NOT IN (
        SELECT generation, max(life) FROM (
            SELECT generation, life FROM $database.signals UNION ALL SELECT generation, life FROM $database.signal_lives)
        GROUP BY generation));

DELETE FROM $database.signals WHERE (generation, life) NOT IN (
    SELECT generation, max(life) FROM (
        SELECT generation, life FROM $database.signals UNION ALL SELECT generation, life FROM $database.signal_lives)
    GROUP BY generation);

INSERT INTO $database.pair_signals
SELECT * REPLACE (concat(generation, '.', toString(life)) AS generation, 0 AS life) FROM
    (SELECT * FROM $database.pair_signals FINAL WHERE (generation, life) NOT IN (
        SELECT generation, max(life) FROM (
            SELECT generation, life FROM $database.pair_signals
            UNION ALL SELECT generation, life FROM $database.signal_lives)
        GROUP BY generation));

DELETE FROM $database.pair_signals WHERE (generation, life) NOT IN (
    SELECT generation, max(life) FROM (
        SELECT generation, life FROM $database.pair_signals
        UNION ALL SELECT generation, life FROM $database.signal_lives)
    GROUP BY generation);

ALTER TABLE $database.signals_of_messages MODIFY QUERY
SELECT
    * EXCEPT life,
    arraySum(one -> one.version, versions) AS through
FROM $database.signal_messages;

ALTER TABLE $database.signal_messages DROP COLUMN IF EXISTS life;

ALTER TABLE $database.signals MODIFY ORDER BY (generation, monitor, product, number, through, message);

ALTER TABLE $database.signals DROP COLUMN IF EXISTS life;

ALTER TABLE $database.pair_signals_of_messages MODIFY QUERY
SELECT
    * EXCEPT life,
    arraySum(one -> one.version, versions) AS through
FROM $database.pair_signal_messages;

ALTER TABLE $database.pair_signal_messages DROP COLUMN IF EXISTS life;

ALTER TABLE $database.pair_signals MODIFY ORDER BY (generation, monitor, drug, reaction, number, through, message);

ALTER TABLE $database.pair_signals DROP COLUMN IF EXISTS life;

DROP TABLE IF EXISTS $database.signal_lives SYNC;
