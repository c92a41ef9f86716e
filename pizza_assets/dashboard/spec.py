"""The one specification of the dashboard: visuals, filters, and which fields each shows.

Belongs here: what is shown and asked, in words and column names. Does not belong here: how a renderer draws
it. ``quicksight`` renders this to a dashboard definition, ``page`` to one HTML file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pizza_assets.dashboard.datasets import DATA_SETS
from pizza_assets.errors import PizzaAssetsError

TITLE = "Does football sell pizza?"
#: A mean over fewer units or weeks than these is not shown; see `pizza_assets.analysis.verdicts`.
MIN_UNITS, MIN_WEEKS = 10, 8
#: The window whose uplift is the headline.
HEADLINE_WINDOW = "during_match"
#: Data older than this is called old on the dashboard and raises the alarm.
STALE_AFTER_DAYS = 3


class Kind(StrEnum):
    """How a visual shows its fields."""

    BANNER = "banner"
    KPI = "kpi"
    BAR = "bar"
    LINE = "line"
    INTERVAL = "interval"
    DOTS = "dots"
    TABLE = "table"


@dataclass(frozen=True)
class Filter:
    """A control that viewers set.

    Attributes
    ----------
    columns
        The column that it filters, by data set. A data set that is not named cannot follow.
    pools
        Whether 'all' is a choice. Real and mock are never pooled, so the data source has none.
    """

    id: str
    label: str
    columns: Mapping[str, str]
    pools: bool = True


@dataclass(frozen=True)
class Visual:
    """A figure and the question that it answers.

    Attributes
    ----------
    fields
        Columns of the data set by their role: x, y, low, high, colour, label ... In tables each column is
        its own role, in the order that they are shown.
    follows
        The filters that act on it in every renderer.
    note
        What it does not show, for viewers.
    """

    id: str
    question: str
    title: str
    kind: Kind
    data_set: str
    fields: Mapping[str, str]
    follows: tuple[str, ...]
    note: str = ""
    sheet: str = "overview"

    def cannot_follow(self) -> tuple[Filter, ...]:
        """Return the filters that leave this visual as it is."""
        return tuple(item for item in FILTERS if item.id not in self.follows)


FILTERS = (
    Filter("team", "Club", {"matches": "team", "effects": "team"}),
    Filter(
        "type",
        "Match type",
        {"matches": "match_type", "profile": "match_type", "hourly": "match_type"},
    ),
    Filter(
        "source",
        "Data source",
        {name: "data_source" for name in DATA_SETS if name != "meta"},
        pools=False,
    ),
    Filter("dates", "Dates", {"daily": "day", "matches": "kickoff_ts", "anomalies": "bucket_ts"}),
)

_EVERY = ("team", "type", "source", "dates")


def _columns(*names: str) -> Mapping[str, str]:
    return {name: name for name in names}


VISUALS = (
    Visual(
        "banner",
        "Is this real or mock data, and how old is it?",
        "What you are looking at",
        Kind.BANNER,
        "meta",
        _columns(
            "data_source", "is_mock", "data_until", "built_at", "share_real_orders", "share_real_matches", "planted"
        ),
        follows=(),
    ),
    Visual(
        "uplift",
        "Does football sell pizza?",
        "Orders during matches, against the orders expected without one",
        Kind.KPI,
        "effects",
        {"value": "uplift_pct", "low": "ci_low", "high": "ci_high", "n": "n_matches", "verdict": "verdict"},
        follows=("team", "source"),
    ),
    Visual(
        "days",
        "When? Days above and below normal",
        "Orders of each day against expected",
        Kind.BAR,
        "daily",
        {"x": "day", "y": "dev_pct", "observed": "orders", "expected": "expected", "colour": "is_match_day"},
        follows=("source", "dates"),
        note="A day's total hides two hours of football in twenty-two without.",
    ),
    Visual(
        "profile",
        "When, around kick-off?",
        "Uplift hour by hour from kick-off",
        Kind.LINE,
        "profile",
        {
            "x": "hours_from_kickoff",
            "y": "uplift_pct",
            "low": "ci_low",
            "high": "ci_high",
            "n": "n_matches",
            "panel": "match_type",
        },
        follows=("type", "source"),
        note="Hours with too few matches have no estimate and are left blank.",
    ),
    Visual(
        "teams",
        "Which clubs?",
        "Uplift during each club's matches",
        Kind.INTERVAL,
        "effects",
        {
            "label": "team",
            "x": "uplift_pct",
            "low": "ci_low",
            "high": "ci_high",
            "n": "n_matches",
            "colour": "verdict",
        },
        follows=("team", "source"),
        note="An interval that crosses zero proves nothing; one that does not may still fail the test of many teams.",
    ),
    Visual(
        "nations",
        "Which national teams?",
        "Uplift during matches of national teams, in all cities of their country",
        Kind.INTERVAL,
        "effects",
        {
            "label": "scope",
            "x": "uplift_pct",
            "low": "ci_low",
            "high": "ci_high",
            "n": "n_matches",
            "colour": "verdict",
        },
        follows=("source",),
        note="All cities of a country have such a match at once, so it is held against the same hours of other weeks, "
        "and against cities of other countries where there are some. A nation, tournament or stage needs three "
        "kick-offs for a number.",
    ),
    Visual(
        "matches",
        "Which matches?",
        "Uplift of each match by kick-off",
        Kind.DOTS,
        "matches",
        {
            "x": "kickoff_ts",
            "y": "uplift_pct",
            "low": "ci_low",
            "high": "ci_high",
            "size": "expected",
            "colour": "match_type",
            "detail": "match_id",
        },
        follows=_EVERY,
        note="One match is mostly chance. Overlapping matches have hollow dots and do not count in any average.",
    ),
    Visual(
        "certainty",
        "How sure?",
        "Everything that was tested",
        Kind.TABLE,
        "correlations",
        _columns("scope", "factor", "method", "time_window", "r", "ci_low", "ci_high", "p_value", "q_value", "verdict"),
        follows=("source",),
        note="q is p adjusted for all tests together (Benjamini-Hochberg); up to 0.05 counts as a finding.",
    ),
    Visual(
        "anomalies",
        "Anything odd?",
        "Hours with more orders than chance explains",
        Kind.TABLE,
        "anomalies",
        _columns("bucket_ts", "city", "orders", "expected", "q_value", "match_ids", "time_period", "data_source"),
        follows=("source", "dates"),
    ),
    Visual(
        "retail",
        "Does football sell pizza in the shops, and what else?",
        "Items sold in shops during matches, against those expected without one",
        Kind.INTERVAL,
        "retail",
        {
            "label": "category",
            "x": "uplift_pct",
            "low": "ci_low",
            "high": "ci_high",
            "n": "n_matches",
            "colour": "verdict",
        },
        follows=("source",),
        note="All cities whose teams play. A category with too little data has no number. Mock sales carry a planted "
        "effect: in pizza alone, and in the home team's city alone.",
    ),
    Visual(
        "shops",
        "In which shops, and when?",
        "Sales by category, city and time around kick-off",
        Kind.TABLE,
        "retail",
        _columns(
            "category",
            "city",
            "time_window",
            "items",
            "expected",
            "uplift_pct",
            "ci_low",
            "ci_high",
            "n_matches",
            "q_value",
            "verdict",
        ),
        follows=("source",),
        note="q is p adjusted for all results about sales together.",
    ),
    Visual(
        "coming",
        "What is coming?",
        "Orders to expect around the matches ahead, from 2 h before to 4 h after kick-off",
        Kind.TABLE,
        "forecast",
        _columns(
            "kickoff_ts", "city", "span", "matches", "expected", "low_80", "high_80", "match_orders", "pizzas", "reason"
        ),
        follows=("source",),
        note="The interval holds the orders 4 times in 5. Orders to expect are as of the last day; what happens later, "
        "such as a match that is postponed, is in the next day's forecast.",
    ),
    Visual(
        "differ",
        "How much do clubs differ?",
        "Uplift by club, competition, stage and kick-off, partially pooled",
        Kind.TABLE,
        "pooled",
        _columns(
            "kind",
            "name",
            "time_window",
            "n_matches",
            "own_pct",
            "uplift_pct",
            "ci_low",
            "ci_high",
            "spread_pct",
            "spread_low",
            "spread_high",
        ),
        follows=("source",),
        note="Each group is drawn to the mean as far as its own matches leave it uncertain. A spread whose interval "
        "begins at 0 means that the groups do not differ measurably.",
    ),
    Visual(
        "match",
        "One match",
        "Orders by the hour against expected",
        Kind.LINE,
        "hourly",
        {"x": "bucket_ts", "y": "orders", "expected": "expected", "marks": "goals", "panel": "city"},
        follows=("source",),
        sheet="match",
    ),
)


def visual(name: str) -> Visual:
    """Return the visual of this id."""
    return next(item for item in VISUALS if item.id == name)


def check() -> None:
    """Raise PizzaAssetsError when the specification names a data set, column or filter that is not there."""
    problems = []
    filters = {item.id for item in FILTERS}
    for item in VISUALS:
        columns = DATA_SETS[item.data_set].columns if item.data_set in DATA_SETS else None
        if columns is None:
            problems.append(f"visual '{item.id}': no data set '{item.data_set}'")
            continue
        missing = set(item.fields.values()) - set(columns)
        problems += [f"visual '{item.id}': '{item.data_set}' has no column '{name}'" for name in sorted(missing)]
        problems += [f"visual '{item.id}': no filter '{name}'" for name in item.follows if name not in filters]
    for control in FILTERS:
        for data_set, column in control.columns.items():
            if column not in DATA_SETS[data_set].columns:
                problems.append(f"filter '{control.id}': '{data_set}' has no column '{column}'")
    if problems:
        raise PizzaAssetsError(f"The dashboard's specification is wrong: {'; '.join(problems)}. Correct spec.py.")
