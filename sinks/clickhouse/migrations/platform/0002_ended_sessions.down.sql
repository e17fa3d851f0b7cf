DROP TABLE IF EXISTS $database.ended_sessions SYNC;
