"""The contracts of what is derived: volume, merged orders, uplift per unit, correlation results."""

from pizza_assets.platform.columns import data_set, flag, instant, integer, number, source, text

#: The three disjoint windows around kick-off, and the 24 h from it.
TIME_PERIODS = ("pre_match", "during_match", "post_match")
TIME_WINDOWS = (*TIME_PERIODS, "day")

SCOPE = (
    "'all', or 'team:', 'competition:', 'significance:' with its value; of national teams' matches 'nation:', "
    "'tournament:', 'stage:'."
)

#: Kinds of scopes of national teams' matches.
NATIONAL = ("nation", "tournament", "stage")
#: How uplift is estimated: against cities that do not play, or against other weeks where all cities have the match.
UPLIFT_METHODS = ("uplift", "event_study")

#: What is said instead of 'higher' or 'lower' where cities that did not play had other orders than usual too.
DOUBTFUL = "doubtful"
#: In %: the uplift that `more_matches` is told for.
REFERENCE_EFFECT = 10

#: What a result says. 'insufficient' is an answer: too little data for a number to trust.
VERDICTS = ("higher", "lower", "no effect found", "insufficient", "diagnostic")

ORDER_VOLUME = data_set(
    "order_volume",
    "Orders counted in bins of 15 minutes. A bin without orders has no row.",
    grain="one row per city, currency and 15-minute bin",
    key=["bin_start", "city", "currency"],
    columns={
        "bin_start": instant("Start of the 15-minute bin."),
        "city": text("City of the orders, or 'unknown'."),
        "currency": text("Currency of revenue.", pattern=r"^[A-Z]{3}$"),
        "data_source": source(),
        "orders": integer("Orders placed in the bin.", "orders", ge=1),
        "revenue": number("Sum of order totals; null where one is unknown.", "currency", ge=0, nullable=True),
        "pizzas": integer("Pizzas ordered in the bin; null where unknown.", "pizzas", ge=1, nullable=True),
    },
)

MERGED_ORDERS = data_set(
    "merged_orders",
    "Orders beside the matches that they were placed around, from 2 h before kick-off to 4 h after it, "
    "in a city whose team plays. Extra time lengthens 'during' and moves 'post' by 30 min.",
    grain="one row per order and match",
    key=["order_id", "match_id"],
    columns={
        "order_id": text("The order."),
        "timestamp": instant("When the order was placed."),
        "location": text("The store, as the source names it."),
        "city": text("City of the order."),
        "order_total": number("What the customer pays; null where unknown.", "currency", ge=0, nullable=True),
        "currency": text("Currency of order_total.", pattern=r"^[A-Z]{3}$"),
        "quantity": integer("Number of pizzas; null where unknown.", "pizzas", ge=1, nullable=True),
        "match_id": text("The match."),
        "time_period": text("pre_match, during_match or post_match.", isin=TIME_PERIODS),
        "minutes_from_kick_off": number("Minutes from kick-off to the order; negative before.", "minutes"),
        "order_data_source": source("Where the order comes from."),
        "match_data_source": source("Where the match comes from."),
        "is_complete": flag("True when the next day's matches were already known."),
    },
)

UNIT_UPLIFT = data_set(
    "unit_uplift",
    "Orders observed and expected around each kick-off, in each city whose team plays. Where another match of the "
    "city overlaps a window it is part of what is expected, or the window is left out (is_clean = false).",
    grain="one row per city, kick-off, time window and data source",
    key=["city", "kick_off_at", "time_window", "data_source"],
    columns={
        "city": text("The city."),
        "kick_off_at": instant("Kick-off."),
        "time_window": text("pre_match, during_match, post_match or day.", isin=TIME_WINDOWS),
        "data_source": source("real where orders and matches are real; else mock."),
        "match_ids": text("The matches of the unit, separated by blanks."),
        "match_significance": text("The highest significance among them."),
        "observed": integer("Orders in the window.", "orders", ge=0),
        "expected": number(
            "Orders expected without this match, with others of the city that overlap.", "orders", ge=0, nullable=True
        ),
        "is_clean": flag("All of the window is observed, and what other matches of the city do in it is known."),
        "competition": text("Codes of the unit's competitions, separated by blanks."),
        "reason": text("'clean', or why the window takes no part in estimates."),
    },
)

