-- loses data
-- What signals are of, but for their labels: only surveillance started anew tells it again.
ALTER TABLE $database.signals_of_messages MODIFY QUERY
SELECT
    generation, monitor, `group`, definition, id, product, number, message, state, level, cause, reasons, partition,
    version, versions, levels, known, hindsight, comparator, units, methods, rejected, bounds, happened, lots, erased,
    arraySum(one -> one.version, versions) AS through
FROM $database.signal_messages;

ALTER TABLE $database.signal_messages
    DROP COLUMN IF EXISTS by_product,
    DROP COLUMN IF EXISTS unit,
    DROP COLUMN IF EXISTS lot,
    DROP COLUMN IF EXISTS products,
    DROP COLUMN IF EXISTS of;

ALTER TABLE $database.signals
    DROP COLUMN IF EXISTS by_product,
    DROP COLUMN IF EXISTS unit,
    DROP COLUMN IF EXISTS lot,
    DROP COLUMN IF EXISTS products,
    DROP COLUMN IF EXISTS of;
