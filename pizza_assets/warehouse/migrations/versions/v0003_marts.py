"""The marts: two roll-ups by day, which are maintained day by day, and six materialized views over them.

Every view has ``currency`` and ``data_source`` in its key: money of two currencies, or real and mock sales, never
stand in one figure. ``matches_source`` says the same of the matches behind ``is_match_date``.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

ROLL_UPS = """
CREATE TABLE marts.rollup_daily_retailer (
    date_key     integer NOT NULL,
    retailer_key smallint NOT NULL,
    currency     text NOT NULL,
    data_source  text NOT NULL,
    transactions bigint NOT NULL,
    customers    bigint NOT NULL,
    facts        bigint NOT NULL,
    quantity     bigint NOT NULL,
    revenue      numeric NOT NULL,
    PRIMARY KEY (date_key, retailer_key, currency, data_source)
);
COMMENT ON TABLE marts.rollup_daily_retailer IS 'Facts by day and retailer; the views sum it.';

CREATE TABLE marts.rollup_daily_product (
    date_key     integer NOT NULL,
    retailer_key smallint NOT NULL,
    product_key  integer NOT NULL,
    currency     text NOT NULL,
    data_source  text NOT NULL,
    transactions bigint NOT NULL,
    quantity     bigint NOT NULL,
    revenue      numeric NOT NULL,
    PRIMARY KEY (date_key, retailer_key, product_key, currency, data_source)
);
COMMENT ON TABLE marts.rollup_daily_product IS 'Facts by day and product; the views sum it.';
"""

VIEWS = """
CREATE MATERIALIZED VIEW marts.mv_daily_sales_summary AS
SELECT d.calendar_date AS sale_date, d.iso_day_of_week, d.is_match_date, d.matches_source, r.retailer_id, s.currency,
       s.data_source, s.transactions, s.customers, s.facts, s.quantity, s.revenue,
       round(s.revenue / s.transactions, 2) AS revenue_per_transaction
FROM marts.rollup_daily_retailer s
JOIN sales.dim_date d USING (date_key)
JOIN sales.dim_retailer r USING (retailer_key);
CREATE UNIQUE INDEX mv_daily_sales_summary_key
    ON marts.mv_daily_sales_summary (sale_date, retailer_id, currency, data_source);

CREATE MATERIALIZED VIEW marts.mv_monthly_sales_by_category AS
SELECT make_date(d.year, d.month, 1) AS month_start, r.retailer_id, p.category, s.currency, s.data_source,
       sum(s.quantity)::bigint AS quantity, sum(s.revenue) AS revenue,
       sum(s.revenue) / nullif(sum(sum(s.revenue)) OVER same_month, 0) AS share_of_month
FROM marts.rollup_daily_product s
JOIN sales.dim_date d USING (date_key)
JOIN sales.dim_product p USING (product_key)
JOIN sales.dim_retailer r ON r.retailer_key = s.retailer_key
GROUP BY d.year, d.month, r.retailer_id, p.category, s.currency, s.data_source
WINDOW same_month AS (PARTITION BY d.year, d.month, r.retailer_id, s.currency, s.data_source);
CREATE UNIQUE INDEX mv_monthly_sales_by_category_key
    ON marts.mv_monthly_sales_by_category (month_start, retailer_id, category, currency, data_source);

CREATE MATERIALIZED VIEW marts.mv_top_products_by_revenue AS
SELECT r.retailer_id, p.product_sku, p.product_name, p.category, s.currency, s.data_source,
       sum(s.transactions)::bigint AS transactions, sum(s.quantity)::bigint AS quantity, sum(s.revenue) AS revenue,
       row_number() OVER (
           PARTITION BY r.retailer_id, s.currency, s.data_source ORDER BY sum(s.revenue) DESC, p.product_sku
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
           sum(s.quantity)::bigint AS quantity, sum(s.revenue) AS revenue
    FROM marts.rollup_daily_retailer s
    JOIN sales.dim_date d USING (date_key)
    JOIN sales.dim_retailer r USING (retailer_key)
    GROUP BY d.iso_year, d.iso_week, r.retailer_id, s.currency, s.data_source
)
SELECT this.*, last.revenue AS previous_revenue, this.revenue / nullif(last.revenue, 0) - 1 AS change
FROM weeks this
LEFT JOIN weeks last
    ON last.week_start = this.week_start - 7 AND last.days = 7 AND this.days = 7
    AND (last.retailer_id, last.currency, last.data_source) = (this.retailer_id, this.currency, this.data_source);
