-- loses data
DROP TABLE IF EXISTS $database.archive_of_messages SYNC;
DROP TABLE IF EXISTS $database.accepted_messages SYNC;
DROP TABLE IF EXISTS $database.archive SYNC;
