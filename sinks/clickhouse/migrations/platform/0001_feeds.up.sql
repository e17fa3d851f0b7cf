-- What companies are told, as it stands on their topics. Of events with the same id the first counts: what is told
-- again, after a log was lost, is known already. A version is the event's place in the feed: no company sees it.
CREATE TABLE IF NOT EXISTS $database.feed
(
    company LowCardinality(String) COMMENT 'Code of the company that is told',
    id String COMMENT 'Id of the event, derived from what is told',
    registry LowCardinality(String) COMMENT 'Who tells it',
    type LowCardinality(String) COMMENT 'What it is, such as guldadra.signal.raised',
    subject String COMMENT 'Signal (group/product/number) or notice that it is about',
    at DateTime64(3, 'UTC') COMMENT 'When it was said',
    event String COMMENT 'The CloudEvent, in the very bytes that were sent',
    version UInt64 COMMENT 'epoch << 48 | offset of the message on the feed',
    loaded_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it could be read here',
    earliest UInt64 MATERIALIZED bitNot(version) COMMENT 'The highest is that of the first event, which counts',
    INDEX by_version version TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(earliest)
ORDER BY (company, id)
SETTINGS index_granularity_bytes = 1048576
COMMENT 'The feeds of all companies; read with FINAL, in the order of version';

-- Where a company's events are sent to. Secrets are not here: they are files of whoever sends.
CREATE TABLE IF NOT EXISTS $database.webhooks
(
    id String COMMENT 'What the endpoint is called',
    company LowCardinality(String) COMMENT 'Whose events it gets',
    registry LowCardinality(String) COMMENT 'Whose controller has registered it: it gets the events of this registry',
    url String COMMENT 'https address that events are posted to',
    since UInt64 COMMENT 'Events of the feed with a higher version are sent',
    added_at DateTime64(3, 'UTC') COMMENT 'When it was registered',
    added_by String COMMENT 'Who registered it',
    removed Bool COMMENT 'Whether it is removed: nothing is sent any more',
    removed_by String COMMENT 'Who removed it',
    version UInt64 COMMENT 'How often anything was said of it'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY id
COMMENT 'Webhooks, the removed ones too; read with FINAL';

-- How it stands with each event at each endpoint, once sending it has been tried.
CREATE TABLE IF NOT EXISTS $database.webhook_deliveries
(
    webhook String COMMENT 'Id of the endpoint',
    event String COMMENT 'Id of the event',
    state LowCardinality(String) COMMENT 'waiting, delivered or dead',
    attempts UInt32 COMMENT 'How often it was tried, since it was last asked for',
    since DateTime64(3, 'UTC') COMMENT 'From when on the time is counted after which it is given up',
    tried_at DateTime64(3, 'UTC') COMMENT 'When it was last tried',
    due DateTime64(3, 'UTC') COMMENT 'Where it waits: when it is tried next',
    status UInt16 COMMENT 'Status of the last answer; 0 where there was none',
    error String COMMENT 'What went wrong last, in words; never what was answered',
    version UInt64 COMMENT 'How often anything was said of it'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (webhook, event)
COMMENT 'Deliveries to webhooks; read with FINAL';

-- By what a company is aware of a signal or notice. Kept for ever; the first stays the first, whatever comes later.
CREATE TABLE IF NOT EXISTS $database.company_awareness
(
    registry LowCardinality(String) COMMENT 'Who told it',
    company LowCardinality(String) COMMENT 'Code of the company',
    subject String COMMENT 'Signal (group/product/number) or notice',
    kind LowCardinality(String) COMMENT 'delivery, to a machine; reading, by a person',
    at DateTime64(3, 'UTC') COMMENT 'When',
    channel LowCardinality(String) COMMENT 'How: sse, webhook, page, api',
    event String COMMENT 'Id of the event that was delivered; empty for a reading',
    by String COMMENT 'Who read it; empty for a delivery',
    earliest UInt64 MATERIALIZED bitNot(toUInt64(toUnixTimestamp64Milli(at))) COMMENT 'The highest is that of the first'
)
ENGINE = ReplacingMergeTree(earliest)
ORDER BY (registry, company, subject, kind)
COMMENT 'First delivery and first reading of each signal and notice by each company; read with FINAL';
