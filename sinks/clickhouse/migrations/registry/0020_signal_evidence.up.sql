-- What a signal was before anybody opted out whom it hangs on; which products e-BH rejects by what is known with a
-- message; and the numbers by which the statistic is worked out if outcomes that fit no operation were its own.
-- Rows and messages from before have none of them.
ALTER TABLE $database.signals
    ADD COLUMN IF NOT EXISTS frozen Array(Tuple(
        version UInt64, day Date32, observed UInt32, expected Float64, statistic Float64,
        watch_from Nullable(Date32), alarm_from Nullable(Date32), others UInt32))
        COMMENT 'What it was before anybody opted out whom it hangs on: one, or none where nobody has' AFTER erased,
    ADD COLUMN IF NOT EXISTS in_set Array(String)
        COMMENT 'The products that e-BH over the group''s catalogue rejects by what is known with this message' AFTER frozen,
    ADD COLUMN IF NOT EXISTS stream Array(Tuple(
        conditional Bool, observed Float64, expected Float64, trials Float64, share Float64))
        COMMENT 'The present stream: what the statistic is worked out from' AFTER in_set;

ALTER TABLE $database.signal_messages
    ADD COLUMN IF NOT EXISTS frozen Array(Tuple(
        version UInt64, day Date32, observed UInt32, expected Float64, statistic Float64,
        watch_from Nullable(Date32), alarm_from Nullable(Date32), others UInt32)),
    ADD COLUMN IF NOT EXISTS in_set Array(String),
    ADD COLUMN IF NOT EXISTS stream Array(Tuple(
        conditional Bool, observed Float64, expected Float64, trials Float64, share Float64));

ALTER TABLE $database.signals_of_messages MODIFY QUERY
SELECT
    *,
    arraySum(one -> one.version, versions) AS through
FROM $database.signal_messages;
