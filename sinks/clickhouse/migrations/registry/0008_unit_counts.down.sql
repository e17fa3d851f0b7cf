-- loses data
DROP VIEW IF EXISTS $database.unit_counts_of_messages SYNC;
DROP TABLE IF EXISTS $database.unit_count_messages SYNC;
DROP TABLE IF EXISTS $database.unit_counts SYNC;
