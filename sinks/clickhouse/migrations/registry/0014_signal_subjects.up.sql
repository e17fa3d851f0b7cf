-- Signals of families, companies, lots and units beside those of products. The column product has the label of whatever
-- it is: CUP01, family:Falka, company:Nordfalk Ortopedi, lot:CUP01:L7, unit:U11. Rows and messages from before are of
-- products.
ALTER TABLE $database.signals
    ADD COLUMN IF NOT EXISTS of LowCardinality(String) DEFAULT 'product'
        COMMENT 'What it is of: product, family, company, lot or unit' AFTER message,
    ADD COLUMN IF NOT EXISTS products Array(String)
        COMMENT 'Codes of the products that it is about; none of a unit, and none where only the product is' AFTER of,
    ADD COLUMN IF NOT EXISTS lot String COMMENT 'The lot, of a lot''s; else empty' AFTER products,
    ADD COLUMN IF NOT EXISTS unit LowCardinality(String) COMMENT 'The unit, of a unit''s; else empty' AFTER lot,
    ADD COLUMN IF NOT EXISTS by_product Array(Tuple(
        product String, exposures UInt32, component_years Float64, observed UInt32, expected Float64))
        COMMENT 'What the outcomes of a family, a company or a unit are made of: product by product' AFTER lots;

ALTER TABLE $database.signal_messages
    ADD COLUMN IF NOT EXISTS of String DEFAULT 'product',
    ADD COLUMN IF NOT EXISTS products Array(String),
    ADD COLUMN IF NOT EXISTS lot String,
    ADD COLUMN IF NOT EXISTS unit String,
    ADD COLUMN IF NOT EXISTS by_product Array(Tuple(
        product String, exposures UInt32, component_years Float64, observed UInt32, expected Float64));

ALTER TABLE $database.signals_of_messages MODIFY QUERY
SELECT
    *,
    arraySum(one -> one.version, versions) AS through
FROM $database.signal_messages;
