"""Returns, discounts and weighed goods: quantities are decimal, and the views say gross, discounts, returns and net.

Facts that are there were whole items at quantity x price: their discount is 0, and none is a return.

The older schema has no place for the new kinds of facts. The way back sets them aside in ``ops.set_aside_0007`` and
``ops.set_aside_superseded_0007``, and the way up brings them back where no load has stated them again.
"""

from alembic import op

from pizza_assets.warehouse.migrations.versions import v0003_marts

revision = "0007"
down_revision = "0006"

_FACTS = """
ALTER TABLE sales.fact_sales
    DROP CONSTRAINT fact_sales_measures_check,
    DROP CONSTRAINT fact_sales_total_check,
    ALTER COLUMN quantity TYPE numeric(16, 4),
    ADD COLUMN discount numeric(18, 4) NOT NULL DEFAULT 0,
    ADD COLUMN is_return boolean NOT NULL DEFAULT false;
ALTER TABLE sales.fact_sales
    ALTER COLUMN discount DROP DEFAULT,
    ALTER COLUMN is_return DROP DEFAULT,
    ADD CONSTRAINT fact_sales_measures_check CHECK (quantity <> 0 AND unit_price >= 0),
    ADD CONSTRAINT fact_sales_return_check CHECK (
        is_return = (quantity < 0)
        AND sign(total_amount) IN (0, sign(quantity)) AND sign(discount) IN (0, sign(quantity))
    ),
    ADD CONSTRAINT fact_sales_total_check CHECK (
        abs(total_amount + discount - quantity * unit_price) <= greatest(1, abs(quantity) / 2)
    );
COMMENT ON COLUMN sales.fact_sales.quantity IS 'Items, or kilograms where they are weighed; negative on a return.';
COMMENT ON COLUMN sales.fact_sales.unit_price IS 'Price of one item, or kilogram.';
COMMENT ON COLUMN sales.fact_sales.discount IS 'What was taken off: 0 where nothing was, negative on a return.';
COMMENT ON COLUMN sales.fact_sales.total_amount IS
    'What was paid: quantity x unit_price, rounded to the smallest unit of the currency, less the discount.';
COMMENT ON COLUMN sales.fact_sales.is_return IS 'Whether the line gives money back.';

ALTER TABLE sales.fact_sales_superseded
    ALTER COLUMN quantity TYPE numeric(16, 4),
    ADD COLUMN discount numeric(18, 4) NOT NULL DEFAULT 0,
    ADD COLUMN is_return boolean NOT NULL DEFAULT false;
ALTER TABLE sales.fact_sales_superseded ALTER COLUMN discount DROP DEFAULT, ALTER COLUMN is_return DROP DEFAULT;
"""

#: What an earlier way back set aside comes back, unless a load has stated the line since.
_BROUGHT_BACK = """
CREATE TABLE IF NOT EXISTS ops.set_aside_0007 (LIKE sales.fact_sales);
CREATE TABLE IF NOT EXISTS ops.set_aside_superseded_0007 (LIKE sales.fact_sales_superseded);
INSERT INTO sales.fact_sales SELECT * FROM ops.set_aside_0007 ON CONFLICT DO NOTHING;
INSERT INTO sales.fact_sales_superseded SELECT * FROM ops.set_aside_superseded_0007 ON CONFLICT DO NOTHING;
DROP TABLE ops.set_aside_0007, ops.set_aside_superseded_0007;
"""

_ROLL_UPS = """
DROP MATERIALIZED VIEW marts.mv_daily_sales_summary, marts.mv_monthly_sales_by_category,
    marts.mv_top_products_by_revenue, marts.mv_weekly_sales_trends, marts.mv_quarterly_sales_summary,
    marts.mv_daily_sales_by_product;
DROP TABLE marts.rollup_daily_retailer, marts.rollup_daily_product;

CREATE TABLE marts.rollup_daily_retailer (
    date_key          integer NOT NULL,
    retailer_key      smallint NOT NULL,
    currency          text NOT NULL,
    data_source       text NOT NULL,
    transactions      bigint NOT NULL,
    customers         bigint NOT NULL,
    facts             bigint NOT NULL,
    net_quantity      numeric NOT NULL,
    returned_quantity numeric NOT NULL,
    gross_revenue     numeric NOT NULL,
    discounts         numeric NOT NULL,
    returns           numeric NOT NULL,
    net_revenue       numeric NOT NULL,
    PRIMARY KEY (date_key, retailer_key, currency, data_source)
);
COMMENT ON TABLE marts.rollup_daily_retailer IS 'Facts by day and retailer; the views sum it.';

CREATE TABLE marts.rollup_daily_product (
    date_key          integer NOT NULL,
    retailer_key      smallint NOT NULL,
    product_key       integer NOT NULL,
    currency          text NOT NULL,
    data_source       text NOT NULL,
    transactions      bigint NOT NULL,
    net_quantity      numeric NOT NULL,
    returned_quantity numeric NOT NULL,
    gross_revenue     numeric NOT NULL,
    discounts         numeric NOT NULL,
    returns           numeric NOT NULL,
    net_revenue       numeric NOT NULL,
    PRIMARY KEY (date_key, retailer_key, product_key, currency, data_source)
);
COMMENT ON TABLE marts.rollup_daily_product IS 'Facts by day and product; the views sum it.';
"""

