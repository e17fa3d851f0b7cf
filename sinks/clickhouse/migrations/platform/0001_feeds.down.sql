-- loses data
-- What companies were told, where it is sent, what could not be delivered, and since when they are aware of what.
DROP TABLE IF EXISTS $database.company_awareness SYNC;
DROP TABLE IF EXISTS $database.webhook_deliveries SYNC;
DROP TABLE IF EXISTS $database.webhooks SYNC;
DROP TABLE IF EXISTS $database.feed SYNC;
