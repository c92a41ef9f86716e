"""What a result may claim: minimum n, Benjamini-Hochberg over the family, and the verdict with its reason.

Belongs here: the rules that turn estimates into verdicts. Does not belong here: how estimates are made.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pizza_assets.contracts.analysis import TIME_PERIODS
from pizza_assets.matchday.grid import Bools, Floats

ALPHA = 0.05
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


def adjusted(p_values: Floats, is_primary: Bools | None = None) -> Floats:
    """Return Benjamini-Hochberg adjusted p-values (1995); NaN stays NaN and does not count.

    With `is_primary`, half of the weight goes to the primary questions and half to the rest, however many
    they are: p is divided by weights of mean 1 (Genovese, Roeder & Wasserman 2006), which keeps the false
    discovery rate of the whole family. No adjusted p is below its p.
    """
    from scipy.stats import false_discovery_control

    q_values = np.full(len(p_values), np.nan)
    usable = np.isfinite(p_values)
    p = p_values[usable]
    if is_primary is not None:
        primary = is_primary[usable]
        n_primary, n_rest = primary.sum(), (~primary).sum()
        if n_primary and n_rest:
            weight = np.where(primary, len(p) / (2 * n_primary), len(p) / (2 * n_rest))
            q_values[usable] = np.maximum(false_discovery_control(np.minimum(p / weight, 1)), p)
            return q_values
    if len(p):
        q_values[usable] = false_discovery_control(p)
    return q_values


def too_few(n_units: int, n_weeks: int) -> str:
    """Return why so many units in so many weeks are too few, or an empty text."""
    if n_units >= MIN_UNITS and n_weeks >= MIN_WEEKS:
        return ""
    return f"{n_units} units in {n_weeks} weeks; at least {MIN_UNITS} in {MIN_WEEKS} are needed"


def judge(rows: Sequence[Row]) -> list[Row]:
    """Return estimates with q_value, verdict and reason; an insufficient one is left without its numbers.

    Parameters
    ----------
    rows
        Estimates of any number of sources, with `problem` (why it is insufficient, or empty) and `note` (why
        it is a diagnostic and no finding, or empty). The family of a source is all its rows with neither; the
        primary questions are those over all matches in the three disjoint windows ('day' mostly repeats them).
    """
    in_family = np.array([not row["problem"] and not row["note"] for row in rows], dtype=bool)
    p_values = np.where(in_family, np.array([row["statistical_significance"] for row in rows], dtype=float), np.nan)
    is_primary = np.array([row["scope"] == "all" and row["time_window"] in TIME_PERIODS for row in rows], dtype=bool)
    sources = np.array([row["data_source"] for row in rows], dtype=object)
    q_values = np.full(len(rows), np.nan)
    for source in set(sources):
        of_source = sources == source
        q_values[of_source] = adjusted(p_values[of_source], is_primary[of_source])
    return [_judged(row, q_value) for row, q_value in zip(rows, q_values.tolist(), strict=True)]


def _judged(row: Row, q_value: float) -> Row:
    if row["problem"]:
        return row | _WITHHELD | {"verdict": "insufficient", "reason": row["problem"]}
    if row["note"]:
        return row | {"q_value": q_value, "verdict": "diagnostic", "reason": row["note"]}
    is_found = q_value <= ALPHA
    verdict = ("higher" if row["estimate"] > 0 else "lower") if is_found else "no effect found"
    reason = f"adjusted p is {q_value:.2g}, {'not above' if is_found else 'above'} {ALPHA}"
    return row | {"q_value": q_value, "verdict": verdict, "reason": reason}
