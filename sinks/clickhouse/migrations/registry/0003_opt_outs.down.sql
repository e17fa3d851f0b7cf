-- loses data
DROP VIEW IF EXISTS $database.opt_out_log_of_submissions SYNC;
DROP VIEW IF EXISTS $database.opt_outs SYNC;
DROP TABLE IF EXISTS $database.opt_out_log SYNC;
DROP TABLE IF EXISTS $database.erased SYNC;