CORRELATION_RESULTS = data_set(
    "correlation_results",
    "What the analysis found, as of a day over its trailing window: one estimate with its interval a row.",
    grain="one row per scope, factor, method, time window and data source",
    key=["analysis_id"],
    columns={
        "analysis_id": text("as_of, data source, scope, factor, method and time window."),
        "as_of": text("Last day of the trailing window, YYYY-MM-DD (UTC).", pattern=r"^\d{4}-\d{2}-\d{2}$"),
        "data_source": source("real where orders and matches are real; else mock. Never pooled."),
        "scope": text(SCOPE),
        "factor": text("What orders are held against: match, goals, margin, win, significance ..."),
        "method": text("uplift, event_study, pearson, point_biserial ..."),
        "time_window": text("pre_match, during_match, post_match or day.", isin=TIME_WINDOWS),
        "estimate": number("The estimate: uplift, correlation or effect size.", "see unit", nullable=True),
        "unit": text(
            "Unit of estimate, ci_low and ci_high: '%', 'r', or 'd' (standard deviations).", isin=("%", "r", "d")
        ),
        "ci_low": number("Lower end of the 95 % interval.", "see unit", nullable=True),
        "ci_high": number("Upper end of the 95 % interval.", "see unit", nullable=True),
        "correlation_coefficient": number("Pearson's r; null for uplift.", "1", ge=-1, le=1, nullable=True),
        "statistical_significance": number("Two-sided p-value.", "1", ge=0, le=1, nullable=True),
        "q_value": number("p adjusted by Benjamini-Hochberg over the family.", "1", ge=0, le=1, nullable=True),
        "effect_size": number("Uplift as a share, or slope in % per unit of the factor.", "1 or %", nullable=True),
        "n": integer("Units (city and kick-off) that count.", "units", ge=0),
        "n_weeks": integer("Weeks that they fall in.", "weeks", ge=0),
        "observed": integer("Orders in the windows.", "orders", ge=0),
        "expected": number("Orders expected in them without a match.", "orders", ge=0, nullable=True),
        "verdict": text(
            "higher, lower, doubtful, no effect found, insufficient or diagnostic.", isin=(*VERDICTS, DOUBTFUL)
        ),
        "reason": text("Why this verdict."),
        "pattern_description": text("The finding in a sentence, with its numbers."),
        "data_quality": text("Share of real records behind it, in %."),
        "smallest_effect": number(
            "Where no uplift was found: the smallest one that would be found four times in five.", "%", nullable=True
        ),
        "more_matches": integer(
            f"Where no uplift was found: how many more matches would find one of +{REFERENCE_EFFECT} % as often.",
            "units",
            ge=0,
            nullable=True,
        ),
    },
)

#: Groupings of matches whose effects are pooled, in the order that a forecast adds them up.
KINDS = ("competition", "stage", "slot", "club")

#: Where a kind of anomaly was seen: in real orders, in mock orders, or in both.
SEEN_IN = ("real", "mock", "both")

ANOMALIES = data_set(
    "anomalies",
    "Hours with more or fewer orders in a city than chance and ordinary ups and downs explain, and the match that "
    "does.",
    grain="one row per city and hour",
    key=["city", "bin_start"],
    columns={
        "city": text("The city."),
        "bin_start": instant("Start of the hour."),
        "data_source": source("Where the orders of the hour come from."),
        "orders": integer("Orders in the hour.", "orders", ge=0),
        "expected": number("Orders expected without a match.", "orders", ge=0),
        "uplift_pct": number("Orders against expected.", "%", nullable=True),
        "robust_z": number("Robust z-score of the hour, to describe and not to test.", "1", nullable=True),
        "p_value": number("Chance of so many orders, or so few in a dip (negative binomial, mid-p).", "1", ge=0, le=1),
        "q_value": number(
            "p adjusted by Benjamini-Hochberg over all hours of the source, spikes and dips apart.", "1", ge=0, le=1
        ),
        "match_ids": text("The matches that explain it, separated by blanks, or 'unexplained'."),
        "time_period": text("pre_match, during_match, post_match or unexplained.", isin=(*TIME_PERIODS, "unexplained")),
        "match_data_source": text("Source of those matches: real, mock, or 'none'.", isin=("real", "mock", "none")),
        "seen_in": text("Where anomalies of this city and time_period were seen: real, mock or both.", isin=SEEN_IN),
        "description": text("The anomaly in a sentence, with its numbers."),
    },
)
