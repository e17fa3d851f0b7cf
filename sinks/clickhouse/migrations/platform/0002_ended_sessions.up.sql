-- Log-ins to the portal that were ended before their time, for every portal process to know.
CREATE TABLE IF NOT EXISTS $database.ended_sessions
(
    session String COMMENT 'Id of the session, of no use without the signed cookie that has it',
    until DateTime('UTC') COMMENT 'When it would have ended by itself; what is older than that is let go',
    ended_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When it was ended, by the clock of the database'
)
ENGINE = ReplacingMergeTree
ORDER BY session
TTL until
COMMENT 'Sessions that were ended before their time';
