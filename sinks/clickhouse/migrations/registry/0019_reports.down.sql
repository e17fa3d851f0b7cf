-- loses data
-- Which reports were made, sent and answered: the log of reports has the latest weeks only.
DROP VIEW IF EXISTS $database.reports_of_messages SYNC;
DROP TABLE IF EXISTS $database.report_messages SYNC;
DROP TABLE IF EXISTS $database.reports SYNC;
