"""The contracts of the dashboard's data sets: what QuickSight and the local page read.

Every row says whether it is real or mock; percentages are numbers in %, not shares.
"""

from pizza_assets.contracts.analysis import TIME_WINDOWS, VERDICTS
from pizza_assets.contracts.columns import SOURCES, data_set, flag, instant, integer, number, source, text
from pizza_assets.contracts.matches import RESULTS, SIGNIFICANCES

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
        "revenue": number("Sum of order totals.", "currency", ge=0),
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
        "pre_match_pct": number("Uplift in the 2 h before kick-off.", "%", nullable=True),
        "post_match_pct": number("Uplift from 2 h to 4 h after kick-off.", "%", nullable=True),
        "is_clean": flag("No other match overlaps the 2 h from kick-off in this city."),
    },
)

_RESULT = {
    "as_of": text("Last day of the analysis (UTC).", pattern=_DAY),
    "data_source": source("real where orders and matches are real; else mock."),
    "scope": text("'all', or 'team:', 'competition:', 'significance:' with its value."),
}
_EVIDENCE = {
    "ci_low": number("Lower end of the 95 % interval.", "as the estimate", nullable=True),
    "ci_high": number("Upper end of the 95 % interval.", "as the estimate", nullable=True),
    "p_value": number("Two-sided p-value.", "1", ge=0, le=1, nullable=True),
    "q_value": number("p adjusted by Benjamini-Hochberg.", "1", ge=0, le=1, nullable=True),
    "n_matches": integer("Units (city and kick-off) that count.", "units", ge=0),
    "verdict": text("higher, lower, no effect found, insufficient or diagnostic.", isin=VERDICTS),
    "sentence": text("The finding in words, with its numbers."),
}

EFFECTS = data_set(
    "effects",
    "Uplift around kick-off: overall, per team, competition and significance.",
    grain="one row per scope, time window and data source",
    key=["scope", "time_window", "data_source"],
    columns={
        **_RESULT,
        "time_window": text("pre_match, during_match, post_match or day.", isin=TIME_WINDOWS),
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
