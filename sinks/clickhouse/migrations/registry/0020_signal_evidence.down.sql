-- loses data
-- What signals were before anybody opted out, e-BH's set and the present stream.
ALTER TABLE $database.signals_of_messages MODIFY QUERY
SELECT
    * EXCEPT (frozen, in_set, stream),
    arraySum(one -> one.version, versions) AS through
FROM $database.signal_messages;

ALTER TABLE $database.signal_messages
    DROP COLUMN IF EXISTS stream,
    DROP COLUMN IF EXISTS in_set,
    DROP COLUMN IF EXISTS frozen;

ALTER TABLE $database.signals
    DROP COLUMN IF EXISTS stream,
    DROP COLUMN IF EXISTS in_set,
    DROP COLUMN IF EXISTS frozen;
