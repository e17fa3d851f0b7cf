-- loses data
DROP VIEW IF EXISTS $database.signals_of_messages SYNC;
DROP TABLE IF EXISTS $database.signal_messages SYNC;
DROP TABLE IF EXISTS $database.signals SYNC;
