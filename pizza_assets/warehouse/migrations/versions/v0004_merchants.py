"""The answers to the merchants' questions as tables, and the run that they are of.

The columns are those of ``merchants.contract``; a test holds the two equal. All tables are replaced together.
"""

from alembic import op

revision = "0004"
down_revision = "0003"

_SCHEMA = """
CREATE SCHEMA merchants;

CREATE TABLE merchants.top_merchants (
    month         text NOT NULL,
    city_id       text NOT NULL,
    position      bigint NOT NULL CHECK (position >= 1),
    merchant_id   text NOT NULL,
    merchant_name text NOT NULL,
    amount        double precision NOT NULL,
    sales         bigint NOT NULL,
    data_source   text NOT NULL CHECK (data_source IN ('real', 'mock')),
    PRIMARY KEY (month, city_id, position)
);
COMMENT ON TABLE merchants.top_merchants IS
    'Question 1: the five merchants with the largest amount of sales in each month and city of purchase.';

CREATE TABLE merchants.mean_sales (
    merchant_id   text NOT NULL,
    merchant_name text NOT NULL,
    state_id      text NOT NULL,
    mean_amount   double precision NOT NULL,
    sales         bigint NOT NULL,
    data_source   text NOT NULL CHECK (data_source IN ('real', 'mock')),
    PRIMARY KEY (merchant_id, state_id)
);
COMMENT ON TABLE merchants.mean_sales IS 'Question 2: the mean sale of each merchant in each state of purchase.';

CREATE TABLE merchants.top_hours (
    category    text NOT NULL,
    position    bigint NOT NULL CHECK (position >= 1),
    hour        bigint NOT NULL CHECK (hour BETWEEN 0 AND 23),
    amount      double precision NOT NULL,
    sales       bigint NOT NULL,
    data_source text NOT NULL CHECK (data_source IN ('real', 'mock')),
    PRIMARY KEY (category, position)
);
COMMENT ON TABLE merchants.top_hours IS
    'Question 3: the three hours of the day with the largest amount of sales, by category.';

CREATE TABLE merchants.popular_merchants (
    city_id       text NOT NULL,
    position      bigint NOT NULL CHECK (position >= 1),
    merchant_id   text NOT NULL,
    merchant_name text NOT NULL,
    attempts      bigint NOT NULL,
    share_of_city double precision NOT NULL,
    data_source   text NOT NULL CHECK (data_source IN ('real', 'mock')),
    PRIMARY KEY (city_id, position)
);
COMMENT ON TABLE merchants.popular_merchants IS
    'Question 4: the five merchants with the most attempts, authorised or not, in each city of purchase.';

CREATE TABLE merchants.city_category_association (
    attempts              bigint NOT NULL,
    unknown_city_attempts bigint NOT NULL,
    cities                bigint NOT NULL,
    categories            bigint NOT NULL,
    chi_squared           double precision,
    cramers_v             double precision,
    data_source           text NOT NULL PRIMARY KEY CHECK (data_source IN ('real', 'mock'))
);
COMMENT ON TABLE merchants.city_category_association IS
    'Question 4: does the city tell the category? Of attempts: 0 is no association, 1 a perfect one.';

CREATE TABLE merchants.merchant_advice (
    topic       text NOT NULL,
    position    bigint NOT NULL CHECK (position >= 1),
    choice      text NOT NULL,
    sales       bigint NOT NULL,
    amount      double precision NOT NULL,
    measure     double precision NOT NULL,
    is_advised  boolean NOT NULL,
    data_source text NOT NULL CHECK (data_source IN ('real', 'mock')),
    PRIMARY KEY (topic, position)
);
COMMENT ON TABLE merchants.merchant_advice IS
    'Question 5: what a new merchant does well to choose: cities, categories, months, hours, instalments.';

CREATE TABLE merchants.published_run (
    run_id              text NOT NULL PRIMARY KEY,
    published_at        timestamptz NOT NULL,
    transactions_run_id text NOT NULL,
    engine              text NOT NULL,
    data_source         text NOT NULL CHECK (data_source IN ('real', 'mock')),
    currency            text,
    transactions        bigint NOT NULL,
    first_purchase      timestamp NOT NULL,
    last_purchase       timestamp NOT NULL,
    declined_are_sales  boolean NOT NULL,
    midnight_is_unknown boolean NOT NULL
);
CREATE UNIQUE INDEX published_run_one_idx ON merchants.published_run ((true));
COMMENT ON TABLE merchants.published_run IS 'The one run whose answers are there.';
"""

