-- loses data
DROP VIEW IF EXISTS $database.list_entries_of_messages SYNC;
DROP TABLE IF EXISTS $database.list_messages SYNC;
DROP TABLE IF EXISTS $database.list_entries SYNC;