_SUMS = """sum(s.net_quantity) AS net_quantity, sum(s.returned_quantity) AS returned_quantity,
       sum(s.gross_revenue) AS gross_revenue, sum(s.discounts) AS discounts, sum(s.returns) AS returns,
       sum(s.net_revenue) AS net_revenue"""
_AMOUNTS = "s.net_quantity, s.returned_quantity, s.gross_revenue, s.discounts, s.returns, s.net_revenue"

_VIEWS = f"""
CREATE MATERIALIZED VIEW marts.mv_daily_sales_summary AS
SELECT d.calendar_date AS sale_date, d.iso_day_of_week, d.is_match_date, d.matches_source, r.retailer_id, s.currency,
       s.data_source, s.transactions, s.customers, s.facts, {_AMOUNTS},
       round(s.net_revenue / s.transactions, 2) AS revenue_per_transaction
FROM marts.rollup_daily_retailer s
JOIN sales.dim_date d USING (date_key)
JOIN sales.dim_retailer r USING (retailer_key);
CREATE UNIQUE INDEX mv_daily_sales_summary_key
    ON marts.mv_daily_sales_summary (sale_date, retailer_id, currency, data_source);

CREATE MATERIALIZED VIEW marts.mv_monthly_sales_by_category AS
WITH months AS (
    SELECT make_date(d.year, d.month, 1) AS month_start, r.retailer_id, p.category, s.currency, s.data_source, {_SUMS}
    FROM marts.rollup_daily_product s
    JOIN sales.dim_date d USING (date_key)
    JOIN sales.dim_product p USING (product_key)
    JOIN sales.dim_retailer r ON r.retailer_key = s.retailer_key
    GROUP BY d.year, d.month, r.retailer_id, p.category, s.currency, s.data_source
), shares AS (
    SELECT *, sum(net_revenue) OVER (PARTITION BY month_start, retailer_id, currency, data_source) AS of_month
    FROM months
)
SELECT month_start, retailer_id, category, currency, data_source, {_AMOUNTS},
       CASE WHEN of_month > 0 THEN net_revenue / of_month END AS share_of_month
FROM shares s;
CREATE UNIQUE INDEX mv_monthly_sales_by_category_key
    ON marts.mv_monthly_sales_by_category (month_start, retailer_id, category, currency, data_source);

CREATE MATERIALIZED VIEW marts.mv_top_products_by_revenue AS
SELECT r.retailer_id, p.product_sku, p.product_name, p.category, s.currency, s.data_source,
       sum(s.transactions)::bigint AS transactions, {_SUMS},
       row_number() OVER (
           PARTITION BY r.retailer_id, s.currency, s.data_source ORDER BY sum(s.net_revenue) DESC, p.product_sku
       ) AS revenue_rank
FROM marts.rollup_daily_product s
JOIN sales.dim_product p USING (product_key)
JOIN sales.dim_retailer r ON r.retailer_key = s.retailer_key
GROUP BY r.retailer_id, p.product_key, s.currency, s.data_source;
CREATE UNIQUE INDEX mv_top_products_by_revenue_key
    ON marts.mv_top_products_by_revenue (retailer_id, product_sku, currency, data_source);

CREATE MATERIALIZED VIEW marts.mv_weekly_sales_trends AS
WITH weeks AS (
    SELECT d.iso_year, d.iso_week, to_date(d.iso_year || '-' || d.iso_week, 'IYYY-IW') AS week_start, r.retailer_id,
           s.currency, s.data_source, count(DISTINCT d.date_key) AS days, sum(s.transactions)::bigint AS transactions,
           {_SUMS}
    FROM marts.rollup_daily_retailer s
    JOIN sales.dim_date d USING (date_key)
    JOIN sales.dim_retailer r USING (retailer_key)
    GROUP BY d.iso_year, d.iso_week, r.retailer_id, s.currency, s.data_source
)
SELECT this.*, last.net_revenue AS previous_revenue,
       CASE WHEN last.net_revenue > 0 THEN this.net_revenue / last.net_revenue - 1 END AS change
FROM weeks this
LEFT JOIN weeks last
    ON last.week_start = this.week_start - 7 AND last.days = 7 AND this.days = 7
    AND (last.retailer_id, last.currency, last.data_source) = (this.retailer_id, this.currency, this.data_source);
CREATE UNIQUE INDEX mv_weekly_sales_trends_key
    ON marts.mv_weekly_sales_trends (iso_year, iso_week, retailer_id, currency, data_source);
COMMENT ON COLUMN marts.mv_weekly_sales_trends.change IS
    'Of net revenue, against the week before; null unless both have seven days and that week''s is above 0.';

CREATE MATERIALIZED VIEW marts.mv_quarterly_sales_summary AS
SELECT d.year, d.quarter, r.retailer_id, s.currency, s.data_source, count(DISTINCT d.date_key) AS days,
       sum(s.transactions)::bigint AS transactions, {_SUMS},
       round(sum(s.net_revenue) / sum(s.transactions), 2) AS revenue_per_transaction
FROM marts.rollup_daily_retailer s
JOIN sales.dim_date d USING (date_key)
JOIN sales.dim_retailer r USING (retailer_key)
GROUP BY d.year, d.quarter, r.retailer_id, s.currency, s.data_source;
CREATE UNIQUE INDEX mv_quarterly_sales_summary_key
    ON marts.mv_quarterly_sales_summary (year, quarter, retailer_id, currency, data_source);

CREATE MATERIALIZED VIEW marts.mv_daily_sales_by_product AS
SELECT d.calendar_date AS sale_date, d.is_match_date, d.matches_source, r.retailer_id, p.product_sku, p.product_name,
       p.category, s.currency, s.data_source, s.transactions, {_AMOUNTS}
FROM marts.rollup_daily_product s
JOIN sales.dim_date d USING (date_key)
JOIN sales.dim_product p USING (product_key)
JOIN sales.dim_retailer r ON r.retailer_key = s.retailer_key;
CREATE UNIQUE INDEX mv_daily_sales_by_product_key
    ON marts.mv_daily_sales_by_product (sale_date, retailer_id, product_sku, currency, data_source);
"""

