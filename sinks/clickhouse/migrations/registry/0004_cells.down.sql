-- loses data
DROP VIEW IF EXISTS $database.progress_of_messages SYNC;
DROP VIEW IF EXISTS $database.cells_of_messages SYNC;
DROP TABLE IF EXISTS $database.cell_messages SYNC;
DROP TABLE IF EXISTS $database.progress SYNC;
DROP TABLE IF EXISTS $database.cells SYNC;
