"""What a result may claim: minimum n, Benjamini-Hochberg over the family, and the verdict with its reason.

Belongs here: the rules that turn estimates into verdicts. Does not belong here: how estimates are made.
"""

import numpy as np
import pandas as pd

from pizza_assets.contracts.analysis import TIME_PERIODS
from pizza_assets.matchday.grid import Bools, Floats

ALPHA = 0.05
MIN_UNITS, MIN_WEEKS, MIN_GROUP = 10, 8, 10
#: An interval on fewer degrees of freedom is too wide to tell anything.
MIN_EFFECTIVE_WEEKS = 4
#: Below this many units the permutation p counts too.
PERMUTE_BELOW = 30
#: Columns that an insufficient result leaves empty: they are not to be trusted.
_WITHHELD = [
    "estimate",
    "ci_low",
    "ci_high",
    "correlation_coefficient",
    "statistical_significance",
    "q_value",
    "effect_size",
]


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


def judge(rows: pd.DataFrame) -> pd.DataFrame:
    """Add q_value, verdict and reason to estimates.

    Parameters
    ----------
    rows
        Estimates of any number of sources, with `problem` (why it is insufficient, or empty) and `note` (why
        it is a diagnostic and no finding, or empty). The family of a source is all its rows with neither; the
        primary questions are those over all matches in the three disjoint windows ('day' mostly repeats them).
    """
    is_insufficient = rows["problem"] != ""
    is_diagnostic = ~is_insufficient & (rows["note"] != "")
    in_family = ~is_insufficient & ~is_diagnostic
    p_values = rows["statistical_significance"].where(in_family).to_numpy(dtype=float)
    q_values = np.full(len(rows), np.nan)
    is_primary = ((rows["scope"] == "all") & rows["time_window"].isin(TIME_PERIODS)).to_numpy()
    for source in rows["data_source"].unique():
        of_source = (rows["data_source"] == source).to_numpy()
        q_values[of_source] = adjusted(p_values[of_source], is_primary[of_source])
    is_found = q_values <= ALPHA
    rises = rows["estimate"].to_numpy(dtype=float) > 0
    verdict = np.select(
        [is_insufficient, is_diagnostic, is_found & rises, is_found & ~rises],
        ["insufficient", "diagnostic", "higher", "lower"],
        "no effect found",
    )
    adjusted_p = [f"adjusted p is {q:.2g}" for q in q_values]
    reason = [
        problem or note or f"{text}, {'not above' if found else 'above'} {ALPHA}"
        for problem, note, text, found in zip(
            rows["problem"].tolist(), rows["note"].tolist(), adjusted_p, is_found, strict=True
        )
    ]
    judged = rows.assign(q_value=q_values, verdict=verdict, reason=reason)
    judged[_WITHHELD] = judged[_WITHHELD].astype(float)
    judged.loc[is_insufficient, _WITHHELD] = np.nan
    return judged