CREATE UNIQUE INDEX mv_weekly_sales_trends_key
    ON marts.mv_weekly_sales_trends (iso_year, iso_week, retailer_id, currency, data_source);
COMMENT ON COLUMN marts.mv_weekly_sales_trends.change IS 'Against the week before; null unless both have seven days.';

CREATE MATERIALIZED VIEW marts.mv_quarterly_sales_summary AS
SELECT d.year, d.quarter, r.retailer_id, s.currency, s.data_source, count(DISTINCT d.date_key) AS days,
       sum(s.transactions)::bigint AS transactions, sum(s.quantity)::bigint AS quantity, sum(s.revenue) AS revenue,
       round(sum(s.revenue) / sum(s.transactions), 2) AS revenue_per_transaction
FROM marts.rollup_daily_retailer s
JOIN sales.dim_date d USING (date_key)
JOIN sales.dim_retailer r USING (retailer_key)
GROUP BY d.year, d.quarter, r.retailer_id, s.currency, s.data_source;
CREATE UNIQUE INDEX mv_quarterly_sales_summary_key
    ON marts.mv_quarterly_sales_summary (year, quarter, retailer_id, currency, data_source);

CREATE MATERIALIZED VIEW marts.mv_daily_sales_by_product AS
SELECT d.calendar_date AS sale_date, d.is_match_date, d.matches_source, r.retailer_id, p.product_sku, p.product_name,
       p.category, s.currency, s.data_source, s.transactions, s.quantity, s.revenue
FROM marts.rollup_daily_product s
JOIN sales.dim_date d USING (date_key)
JOIN sales.dim_product p USING (product_key)
JOIN sales.dim_retailer r ON r.retailer_key = s.retailer_key;
CREATE UNIQUE INDEX mv_daily_sales_by_product_key
    ON marts.mv_daily_sales_by_product (sale_date, retailer_id, product_sku, currency, data_source);

"""

_LOAD_STATUS = """
CREATE VIEW marts.load_status AS
SELECT r.retailer_id, count(*) AS days, min(a.source_day) AS first_day, max(a.source_day) AS last_day,
       max(a.source_day) - min(a.source_day) + 1 - count(*) AS missing_days,
       count(*) FILTER (WHERE a.data_source = 'real') AS real_days,
       count(*) FILTER (WHERE a.data_source = 'mock') AS mock_days, max(a.loaded_at) AS loaded_at
FROM ops.loaded_day a
JOIN sales.dim_retailer r USING (retailer_key)
GROUP BY r.retailer_id;
COMMENT ON VIEW marts.load_status IS 'Which days each retailer has, and how fresh they are.';
"""

# Only an owner may refresh a view: the loader gets this one function instead.
_REFRESH = """
CREATE FUNCTION marts.refresh_views() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    view_name name;
BEGIN
    FOR view_name IN SELECT matviewname FROM pg_matviews WHERE schemaname = 'marts' ORDER BY matviewname LOOP
        EXECUTE format('REFRESH MATERIALIZED VIEW CONCURRENTLY marts.%I', view_name);
    END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION marts.refresh_views() FROM PUBLIC;
COMMENT ON FUNCTION marts.refresh_views() IS 'Refreshes every materialized view of marts; readers are not blocked.';
"""


def upgrade() -> None:
    """Make the roll-ups and the views; every day that has facts is stale until the first refresh."""
    op.execute("CREATE SCHEMA marts")
    op.execute(ROLL_UPS)
    op.execute(VIEWS)
    op.execute(_LOAD_STATUS)
    op.execute(_REFRESH)
    op.execute("INSERT INTO ops.stale_day SELECT DISTINCT retailer_key, date_key FROM sales.fact_sales")


def downgrade() -> None:
    """Remove the marts; they are made of the facts alone."""
    op.execute("""
        DROP FUNCTION marts.refresh_views();
        DROP VIEW marts.load_status;
        DROP MATERIALIZED VIEW marts.mv_daily_sales_summary, marts.mv_monthly_sales_by_category,
            marts.mv_top_products_by_revenue, marts.mv_weekly_sales_trends, marts.mv_quarterly_sales_summary,
            marts.mv_daily_sales_by_product;
        DROP TABLE marts.rollup_daily_retailer, marts.rollup_daily_product;
        DROP SCHEMA marts;
        DELETE FROM ops.stale_day;
    """)
