-- loses data
DROP VIEW IF EXISTS $database.exposures_of_messages SYNC;
DROP TABLE IF EXISTS $database.exposure_messages SYNC;
DROP TABLE IF EXISTS $database.exposures SYNC;
