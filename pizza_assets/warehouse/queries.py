"""Twelve questions that people ask of the warehouse, as ``bi_reader`` may ask them.

Belongs here: queries for people. Does not belong here: queries of the platform itself. ``docs/warehouse.md`` shows
them, and a test holds it up to date. Each query keeps currencies, and real and mock data, apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True)
class Question:
    """A question with the query that answers it."""

    asks: str
    sql: str


def _question(asks: str, sql: str) -> Question:
    return Question(asks, dedent(sql).strip())


QUESTIONS: Mapping[str, Question] = {
    "sales_by_day": _question(
        "What did each retailer sell in the last seven days that it has?",
        """
        SELECT retailer_id, data_source, sale_date, transactions, net_quantity, gross_revenue, discounts, returns,
               net_revenue, currency
        FROM (
            SELECT *, max(sale_date) OVER (PARTITION BY retailer_id) AS newest
            FROM marts.mv_daily_sales_summary
        ) AS days
        WHERE sale_date > newest - 7
        ORDER BY retailer_id, data_source, currency, sale_date;
        """,
    ),
    "monthly_categories": _question(
        "Which categories make a retailer's month, and what is their share?",
        """
        SELECT month_start, retailer_id, data_source, category, net_revenue, currency,
               round(100 * share_of_month, 1) AS percent_of_month
        FROM marts.mv_monthly_sales_by_category
        ORDER BY month_start, retailer_id, data_source, currency, net_revenue DESC, category;
        """,
    ),
    "top_products": _question(
        "Which ten products bring each retailer the most?",
        """
        SELECT retailer_id, data_source, revenue_rank, product_name, category, net_quantity, net_revenue, returns,
               currency
        FROM marts.mv_top_products_by_revenue
        WHERE revenue_rank <= 10
        ORDER BY retailer_id, data_source, currency, revenue_rank;
        """,
    ),
    "weekly_trend": _question(
        "How did each whole week go against the one before?",
        """
        SELECT iso_year, iso_week, week_start, retailer_id, data_source, net_revenue, previous_revenue, currency,
               round(100 * change, 1) AS percent_change
        FROM marts.mv_weekly_sales_trends
        WHERE days = 7
        ORDER BY retailer_id, data_source, currency, week_start;
        """,
    ),
    "quarters": _question(
        "What did each quarter bring, and how much is a transaction worth?",
        """
        SELECT year, quarter, retailer_id, data_source, days, transactions, gross_revenue, discounts, returns,
               net_revenue, revenue_per_transaction, currency
        FROM marts.mv_quarterly_sales_summary
        ORDER BY year, quarter, retailer_id, data_source, currency;
        """,
    ),
    "match_days": _question(
        "Is more pizza sold on days with football? (Raw means; docs/statistics.md says what they do not prove.)",
        """
        WITH pizza AS (
            SELECT retailer_id, data_source, matches_source, currency, is_match_date, sale_date,
                   sum(net_quantity + returned_quantity) AS quantity
            FROM marts.mv_daily_sales_by_product
            WHERE category IN ('fresh pizza', 'frozen pizza', 'delivered pizza') AND is_match_date IS NOT NULL
            GROUP BY retailer_id, data_source, matches_source, currency, is_match_date, sale_date
        )
        SELECT retailer_id, data_source, matches_source, is_match_date, count(*) AS days,
               round(avg(quantity), 1) AS pizzas_per_day
        FROM pizza
        GROUP BY retailer_id, data_source, matches_source, currency, is_match_date
        ORDER BY retailer_id, data_source, matches_source, currency, is_match_date DESC;
        """,
    ),
    "football": _question(
        "What do matches do to the sales of each category? (Against expected, with its interval.)",
        """
        SELECT category, data_source, time_window, items, round(expected::numeric, 1) AS expected,
               round(uplift_pct::numeric, 1) AS uplift_pct, round(ci_low::numeric, 1) AS ci_low,
               round(ci_high::numeric, 1) AS ci_high, n_matches, verdict, as_of
        FROM marts.pizza_vs_football
        WHERE city = 'all'
        ORDER BY data_source, category, array_position(
            ARRAY['pre_match', 'during_match', 'post_match', 'day'], time_window
        );
        """,
    ),
    "cities": _question(
        "In which cities is the most pizza sold?",
        """
        SELECT s.city, f.data_source, sum(f.quantity) AS net_pizzas, sum(f.total_amount) AS net_revenue, f.currency
        FROM sales.fact_sales f
        JOIN sales.dim_store s USING (store_key)
        JOIN sales.dim_product p USING (product_key)
        WHERE p.category IN ('fresh pizza', 'frozen pizza', 'delivered pizza')
        GROUP BY s.city, f.data_source, f.currency
        ORDER BY f.data_source, f.currency, net_revenue DESC, s.city;
        """,
    ),
    "customers": _question(
        "How much of the net revenue comes from customers who came back?",
        """
        WITH customers AS (
            SELECT retailer_key, customer_key, data_source, currency, sum(total_amount) AS net_revenue,
                   count(DISTINCT (date_key, transaction_id)) FILTER (WHERE NOT is_return) AS transactions
            FROM sales.fact_sales
            WHERE customer_key <> 0
            GROUP BY retailer_key, customer_key, data_source, currency
        )
        SELECT r.retailer_id, c.data_source, count(*) AS customers,
               count(*) FILTER (WHERE c.transactions > 1) AS came_back,
               round(100 * sum(c.net_revenue) FILTER (WHERE c.transactions > 1) / nullif(sum(c.net_revenue), 0), 1)
                   AS percent_of_net_revenue,
               c.currency
        FROM customers c
        JOIN sales.dim_retailer r USING (retailer_key)
        GROUP BY r.retailer_id, c.data_source, c.currency
        ORDER BY r.retailer_id, c.data_source, c.currency;
        """,
    ),
    "corrections": _question(
        "Which sales did a later feed correct, and by how much?",
        """
        SELECT r.retailer_id, f.data_source, f.transaction_id, f.line, p.product_name, o.source_day AS stated_on,
               f.source_day AS corrected_on, o.total_amount AS was, f.total_amount AS "is", f.currency
        FROM sales.fact_sales_superseded o
        JOIN sales.fact_sales f USING (retailer_key, date_key, transaction_id, line)
        JOIN sales.dim_retailer r USING (retailer_key)
        JOIN sales.dim_product p ON p.product_key = f.product_key
        WHERE o.source_day < f.source_day AND o.total_amount <> f.total_amount
        ORDER BY f.source_day, r.retailer_id, f.transaction_id, f.line, o.source_day;
        """,
    ),
    "returns": _question(
        "What share of each category's sales comes back?",
        """
        SELECT retailer_id, data_source, category, sum(gross_revenue) AS gross_revenue, sum(discounts) AS discounts,
               sum(returns) AS returns,
               round(100 * sum(returns) / nullif(sum(gross_revenue - discounts), 0), 2) AS percent_returned, currency
        FROM marts.mv_monthly_sales_by_category
        GROUP BY retailer_id, data_source, category, currency
        ORDER BY retailer_id, data_source, currency, percent_returned DESC NULLS LAST, category;
        """,
    ),
    "freshness": _question(
        "Up to which day does each retailer have sales, and are any missing?",
        """
        SELECT retailer_id, days, real_days, mock_days, first_day, last_day, missing_days, loaded_at
        FROM marts.load_status
        ORDER BY retailer_id;
        """,
    ),
}
