"""What a result may claim: minimum n, Benjamini-Hochberg over the family, and the verdict with its reason.

Belongs here: the rules that turn estimates into verdicts. Does not belong here: how estimates are made.
"""

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from pizza_assets.analysis.contract import DOUBTFUL, NATIONAL, REFERENCE_EFFECT, TIME_PERIODS
from pizza_assets.analysis.grid import Floats
from pizza_assets.analysis.jackknife import found_from
from pizza_assets.platform.columns import Source
from pizza_assets.platform.printable import counted

ALPHA = 0.05
#: Log-uplift of 1000 %: that only a larger one would be found says nothing.
_MOST_TOLD = math.log(11)
#: Days of a season: the looks until then share the promise of 5 %.
SEASON_DAYS = 280
#: D of the boundary over looks: the larger, the sooner large effects are found and the later small ones.
BOUNDARY_POWER = 0.25
#: What a one-sided p is multiplied by at the season's end.
_LOOKS = 2 * (1 - BOUNDARY_POWER) / (0.5 - BOUNDARY_POWER)
NOT_FOUND = "no effect found"
MIN_UNITS, MIN_WEEKS, MIN_GROUP = 10, 8, 10
#: An interval on fewer degrees of freedom is too wide to tell anything.
MIN_EFFECTIVE_WEEKS = 4
#: Below this many units the permutation p counts too.
PERMUTE_BELOW = 30
#: What an insufficient result leaves empty: it is not to be trusted.
_WITHHELD = dict.fromkeys(
    (
        "estimate",
        "ci_low",
        "ci_high",
        "correlation_coefficient",
        "statistical_significance",
        "q_value",
        "effect_size",
    ),
    np.nan,
)

#: One estimate, by the names of CORRELATION_RESULTS and those that verdicts add and need.
Row = dict[str, Any]


def adjusted(p_values: Floats, weights: Floats | None = None) -> Floats:
    """Return Benjamini-Hochberg adjusted p-values (1995); NaN stays NaN and does not count.

    With weights, p is divided by them, scaled to mean 1 (Genovese, Roeder & Wasserman 2006), which keeps the
    false discovery rate of the whole family. No adjusted p is below its p.

    Parameters
    ----------
    p_values
        p of each question.
    weights
        Above 0, chosen without a look at the p-values; equal by default.
    """
    q_values = np.full(len(p_values), np.nan)
    usable = np.isfinite(p_values)
    p = p_values[usable]
    if len(p):
        weight = np.ones(len(p)) if weights is None else weights[usable] / weights[usable].mean()
        weighted = np.minimum(p / weight, 1)
        order = np.argsort(weighted)[::-1]  # from the largest: q never falls as p rises
        q_values[np.flatnonzero(usable)[order]] = np.minimum.accumulate(
            weighted[order] * len(p) / np.arange(len(p), 0, -1)
        )
        q_values = np.maximum(np.minimum(q_values, 1), p_values)
    return q_values


def over_looks(p_values: Floats, share: Floats) -> Floats:
    """Return p-values that hold however often one looks until the season's end.

    With a share t of the season's information, ``z sqrt(t)`` of a null question moves like a Brownian motion B. Its
    boundary is the power family of Wang & Tsiatis (1987), ``|B(t)| >= x t^D``, so that the look's statistic is
    ``x = z t^(1/2 - D)``; D = 0 is the boundary of O'Brien & Fleming, D = 1/2 that of Pocock. That B passes it at any
    instant until t = 1 has at most the chance ``2 (1 - D) / (1/2 - D) P(N >= x)``: Durbin's first term (1992), an upper
    bound for a boundary that is concave, and exact for D = 0 but for both sides being passed.

    Parameters
    ----------
    p_values
        Two-sided p of this look alone.
    share
        The share of a season that is observed for each, above 0 and at most 1.
    """
    from scipy.special import ndtr, ndtri

    z = ndtri(np.clip(p_values, 1e-300, 1.0) / 2)
    held: Floats = np.minimum(_LOOKS * ndtr(z * share ** (0.5 - BOUNDARY_POWER)), 1.0)
    return held


def of_this_look(p_value: float, share: float) -> float:
    """Return the p of one look whose `over_looks` is `p_value`."""
    from scipy.special import ndtr, ndtri

    return float(2 * ndtr(ndtri(min(p_value, 1.0) / _LOOKS) / share ** (0.5 - BOUNDARY_POWER)))


def share_of_season(n_days: int) -> float:
    """Return which share of a season's information so many days have."""
    return min(max(n_days, 1) / SEASON_DAYS, 1.0)


def too_few(n_units: int, n_weeks: int) -> str:
    """Return why so many units in so many weeks are too few, or an empty text."""
    if n_units >= MIN_UNITS and n_weeks >= MIN_WEEKS:
        return ""
    found = f"{counted(n_units, 'kick-off')} in {counted(n_weeks, 'week')}"
    return f"{found}; at least {MIN_UNITS} in {MIN_WEEKS} weeks are needed"


