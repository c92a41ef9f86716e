"""The contracts of the dashboard's data sets: what QuickSight and the local page read.

Every row says whether it is real or mock; percentages are numbers in %, not shares.
"""

import pyarrow

from pizza_assets.analysis.contract import (
    DOUBTFUL,
    SCOPE,
    SEEN_IN,
    TIME_PERIODS,
    TIME_WINDOWS,
    UPLIFT_METHODS,
    VERDICTS,
)
from pizza_assets.football.contract import RESULTS, SIGNIFICANCES
from pizza_assets.forecast.contract import ORDER_FORECAST, POOLED_EFFECTS
from pizza_assets.platform.columns import SOURCES, data_set, decimal, flag, instant, integer, number, source, text
from pizza_assets.warehouse.contract import PIZZA_VS_FOOTBALL

_DAY = r"^\d{4}-\d{2}-\d{2}$"

META = data_set(
    "meta",
    "What the dashboard shows: until when, and how much of it is real.",
    grain="one row",
    key=["as_of"],
    columns={
        "as_of": text("Last day of the analysis (UTC).", pattern=_DAY),
        "data_from": text("First day with orders in the trailing window (UTC).", pattern=_DAY),
        "data_until": text("Last day with orders (UTC).", pattern=_DAY),
        "built_at": instant("When these data sets were written."),
        "is_mock": flag("True when any record behind the dashboard is mock."),
        "data_source": text(
            "real, mock, or 'real and mock' (in separate rows, never pooled).", isin=(*SOURCES, "real and mock")
        ),
        "share_real_orders": number("Days with real orders.", "%", ge=0, le=100),
        "share_real_matches": number("Matches that are real.", "%", ge=0, le=100),
        "orders": integer("Orders in the window.", "orders", ge=0),
        "matches": integer("Matches played in the window.", "matches", ge=0),
        "planted": text("Effects planted in the mock orders as log-uplifts (JSON), or 'none'."),
    },
)

HOURLY = data_set(
    "hourly",
    "Orders around every match, hour by hour, in the cities whose teams play in it.",
    grain="one row per match, city, hour (UTC) and data source",
    key=["match_id", "city", "bucket_ts", "data_source"],
    columns={
        "match_id": text("The match."),
        "kickoff_ts": instant("Kick-off."),
        "city": text("City of the orders."),
        "match_type": text("regular, tournament or final.", isin=SIGNIFICANCES),
        "data_source": source("real where orders and matches are real; else mock."),
        "bucket_ts": instant("Start of the hour."),
        "hours_from_kickoff": number("From kick-off to the start of the hour; negative before.", "hours"),
        "orders": integer("Orders in the hour.", "orders", ge=0),
        "expected": number("Orders expected without a match, before control cities.", "orders", ge=0),
        "goals": integer("Goals of both teams in the hour, where their minutes are known.", "goals", ge=0),
    },
)

DAILY = data_set(
    "daily",
    "Orders of each day and city against those expected without a match.",
    grain="one row per day (UTC), city and data source",
    key=["day", "city", "data_source"],
    columns={
        "day": text("The day (UTC).", pattern=_DAY),
        "city": text("City of the orders."),
        "data_source": source(),
        "orders": integer("Orders of the day.", "orders", ge=0),
        "revenue": number(
            "Sum of order totals; null where one is unknown, or where they are of several currencies.",
            "currency",
            ge=0,
            nullable=True,
        ),
        "currency": text("Currency of revenue; null where revenue is.", pattern=r"^[A-Z]{3}$", nullable=True),
        "expected": number("Orders expected without a match.", "orders", ge=0, nullable=True),
        "dev_pct": number("Deviation of orders from expected.", "%", nullable=True),
        "is_match_day": flag("A team of the city kicked off on this day."),
    },
)