_BROKEN = """
ALTER TABLE ops.load_audit ADD COLUMN broken text;
COMMENT ON COLUMN ops.load_audit.broken IS 'The checks that found an error in what was loaded; null where none did.';
COMMENT ON TABLE ops.quality_result IS
    'What older versions found when they checked; results are in the lake now (quality_results), as of all data sets.';
"""

_STALE = "INSERT INTO ops.stale_day SELECT DISTINCT retailer_key, date_key FROM sales.fact_sales"

#: What breaks the constraints of the older schema; sums by product had mean prices, to four places.
_NEW_KIND = """is_return OR discount <> 0 OR quantity <> trunc(quantity)
    OR abs(total_amount - quantity * unit_price) > 0.00005 * quantity"""

_WAY_BACK = f"""
ALTER TABLE ops.load_audit DROP COLUMN broken;
COMMENT ON TABLE ops.quality_result IS 'Every check of a retailer and day, with its history.';

CREATE TABLE ops.set_aside_0007 AS SELECT * FROM sales.fact_sales WHERE {_NEW_KIND};
CREATE TABLE ops.set_aside_superseded_0007 AS SELECT * FROM sales.fact_sales_superseded WHERE {_NEW_KIND};
DELETE FROM sales.fact_sales WHERE {_NEW_KIND};
DELETE FROM sales.fact_sales_superseded WHERE {_NEW_KIND};
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM ops.set_aside_0007) AND NOT EXISTS (SELECT FROM ops.set_aside_superseded_0007) THEN
        DROP TABLE ops.set_aside_0007, ops.set_aside_superseded_0007;
    END IF;
END $$;

ALTER TABLE sales.fact_sales
    DROP CONSTRAINT fact_sales_measures_check,
    DROP CONSTRAINT fact_sales_return_check,
    DROP CONSTRAINT fact_sales_total_check,
    DROP COLUMN discount,
    DROP COLUMN is_return,
    ALTER COLUMN quantity TYPE integer;
ALTER TABLE sales.fact_sales
    ADD CONSTRAINT fact_sales_measures_check CHECK (quantity > 0 AND unit_price >= 0),
    ADD CONSTRAINT fact_sales_total_check CHECK (abs(total_amount - quantity * unit_price) <= 0.00005 * quantity);
ALTER TABLE sales.fact_sales_superseded
    DROP COLUMN discount, DROP COLUMN is_return, ALTER COLUMN quantity TYPE integer;
COMMENT ON COLUMN sales.fact_sales.quantity IS NULL;
COMMENT ON COLUMN sales.fact_sales.unit_price IS 'Price of one item.';
COMMENT ON COLUMN sales.fact_sales.total_amount IS NULL;

DROP MATERIALIZED VIEW marts.mv_daily_sales_summary, marts.mv_monthly_sales_by_category,
    marts.mv_top_products_by_revenue, marts.mv_weekly_sales_trends, marts.mv_quarterly_sales_summary,
    marts.mv_daily_sales_by_product;
DROP TABLE marts.rollup_daily_retailer, marts.rollup_daily_product;
"""


def upgrade() -> None:
    """Give facts discounts and returns; the views are recomputed by the next refresh."""
    for statement in (_FACTS, _BROUGHT_BACK, _ROLL_UPS, _VIEWS, _BROKEN, _STALE):
        op.execute(statement)


def downgrade() -> None:
    """Set aside what the older schema cannot hold, and make its views again."""
    for statement in (_WAY_BACK, v0003_marts.ROLL_UPS, v0003_marts.VIEWS, _STALE):
        op.execute(statement)
