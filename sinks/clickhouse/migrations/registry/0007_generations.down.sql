-- loses data
DROP TABLE IF EXISTS $database.generation_definitions SYNC;
DROP TABLE IF EXISTS $database.generation_pointer SYNC;
