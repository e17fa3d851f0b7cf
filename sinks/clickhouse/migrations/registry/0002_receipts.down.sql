-- loses data
DROP TABLE IF EXISTS $database.refusals_of_messages SYNC;
DROP TABLE IF EXISTS $database.receipts_of_messages SYNC;
DROP TABLE IF EXISTS $database.receipt_messages SYNC;
DROP TABLE IF EXISTS $database.refusals SYNC;
DROP TABLE IF EXISTS $database.receipts SYNC;
