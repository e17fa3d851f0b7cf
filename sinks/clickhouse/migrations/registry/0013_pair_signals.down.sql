-- loses data
DROP VIEW IF EXISTS $database.pair_signals_of_messages SYNC;
DROP TABLE IF EXISTS $database.pair_signal_messages SYNC;
DROP TABLE IF EXISTS $database.pair_signals SYNC;