#: What a column means, wherever it is.
_COMMENTS = """
DO $$
DECLARE
    described record;
BEGIN
    FOR described IN
        SELECT format('COMMENT ON COLUMN merchants.%I.%I IS %L', c.table_name, c.column_name, m.meaning) AS statement
        FROM information_schema.columns c
        JOIN (VALUES
            ('month', 'Month of purchase, YYYY-MM.'),
            ('city_id', 'City of purchase, or ''Unknown city''.'),
            ('state_id', 'State of purchase, or ''Unknown state''.'),
            ('category', 'Category, or ''Unknown category''.'),
            ('position', '1 is the best; for hours of advice, the opening hour.'),
            ('merchant_id', 'The merchant, or ''Unknown merchant''.'),
            ('merchant_name', 'Its name; the id where there is none, or names that conflict.'),
            ('hour', 'Hour of the shop''s clock, 0 to 23.'),
            ('amount', 'Sum of the sales, in the run''s currency.'),
            ('mean_amount', 'Mean amount of the sales, in the run''s currency.'),
            ('sales', 'Number of sales: authorised attempts.'),
            ('attempts', 'Number of attempts, authorised or not.'),
            ('share_of_city', 'Share of the city''s attempts.'),
            ('unknown_city_attempts', 'Attempts in unknown cities; they take no part.'),
            ('cities', 'Known cities.'),
            ('categories', 'Categories in them.'),
            ('chi_squared', 'Pearson''s chi-squared of cities by categories.'),
            ('cramers_v', 'Cramér''s V; null below two cities or categories.'),
            ('topic', 'What the advice is on: city, category, month, hour or instalments.'),
            ('choice', 'City, category, month (01 to 12), hour (00 to 23) or number of instalments.'),
            ('measure', 'What decides: amount, amount per observed day, share of sales, or profit per unit sold.'),
            ('is_advised', 'True when it is advised.'),
            ('data_source', 'Where the transactions come from: real or mock. Never in one figure.'),
            ('run_id', 'The run that published the answers; ''command line'' outside Dagster.'),
            ('published_at', 'When that was.'),
            ('transactions_run_id', 'The run that copied the transactions behind them.'),
            ('engine', 'What computed them: duckdb, spark, or both.'),
            ('currency', 'Currency of all amounts; null where the source names none.'),
            ('transactions', 'Usable transactions behind them.'),
            ('first_purchase', 'The oldest of them, by the shop''s clock.'),
            ('last_purchase', 'The newest of them, by the shop''s clock: the answers are as of then.'),
            ('declined_are_sales', 'True when declined attempts count as sales.'),
            ('midnight_is_unknown', 'True when attempts at exactly 00:00:00 take no part in hours.')
        ) AS m (column_name, meaning) ON m.column_name = c.column_name
        WHERE c.table_schema = 'merchants'
    LOOP
        EXECUTE described.statement;
    END LOOP;
END $$;
"""


def upgrade() -> None:
    """Make the tables of the merchants' answers, empty."""
    op.execute(_SCHEMA)
    op.execute(_COMMENTS)


def downgrade() -> None:
    """Remove the merchants' answers; the lake has them still."""
    op.execute("""
        DROP TABLE merchants.top_merchants, merchants.mean_sales, merchants.top_hours, merchants.popular_merchants,
            merchants.city_category_association, merchants.merchant_advice, merchants.published_run;
        DROP SCHEMA merchants;
    """)