def judge(rows: Sequence[Row], focus_teams: Collection[str] = ()) -> list[Row]:
    """Return estimates with q_value, verdict and reason; an insufficient one is left without its numbers.

    Parameters
    ----------
    rows
        Estimates of any number of sources, with `question` (rows of one source with the same one ask the same),
        `problem` (why it is insufficient, or empty) and `note` (why it is a diagnostic and no finding, or empty).
        The family of a source is all its questions with neither. `share` is the share of a season that its
        orders are observed for: verdicts are shown day after day, and hold over all these looks.
    focus_teams
        The clubs whose questions are primary, named before anybody saw an estimate; all clubs by default.
    """
    questions: dict[Source, dict[Hashable, list[Row]]] = {}
    for row in rows:
        if not row["problem"] and not row["note"]:
            questions.setdefault(row["data_source"], {}).setdefault(row["question"], []).append(row)
    q_values: dict[tuple[Source, Hashable], float] = {}
    needed: dict[tuple[Source, Hashable], float] = {}
    for source, asked in questions.items():
        p_of_look, share = (
            np.array([of[0][name] for of in asked.values()], dtype=float)
            for name in ("statistical_significance", "share")
        )
        p_values = over_looks(p_of_look, share)
        weights = _weights(list(asked.values()), focus_teams)
        adjusted_p = adjusted(p_values, weights)
        q_values |= {(source, name): q for name, q in zip(asked, adjusted_p.tolist(), strict=True)}
        # The p that one more finding needs (Benjamini & Hochberg's line at its rank).
        line = ALPHA * weights / weights.sum() * (1 + (adjusted_p <= ALPHA).sum())
        for name, p_needed, of_season in zip(asked, np.minimum(line, ALPHA).tolist(), share.tolist(), strict=True):
            needed[source, name] = of_this_look(p_needed, of_season)
    judged = []
    for row in rows:
        key = (row["data_source"], row["question"])
        verdict = _judged(row, q_values.get(key, np.nan))
        judged.append(verdict | _what_would_do(verdict, needed.get(key, np.nan)))
    return judged


def _weights(questions: Sequence[Sequence[Row]], focus_teams: Collection[str]) -> Floats:
    """Return the weight of each question, given as the rows that ask it.

    Half goes to what is asked of all matches in the three disjoint windows ('day' mostly repeats them). The other half
    is shared alike by the clubs in these windows, national teams' matches in them, and the rest, as far as they have
    questions. Within the clubs, a question has weight by the square root of its expected orders: so large is its
    estimate against its error, for an effect of one size.
    """
    groups = ("all", "club", "nations", "rest")
    by_group = np.zeros((len(groups), len(questions)))
    for number, rows in enumerate(questions):
        for row in rows:
            kind, _, name = row["scope"].partition(":")
            is_asked_first = row["time_window"] in TIME_PERIODS
            is_club = kind == "team" and (not focus_teams or name in focus_teams)
            kind = "club" if is_club else "nations" if kind in NATIONAL else kind
            group = kind if is_asked_first and kind in groups else "rest"
            weight = max(row["expected"], 1.0) ** 0.5 if group == "club" else 1.0
            by_group[groups.index(group), number] = weight
    totals = by_group.sum(axis=1)
    share = np.where(np.array(groups) == "all", 1.0, 1 / max((totals[1:] > 0).sum(), 1))
    weights: Floats = (share / np.maximum(totals, 1.0)) @ by_group
    return weights


def doubted(rows: Sequence[Row], why: Mapping[Source, str]) -> list[Row]:
    """Return results with the uplifts that were found taken as doubtful where there is a reason why for their source.

    Associations with outcomes stay: nobody puts a kick-off, or watches, by the goals to come. So do matches of national
    teams, which cities that do not play are not asked about.
    """
    return [
        row | {"verdict": DOUBTFUL, "reason": why[row["data_source"]]}
        if row["data_source"] in why and row["method"] == "uplift" and row["verdict"] in ("higher", "lower")
        else row
        for row in rows
    ]


def _what_would_do(row: Row, p_needed: float) -> Row:
    """Return the smallest uplift that `p_needed` finds, and how many more units find the reference effect."""
    if row["verdict"] != NOT_FOUND or not row["error"] > 0:
        return {"smallest_effect": None, "more_matches": None}
    reach = found_from(p_needed, row["degrees"]) * row["error"]
    if not 0 < reach <= _MOST_TOLD:
        return {"smallest_effect": None, "more_matches": None}
    # An error of the mean falls with the square root of what there is of it.
    factor = (reach / math.log1p(REFERENCE_EFFECT / 100)) ** 2
    more = max(math.ceil(row.get("n_kick_offs", row["n"]) * (factor - 1)), 0)
    return {"smallest_effect": 100 * math.expm1(reach), "more_matches": more}


def _judged(row: Row, q_value: float) -> Row:
    q_value = np.nan if row["note"] else q_value
    if row["problem"]:
        return row | _WITHHELD | {"verdict": "insufficient", "reason": row["problem"]}
    if row["note"]:
        return row | {"q_value": q_value, "verdict": "diagnostic", "reason": row["note"]}
    is_found = q_value <= ALPHA
    verdict = ("higher" if row["estimate"] > 0 else "lower") if is_found else NOT_FOUND
    reason = f"adjusted p is {q_value:.2g}, {'not above' if is_found else 'above'} {ALPHA}"
    return row | {"q_value": q_value, "verdict": verdict, "reason": reason}