MATCHES = data_set(
    "matches",
    "Every played match as each of its teams sees it. Count distinct match_id to count matches.",
    grain="one row per match, team and data source",
    key=["match_id", "team", "data_source"],
    columns={
        "match_id": text("The match."),
        "kickoff_ts": instant("Kick-off."),
        "team": text("The team."),
        "opponent": text("The other team."),
        "city": text("The team's city, where its orders are counted."),
        "is_home": flag("The team played at home."),
        "competition": text("Code of the competition."),
        "match_type": text("regular, tournament or final.", isin=SIGNIFICANCES),
        "goals_for": integer("Goals of the team.", "goals", ge=0),
        "goals_against": integer("Goals of the other team.", "goals", ge=0),
        "result": text("win, loss or draw of the team.", isin=RESULTS),
        "data_source": source("real where orders and matches are real; else mock."),
        "orders": integer("Orders in the 2 h from kick-off.", "orders", ge=0, nullable=True),
        "expected": number("Orders expected in them without a match.", "orders", ge=0, nullable=True),
        "uplift_pct": number("Uplift in the 2 h from kick-off.", "%", nullable=True),
        "ci_low": number("Lower end of the uplift's 95 % interval; counting noise only.", "%", nullable=True),
        "ci_high": number("Upper end of the uplift's 95 % interval; counting noise only.", "%", nullable=True),
        "pre_match_pct": number("Uplift in the 2 h before kick-off.", "%", nullable=True),
        "post_match_pct": number("Uplift from 2 h to 4 h after kick-off.", "%", nullable=True),
        "is_clean": flag("Counts in estimates: no other match overlaps the 2 h from kick-off, all is observed."),
        "goal_minutes": text("Minutes of the team's goals, separated by blanks.", nullable=True),
        "goals_after": text("Minutes from kick-off to them, half-time counted in.", nullable=True),
    },
)

_RESULT = {
    "as_of": text("Last day of the analysis (UTC).", pattern=_DAY),
    "data_source": source("real where orders and matches are real; else mock."),
    "scope": text(SCOPE),
}
_EVIDENCE = {
    "ci_low": number("Lower end of the 95 % interval.", "as the estimate", nullable=True),
    "ci_high": number("Upper end of the 95 % interval.", "as the estimate", nullable=True),
    "p_value": number("Two-sided p-value.", "1", ge=0, le=1, nullable=True),
    "q_value": number("p adjusted by Benjamini-Hochberg.", "1", ge=0, le=1, nullable=True),
    "n_matches": integer("Units (city and kick-off) that count.", "units", ge=0),
    "verdict": text(
        "higher, lower, doubtful, no effect found, insufficient or diagnostic.", isin=(*VERDICTS, DOUBTFUL)
    ),
    "sentence": text("The finding in words, with its numbers."),
}

EFFECTS = data_set(
    "effects",
    "Uplift around kick-off: overall, per team, competition and significance; of national teams' matches per nation, "
    "tournament and stage.",
    grain="one row per scope, time window and data source",
    key=["scope", "time_window", "data_source"],
    columns={
        **_RESULT,
        "time_window": text("pre_match, during_match, post_match or day.", isin=TIME_WINDOWS),
        "team": text("The team of a team's scope; 'All teams' for every other scope."),
        "method": text(
            "uplift: against cities that do not play; event_study: against other weeks, for all cities play at once.",
            isin=UPLIFT_METHODS,
        ),
        "uplift_pct": number("Uplift over the orders expected without a match.", "%", nullable=True),
        **_EVIDENCE,
        "orders": integer("Orders in the windows.", "orders", ge=0),
        "expected": number("Orders expected in them.", "orders", ge=0, nullable=True),
    },
)

CORRELATIONS = data_set(
    "correlations",
    "How orders around kick-off go with what happens in the match.",
    grain="one row per scope, factor, method, time window and data source",
    key=["scope", "factor", "method", "time_window", "data_source"],
    columns={
        **_RESULT,
        "factor": text("What orders are held against."),
        "method": text("pearson, point_biserial ..."),
        "time_window": text("pre_match, during_match, post_match or day.", isin=TIME_WINDOWS),
        "r": number("The correlation coefficient.", "1", ge=-1, le=1, nullable=True),
        **_EVIDENCE,
    },
)

PROFILE = data_set(
    "profile",
    "Uplift hour by hour around kick-off. Hours below the minimum n have no estimate.",
    grain="one row per match type ('all' for all of them), hour from kick-off and data source",
    key=["match_type", "hours_from_kickoff", "data_source"],
    columns={
        "match_type": text("all, regular, tournament or final.", isin=("all", *SIGNIFICANCES)),
        "hours_from_kickoff": integer("From kick-off to the start of the hour; negative before.", "hours"),
        "data_source": source("real where orders and matches are real; else mock."),
        "uplift_pct": number("Uplift over the orders expected without a match.", "%", nullable=True),
        "ci_low": number("Lower end of the 95 % interval.", "%", nullable=True),
        "ci_high": number("Upper end of the 95 % interval.", "%", nullable=True),
        "n_matches": integer("Units (city and kick-off) that count.", "units", ge=0),
    },
)

