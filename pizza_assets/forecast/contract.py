"""The contracts of the forecast and of partially pooled effects."""

from pizza_assets.analysis.contract import KINDS, TIME_PERIODS
from pizza_assets.platform.columns import data_set, flag, instant, integer, number, source, text

#: What a row of the forecast is about: 15 minutes, a match (2 h before to 4 h after kick-off), a day, all days.
SPANS = ("quarter_hour", "match", "day", "horizon")
#: The row of a city as a whole, and what stands for a city where none is meant.
ALL_SHOPS, NO_CITY = "all", "none"
LEVELS = (50, 80, 95)
_DAY = r"^\d{4}-\d{2}-\d{2}$"

ORDER_FORECAST = data_set(
    "order_forecast",
    "Orders to expect in the 14 days after a day, as of that day, with intervals and the matches' part. What has no "
    "forecast has a row with the reason.",
    grain="one row per city, shop, span and its start; of matches one per city and kick-off",
    key=["city", "shop", "span", "start", "match_ids"],
    columns={
        "as_of": text("Last day that the forecast knows, YYYY-MM-DD (UTC).", pattern=_DAY),
        "city": text("The city, or 'none' where the row is about no city."),
        "shop": text("The shop, as the source names it; 'all' for the whole city."),
        "span": text(
            "quarter_hour, match (2 h before to 4 h after kick-off), day (UTC) or horizon (all 14 days).", isin=SPANS
        ),
        "start": instant("Start of the span."),
        "minutes": integer("Length of the span.", "minutes", ge=0),
        "kickoff_ts": instant("Kick-off of a match; else the start of the span."),
        "match_ids": text("Matches on in the span, separated by blanks; 'none' without one."),
        "matches": text("The same in words.", nullable=True),
        "data_source": source("real where orders and fixtures are; else mock."),
        "expected": number("Expected orders, with the matches.", "orders", ge=0, nullable=True),
        "without_match": number("Expected orders without a match.", "orders", ge=0, nullable=True),
        "match_orders": number("The matches' part of the expected orders.", "orders", nullable=True),
        **{
            f"{end}_{level}": integer(
                f"{'Lower' if end == 'low' else 'Upper'} end of the {level} % interval.", "orders", ge=0, nullable=True
            )
            for level in LEVELS
            for end in ("low", "high")
        },
        "pizzas": number("Pizzas to prepare: expected orders times pizzas an order.", "pizzas", ge=0, nullable=True),
        "reason": text("Why there is no forecast; null where there is one.", nullable=True),
    },
)

POOLED_EFFECTS = data_set(
    "pooled_effects",
    "How much clubs, competitions, stages and kick-off slots differ in what their matches add, and each one's estimate "
    "after partial pooling.",
    grain="one row per kind, group ('all' for the spread between them), time window and data source",
    key=["kind", "name", "time_window", "data_source"],
    columns={
        "kind": text("club, competition, stage or slot (weekday and local time of kick-off).", isin=KINDS),
        "name": text("The group; 'all' for all groups of the kind together."),
        "time_window": text("pre_match, during_match or post_match.", isin=TIME_PERIODS),
        "data_source": source("real where orders and matches are real; else mock."),
        "n_matches": integer("Units (city and kick-off) that count.", "units", ge=0),
        "own_pct": number("Uplift of the group by itself; of 'all' the mean of the groups.", "%"),
        "uplift_pct": number("Uplift after pooling: drawn to the mean as far as the group is uncertain.", "%"),
        "ci_low": number("Lower end of its 95 % interval.", "%"),
        "ci_high": number("Upper end of its 95 % interval.", "%"),
        "spread_pct": number("Standard deviation between the groups; of 'all' alone.", "%", ge=0, nullable=True),
        "spread_low": number("Lower end of its 95 % interval (Q-profile).", "%", ge=0, nullable=True),
        "spread_high": number("Upper end of its 95 % interval (Q-profile).", "%", ge=0, nullable=True),
        "differ": flag("The groups differ measurably: the interval of the spread keeps away from 0."),
    },
)
