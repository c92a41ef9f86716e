"""A fact is a line of a receipt on a day: late lines add up, and a receipt's number may be used again on another day.

Facts that are there were summed by product, and do not say of which lines. They stay, as line ``-product_key``, until
their day is loaded again: any load of the day takes them out first, and ``warehouse load`` asks for all such days that
the lake has. Money has four decimal places, the most that a currency of ISO 4217 has.

The way back sums lines by product again. Where a product is on a receipt's number on two days, or in two currencies,
the second one's receipt is called ``<number>#2``. Amounts with more than two decimal places have no way back.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

_LINES = """
ALTER TABLE sales.fact_sales
    DROP CONSTRAINT fact_sales_pkey,
    DROP CONSTRAINT fact_sales_measures_check,
    DROP CONSTRAINT fact_sales_total_check;
ALTER TABLE sales.fact_sales
    ALTER COLUMN line_count TYPE integer USING -product_key,
    ALTER COLUMN unit_price TYPE numeric(16, 4),
    ALTER COLUMN total_amount TYPE numeric(18, 4);
ALTER TABLE sales.fact_sales RENAME COLUMN line_count TO line;
ALTER TABLE sales.fact_sales
    ADD CONSTRAINT fact_sales_pkey PRIMARY KEY (retailer_key, date_key, transaction_id, line),
    ADD CONSTRAINT fact_sales_measures_check CHECK (quantity > 0 AND unit_price >= 0),
    ADD CONSTRAINT fact_sales_total_check CHECK (abs(total_amount - quantity * unit_price) <= 0.00005 * quantity);
CREATE INDEX fact_sales_summed_idx ON sales.fact_sales (retailer_key, source_day) WHERE line <= 0;
COMMENT ON TABLE sales.fact_sales IS 'One row per line of a receipt, as the newest feed states it.';
COMMENT ON COLUMN sales.fact_sales.date_key IS
    'The day of sold_at at the store; another day may use the number of the receipt again.';
COMMENT ON COLUMN sales.fact_sales.unit_price IS 'Price of one item.';
COMMENT ON COLUMN sales.fact_sales.line IS
    'The line of the receipt, from 1. Below 1: the lines of one product, summed by an older version.';

ALTER TABLE sales.fact_sales_superseded DROP CONSTRAINT fact_sales_superseded_pkey;
ALTER TABLE sales.fact_sales_superseded
    ALTER COLUMN line_count TYPE integer USING -product_key,
    ALTER COLUMN unit_price TYPE numeric(16, 4),
    ALTER COLUMN total_amount TYPE numeric(18, 4);
ALTER TABLE sales.fact_sales_superseded RENAME COLUMN line_count TO line;
ALTER TABLE sales.fact_sales_superseded
    ADD CONSTRAINT fact_sales_superseded_pkey PRIMARY KEY (retailer_key, date_key, transaction_id, line, source_day);

COMMENT ON COLUMN ops.load_audit.merged IS
    'Lines that an older version summed into another one of the same product and transaction; 0 since.';
"""

_SUMMED = """
DO $$
DECLARE
    odd record;
BEGIN
    SELECT transaction_id, total_amount INTO odd
    FROM (SELECT * FROM sales.fact_sales UNION ALL SELECT * FROM sales.fact_sales_superseded) AS every
    WHERE total_amount <> round(total_amount, 2) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Transaction % has the amount %, and the older schema holds two decimal places. Archive or '
            'remove such facts first.', odd.transaction_id, odd.total_amount;
    END IF;
END $$;

