-- What became of the submissions: one row a slice, whose ranges never overlap within an epoch.
CREATE TABLE IF NOT EXISTS $database.receipts
(
    partition UInt16 COMMENT 'Partition of the submitted topic',
    epoch UInt16 COMMENT 'Which life of the registry''s log the offsets belong to',
    first_offset UInt64 COMMENT 'First submission offset decided on',
    last_offset UInt64 COMMENT 'Last submission offset decided on',
    received UInt32 COMMENT 'Submissions decided on: accepted and refused together',
    accepted UInt32 COMMENT 'How many were accepted',
    refused UInt32 COMMENT 'How many were refused'
)
ENGINE = ReplacingMergeTree
ORDER BY (partition, epoch, first_offset)
COMMENT 'Receipts of slices of submissions; read with FINAL';

CREATE TABLE IF NOT EXISTS $database.refusals
(
    partition UInt16 COMMENT 'Partition of the submitted topic',
    epoch UInt16 COMMENT 'Which life of the registry''s log the offset belongs to',
    offset UInt64 COMMENT 'Offset of the refused submission',
    faults Array(Tuple(field String, rule String)) COMMENT 'Field (empty: the submission as a whole) and the rule that it breaks; never the value'
)
ENGINE = ReplacingMergeTree
ORDER BY (partition, epoch, offset)
COMMENT 'Refused submissions and why; read with FINAL';

-- Receipt messages go in whole, as bytes from Kafka; nothing is kept here.
CREATE TABLE IF NOT EXISTS $database.receipt_messages
(
    partition UInt16,
    epoch UInt16,
    first_offset UInt64,
    last_offset UInt64,
    received UInt32,
    accepted UInt32,
    refusals Array(Tuple(offset UInt64, faults Array(Tuple(field String, rule String))))
)
ENGINE = Null
COMMENT 'Way in for Receipt messages, which receipts_of_messages and refusals_of_messages unfold';

CREATE MATERIALIZED VIEW IF NOT EXISTS $database.receipts_of_messages TO $database.receipts
AS SELECT
    partition,
    epoch,
    first_offset,
    last_offset,
    received,
    accepted,
    length(refusals) AS refused
FROM $database.receipt_messages;

CREATE MATERIALIZED VIEW IF NOT EXISTS $database.refusals_of_messages TO $database.refusals
AS SELECT
    partition,
    epoch,
    refusal.offset AS offset,
    refusal.faults AS faults
FROM $database.receipt_messages
ARRAY JOIN refusals AS refusal;
