-- loses data
-- Who has read what: only a backup has it.
DROP TABLE IF EXISTS $database.access_log SYNC;