CREATE TEMPORARY TABLE summed ON COMMIT DROP AS
WITH every AS (
    SELECT *, true AS is_fact FROM sales.fact_sales
    UNION ALL SELECT *, false FROM sales.fact_sales_superseded
), known AS (
    SELECT *, bool_or(is_fact) OVER (
        PARTITION BY retailer_key, transaction_id, product_key, date_key, currency
    ) AS has_fact FROM every
), numbered AS (
    SELECT *, dense_rank() OVER (
        PARTITION BY retailer_key, transaction_id, product_key ORDER BY NOT has_fact, date_key, currency
    ) AS number FROM known
)
SELECT is_fact, retailer_key,
       CASE WHEN number = 1 THEN transaction_id ELSE transaction_id || '#' || number END AS transaction_id, product_key,
       date_key, min(customer_key) AS customer_key, min(store_key) AS store_key, min(sold_at) AS sold_at,
       sum(quantity)::integer AS quantity, round(sum(total_amount) / sum(quantity), 4) AS unit_price,
       sum(total_amount) AS total_amount, currency, min(data_source) AS data_source, count(*)::integer AS line_count,
       max(source_day) AS source_day
FROM numbered
GROUP BY is_fact, retailer_key, transaction_id, number, product_key, date_key, currency,
         CASE WHEN NOT is_fact THEN source_day END;
TRUNCATE sales.fact_sales, sales.fact_sales_superseded;

DROP INDEX sales.fact_sales_summed_idx;
ALTER TABLE sales.fact_sales
    DROP CONSTRAINT fact_sales_pkey,
    DROP CONSTRAINT fact_sales_measures_check,
    DROP CONSTRAINT fact_sales_total_check;
ALTER TABLE sales.fact_sales RENAME COLUMN line TO line_count;
ALTER TABLE sales.fact_sales
    ALTER COLUMN unit_price TYPE numeric(14, 4),
    ALTER COLUMN total_amount TYPE numeric(14, 2),
    ADD CONSTRAINT fact_sales_pkey PRIMARY KEY (retailer_key, transaction_id, product_key),
    ADD CONSTRAINT fact_sales_measures_check CHECK (quantity > 0 AND unit_price >= 0 AND line_count > 0),
    ADD CONSTRAINT fact_sales_total_check CHECK (abs(total_amount - quantity * unit_price) <= 0.00005 * quantity);
COMMENT ON TABLE sales.fact_sales IS 'One row per product per transaction, as the newest feed states it.';
COMMENT ON COLUMN sales.fact_sales.date_key IS 'The day of sold_at at the store.';
COMMENT ON COLUMN sales.fact_sales.unit_price IS
    'Price of one item; the mean, to 4 places, where the lines of one product had several.';
COMMENT ON COLUMN sales.fact_sales.line_count IS 'Lines of the receipt that were summed into this row.';

ALTER TABLE sales.fact_sales_superseded DROP CONSTRAINT fact_sales_superseded_pkey;
ALTER TABLE sales.fact_sales_superseded RENAME COLUMN line TO line_count;
ALTER TABLE sales.fact_sales_superseded
    ALTER COLUMN unit_price TYPE numeric(14, 4),
    ALTER COLUMN total_amount TYPE numeric(14, 2),
    ADD CONSTRAINT fact_sales_superseded_pkey PRIMARY KEY (retailer_key, transaction_id, product_key, source_day);

INSERT INTO sales.fact_sales
SELECT retailer_key, transaction_id, product_key, date_key, customer_key, store_key, sold_at, quantity, unit_price,
       total_amount, currency, data_source, line_count, source_day
FROM summed WHERE is_fact;
INSERT INTO sales.fact_sales_superseded
SELECT retailer_key, transaction_id, product_key, date_key, customer_key, store_key, sold_at, quantity, unit_price,
       total_amount, currency, data_source, line_count, source_day
FROM summed WHERE NOT is_fact;

COMMENT ON COLUMN ops.load_audit.merged IS 'Lines summed into another line of the same product and transaction.';
"""


def upgrade() -> None:
    """Key the facts by line; the sums of an older version stay until their day is loaded again."""
    op.execute(_LINES)


def downgrade() -> None:
    """Sum the lines by product and transaction again."""
    op.execute(_SUMMED)