ANOMALIES = data_set(
    "anomalies",
    "Hours with more or fewer orders in a city than chance explains, with the match that does, or 'unexplained'.",
    grain="one row per city, hour (UTC) and data source",
    key=["city", "bucket_ts", "data_source"],
    columns={
        "city": text("The city."),
        "bucket_ts": instant("Start of the hour."),
        "data_source": source("Where the orders of the hour come from."),
        "orders": integer("Orders in the hour.", "orders", ge=0),
        "expected": number("Orders expected without a match.", "orders", ge=0),
        "uplift_pct": number("Orders against expected.", "%", nullable=True),
        "q_value": number(
            "p adjusted by Benjamini-Hochberg over all hours of the source, spikes and dips apart.", "1", ge=0, le=1
        ),
        "match_ids": text("The matches that explain it, separated by blanks, or 'unexplained'."),
        "time_period": text("pre_match, during_match, post_match or unexplained.", isin=(*TIME_PERIODS, "unexplained")),
        "seen_in": text("Where anomalies of this city and period were seen: real, mock or both.", isin=SEEN_IN),
    },
)

RETAIL = data_set(
    "retail",
    "Retail sales around kick-off against expected, by category and city; empty without a warehouse.",
    grain="one row per category, city ('all' for all of them), time window and data source",
    key=["category", "city", "time_window", "data_source"],
    columns={
        "as_of": text("Last day of the analysis of sales (UTC).", pattern=_DAY),
        **{name: column for name, column in PIZZA_VS_FOOTBALL.columns.items() if name != "as_of"},
    },
)

FORECAST = data_set(
    "forecast",
    "What is coming: orders to expect on each of the next 14 days and around each match ahead, by city.",
    grain="one row per city, span (match or day; horizon for what has no forecast) and its start; of matches one per "
    "city and kick-off",
    key=["city", "span", "start", "match_ids"],
    columns={
        name: column for name, column in ORDER_FORECAST.columns.items() if name not in {"shop", "low_50", "high_50"}
    },
)

POOLED = data_set(
    "pooled",
    "How much clubs, competitions, stages and kick-off slots differ, and each one's uplift after partial pooling.",
    grain="one row per kind, group ('all' for the spread between them), time window and data source",
    key=["kind", "name", "time_window", "data_source"],
    columns=dict(POOLED_EFFECTS.columns),
)

_MONEY = pyarrow.decimal128(18, 4)
#: What QuickSight reads from the warehouse's view of the same columns.
SALES_BY_PRODUCT = data_set(
    "sales_by_product",
    "Retail sales by day and product, from the warehouse.",
    grain="one row per day, retailer, product, currency and data source",
    key=["sale_date", "retailer_id", "product_sku", "currency", "data_source"],
    columns={
        "sale_date": text("Day of the sales (UTC).", pattern=_DAY),
        "is_match_date": integer(
            "1 on days with a football match, 0 on others; null where not known.", "1", ge=0, nullable=True
        ),
        "matches_source": text("Where the matches come from; null where not known.", isin=SOURCES, nullable=True),
        "retailer_id": text("Who sold it."),
        "product_sku": text("The retailer's own number of the product."),
        "product_name": text("The product, as the retailer names it."),
        "category": text("Category of the product."),
        "currency": text("Currency of the revenue."),
        "data_source": source("Where the sales come from."),
        "transactions": integer("Receipts with the product, those of returns too.", "receipts", ge=1),
        "net_quantity": decimal(
            _MONEY, "Items, or kilograms, that were sold less those that came back.", "items or kg"
        ),
        "returned_quantity": decimal(_MONEY, "Items, or kilograms, that came back.", "items or kg"),
        "gross_revenue": decimal(_MONEY, "Sales before discounts and returns.", "currency"),
        "discounts": decimal(_MONEY, "What was taken off these sales.", "currency"),
        "returns": decimal(_MONEY, "What was paid back for returns.", "currency"),
        "net_revenue": decimal(_MONEY, "gross_revenue - discounts - returns.", "currency"),
    },
)
