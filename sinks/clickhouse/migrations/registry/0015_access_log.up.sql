-- Who has read what that is near to a person: a row for each reading, written before it is shown, and never changed.
CREATE TABLE IF NOT EXISTS $database.access_log
(
    id UUID COMMENT 'Of the reading',
    read_at DateTime64(3, 'UTC') COMMENT 'When',
    subject String COMMENT 'What the provider of identities calls who read',
    name String COMMENT 'Their name',
    role LowCardinality(String) COMMENT 'What they read as',
    bound_to String COMMENT 'The company, units or registries that the account is bound to',
    area LowCardinality(String) COMMENT 'What was read: a row of the table of access',
    unit LowCardinality(String) COMMENT 'The unit that it was of; empty where of none in particular',
    about String COMMENT 'What exactly, such as a signal',
    purpose String COMMENT 'What for, as they stated it',
    people UInt32 COMMENT 'How many persons it was about'
)
ENGINE = ReplacingMergeTree
ORDER BY (read_at, id)
COMMENT 'Readings of what is near to a person; the controller reviews them';
