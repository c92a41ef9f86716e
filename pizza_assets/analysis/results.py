"""Results: the rows of estimates that the verdicts judge, and the table of units.

Belongs here: which estimates are made of a family. Does not belong here: the arithmetic of an estimate, the
rules of verdicts, sentences.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pizza_assets.analysis.contract import TIME_WINDOWS
from pizza_assets.analysis.correlation import Association, associate, permutation_p, response
from pizza_assets.analysis.family import Family, Selection
from pizza_assets.analysis.grid import Bools, Floats
from pizza_assets.analysis.jackknife import Interval, jackknife_error, student_interval
from pizza_assets.analysis.national import EventStudy
from pizza_assets.analysis.nations import MIN_KICK_OFFS, nation_uplifts
from pizza_assets.analysis.uplift import REASONS, Counts, Uplift, uplift_of_sets
from pizza_assets.analysis.verdicts import MIN_EFFECTIVE_WEEKS, MIN_GROUP, PERMUTE_BELOW, Row, too_few
from pizza_assets.analysis.windows import OUTCOMES
from pizza_assets.contracts import UNIT_UPLIFT, conform, empty
from pizza_assets.platform.columns import Source

#: Outcomes that nobody knows before kick-off: with the window before it they are a placebo.
_AFTERWARDS = ("goals", "margin", "win", "loss", "draw")
_PLACEBO = "placebo: nobody knows it before kick-off, so an association would point to a fault"
_SECOND = "a second measure of the association that '{}' tests"
#: The measures of association, the tested one first, by whether the outcome is 0/1.
_METHODS = {
    True: ("point_biserial", "rank_biserial", "slope", "hedges_d"),
    False: ("pearson", "spearman", "slope"),
}
#: What matches of national teams are held against.
_OTHER_WEEKS = "All cities of the country have such a match at once: held against the same hours of its other weeks"
_ABROAD = " and cities of other countries"
_FLAT = "no variation between weeks to judge it by"


def _row(source: Source, scope: str, factor: str, method: str, time_window: str) -> Row:
    return {
        "data_source": source,
        "scope": scope,
        "factor": factor,
        "method": method,
        "time_window": time_window,
        "question": (scope, factor, method, time_window),
        "estimate": np.nan,
        "unit": "%",
        "ci_low": np.nan,
        "ci_high": np.nan,
        "correlation_coefficient": np.nan,
        "statistical_significance": np.nan,
        "effect_size": np.nan,
        "error": np.nan,
        "degrees": np.nan,
        "n": 0,
        "n_weeks": 0,
        "observed": 0,
        "expected": np.nan,
        "n_shared": 0,
        "held_against": "",
        "share": 1.0,
        "problem": "",
        "note": "",
    }


def percent(log_ratio: Floats) -> Floats:
    """Return log ratios as changes in %; NaN where one is beyond e^20, which says only that too little is known."""
    change: Floats = 100 * np.expm1(np.where(log_ratio < 20, log_ratio, np.nan))
    return change


def scopes_of(family: Family) -> tuple[list[str], Bools]:
    """Return the family's scopes, 'all' first, and which units each holds (scopes by units).

    Nothing is asked of a scope whose cities have no orders.
    """
    codes, names = pd.factorize(family.memberships["scope"], sort=True)
    sets = np.zeros((1 + len(names), len(family.units)), dtype=bool)
    sets[0] = True
    sets[1 + codes, family.memberships["unit"]] = True
    in_family = np.any(list(family.is_member.values()), axis=0) & (family.city >= 0) & sets
    kept = in_family.any(axis=1)
    kept[0] = True
    return [name for name, keep in zip(["all", *names], kept, strict=True) if keep], sets[kept]


def uplift_rows(family: Family) -> list[Row]:
    """Estimate the uplift of every scope in every window."""
    scopes, sets = scopes_of(family)
    has_several = family.units["match_ids"].str.contains(" ", regex=False).to_numpy(dtype=bool)
    rows = []
    for time_window in TIME_WINDOWS:
        counts = family.counts[time_window]
        uplift = uplift_of_sets(counts, sets)
        error = jackknife_error(uplift.log_ratio_without)
        estimates = _as_percent(uplift.log_ratio, student_interval(uplift.log_ratio, error, uplift.degrees))
        columns = {
            "error": error.tolist(),
            "degrees": uplift.degrees.tolist(),
            "n": uplift.n_units.tolist(),
            "n_shared": (sets & counts.is_clean & has_several).sum(axis=1).tolist(),
            "n_weeks": uplift.n_weeks.tolist(),
            "observed": uplift.observed.round().astype(np.int64).tolist(),
            "expected": uplift.expected.tolist(),
            "problem": [_uplift_problem(uplift, error, i, counts, sets[i]) for i in range(len(scopes))],
            # The same units in the same window are the same question, whatever they are called.
            "question": [("match", time_window, units.tobytes()) for units in sets & counts.is_clean],
        }
        for scope, values in zip(scopes, _records(estimates | columns), strict=True):
            rows.append(_row(family.source, scope, "match", "uplift", time_window) | values)
    return rows


def _records(columns: Mapping[str, Sequence[Any]]) -> list[Row]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _as_percent(log_ratio: Floats, interval: Interval) -> dict[str, list[float]]:
    """Return estimates and intervals on the log scale as changes in %, and their p-values."""
    estimate = percent(log_ratio)
    return {
        "estimate": estimate.tolist(),
        "ci_low": percent(interval.low).tolist(),
        "ci_high": percent(interval.high).tolist(),
        "statistical_significance": interval.p_value.tolist(),
        "effect_size": (estimate / 100).tolist(),
    }


def _uplift_problem(uplift: Uplift, error: Floats, i: int, counts: Counts, members: Bools) -> str:
    few = too_few(int(uplift.n_units[i]), int(uplift.n_weeks[i]))
    if few:
        left_out = Counter(REASONS[code] for code in counts.code[members] if code > 0)
        why = ", ".join(f"{reason} ({n})" for reason, n in left_out.most_common())
        return f"{few}; left out: {why}" if why else few
    if not np.isfinite(uplift.log_ratio[i]):
        return "no orders in these windows, or none expected"
    if uplift.degrees[i] < MIN_EFFECTIVE_WEEKS - 1:
        weeks = uplift.degrees[i] + 1
        return f"a few busy weeks decide it: {weeks:.1f} effective weeks; at least {MIN_EFFECTIVE_WEEKS} are needed"
    return "" if error[i] > 1e-9 else _FLAT


def association_rows(family: Family, seed: int) -> list[Row]:
    """Associate orders with every outcome in every window."""
    outcomes = family.units[list(OUTCOMES)].to_numpy(dtype=float)
    rows = []
    for time_window in TIME_WINDOWS:
        counts = family.counts[time_window]
        of = response(counts, family.city)
        found = associate(of, outcomes)
        observed, expected = (values[of.unit] @ found.present for values in (counts.observed, counts.expected))
        measures = _measures(found)
        for i, (factor, is_binary) in enumerate(OUTCOMES.items()):
            methods = _METHODS[is_binary or bool(found.is_binary[i])]
            shared = {
                "n": int(found.n_units[i]),
                "n_weeks": int(found.n_weeks[i]),
                "observed": round(observed[i]),
                "expected": float(expected[i]),
                "problem": _association_problem(found, i, methods),
            }
            placebo = _PLACEBO if time_window == "pre_match" and factor in _AFTERWARDS else ""
            for method, estimates in zip(methods, measures, strict=False):  # d is for 0/1 outcomes only
                row = _row(family.source, "all", factor, method, time_window) | shared | estimates[i]
                row["note"] = placebo or ("" if method == methods[0] else _SECOND.format(methods[0]))
                row["problem"] = row["problem"] or ("" if np.isfinite(row["statistical_significance"]) else _FLAT)
                if method == methods[0] and not row["problem"] and row["n"] < PERMUTE_BELOW:
                    by_chance = permutation_p(of, outcomes[:, i], seed)
                    row["statistical_significance"] = max(row["statistical_significance"], by_chance)
                rows.append(row)
    return rows


def _association_problem(found: Association, i: int, methods: tuple[str, ...]) -> str:
    few = too_few(int(found.n_units[i]), int(found.n_weeks[i]))
    if few:
        return few
    if found.is_constant[i]:
        return "the outcome is the same in all units"
    n_with, n_without = found.n_with[i], found.n_without[i]
    if methods == _METHODS[True] and min(n_with, n_without) < MIN_GROUP:
        return f"groups of {n_with} and {n_without} kick-offs; at least {MIN_GROUP} in each are needed"
    return ""


def _measures(found: Association) -> list[list[Row]]:
    """Return the estimates of r, rank r, slope and d, in the order of the methods; each a list by outcome."""
    with np.errstate(divide="ignore"):  # r = +-1 has no interval; the row says so
        values = np.stack([np.arctanh(found.r), np.arctanh(found.rank_r), found.slope, found.d])
    error = jackknife_error(values[..., 1:])
    degrees = (found.n_weeks - 1).astype(float)
    interval = student_interval(values[..., 0], np.where(error > 1e-9, error, np.nan), degrees)
    slope = percent(found.slope[:, 0])
    r, rank_r, nothing = found.r[:, 0], found.rank_r[:, 0], np.full(len(slope), np.nan)
    measures: tuple[tuple[str, Floats, Floats, Callable[[Floats], Floats]], ...] = (
        ("r", r, r, np.tanh),
        ("r", rank_r, rank_r, np.tanh),
        ("%", slope, nothing, percent),
        ("d", found.d[:, 0], nothing, np.asarray),
    )
    return [
        _records(
            {
                "unit": [unit] * len(slope),
                "estimate": estimate.tolist(),
                "correlation_coefficient": coefficient.tolist(),
                "ci_low": from_scale(low).tolist(),
                "ci_high": from_scale(high).tolist(),
                "statistical_significance": p_value.tolist(),
                "effect_size": slope.tolist(),
            }
        )
        for (unit, estimate, coefficient, from_scale), low, high, p_value in zip(
            measures, interval.low, interval.high, interval.p_value, strict=True
        )
    ]


def national_rows(source: Source, study: dict[str, tuple[EventStudy, int]], n_units: int) -> list[Row]:
    """Return the uplift of each window from the national event study; associations need a city."""
    rows = []
    for time_window in TIME_WINDOWS:
        fit, i = study[time_window]
        error = jackknife_error(fit.beta_without[i : i + 1])
        interval = student_interval(fit.beta[i : i + 1], error, np.array([fit.n_weeks[i] - 1.0]))
        row = _row(source, "all", "match", "event_study", time_window)
        row |= _records(_as_percent(fit.beta[i : i + 1], interval))[0]
        row |= {"n": n_units, "n_weeks": int(fit.n_weeks[i])}
        row |= {"observed": round(fit.observed[i]), "expected": float(fit.expected[i])}
        flat = (
            "" if error[0] > 1e-9 else "matches are on at these times every week, so there is nothing to compare with"
        )
        row["problem"] = too_few(n_units, int(fit.n_weeks[i])) or flat
        rows.append(row)
        for factor in OUTCOMES:
            other = _row(source, "all", factor, _METHODS[OUTCOMES[factor]][0], time_window)
            rows.append(other | {"unit": "r", "problem": "orders carry no city, so no match is theirs"})
    return rows


def nation_rows(of: Selection, source: Source) -> list[Row]:
    """Estimate the uplift of national teams' matches by nation, tournament and stage; see `nation_uplifts`."""
    rows = []
    for time_window in TIME_WINDOWS:
        for scope, uplift in nation_uplifts(of, source, time_window).items():
            log_ratio, error, degrees = (np.array([x]) for x in (uplift.log_ratio, uplift.error, uplift.degrees))
            row = _row(source, scope, "match", "event_study", time_window)
            row |= _records(_as_percent(log_ratio, student_interval(log_ratio, error, degrees)))[0]
            rows.append(
                row
                | {
                    "question": ("nations", time_window, uplift.events),
                    "error": uplift.error,
                    "degrees": uplift.degrees,
                    "n": uplift.n_units,
                    "n_kick_offs": uplift.n_kick_offs,
                    "n_weeks": uplift.n_weeks,
                    "observed": round(uplift.observed),
                    "expected": uplift.expected,
                    "problem": _nation_problem(uplift.n_kick_offs),
                    "held_against": _OTHER_WEEKS + (_ABROAD if uplift.has_controls else ""),
                }
            )
    return rows


def _nation_problem(n_kick_offs: int) -> str:
    if not n_kick_offs:
        return "not observed, other matches at these hours, or these hours free of matches in too few other weeks"
    if n_kick_offs < MIN_KICK_OFFS:
        counted = f"{n_kick_offs} kick-offs count" if n_kick_offs > 1 else "1 kick-off counts"
        return f"{counted}; at least {MIN_KICK_OFFS} are needed"
    return ""


def unit_table(found: list[Family]) -> pd.DataFrame:
    """Return UNIT_UPLIFT rows of all families."""
    frames = []
    for family in found:
        units = family.units
        for time_window in TIME_WINDOWS:
            counts, members = family.counts[time_window], family.is_member[time_window]
            frame = pd.DataFrame(
                {
                    "city": units["city"],
                    "kick_off_at": units["kick_off_at"],
                    "time_window": time_window,
                    "data_source": family.source,
                    "match_ids": units["match_ids"],
                    "match_significance": units["match_significance"],
                    "observed": counts.observed.round().astype(np.int64),
                    "expected": counts.expected,
                    "is_clean": counts.is_clean,
                    "competition": units["competition"],
                    "reason": np.asarray(REASONS)[np.maximum(counts.code, 0)],
                }
            )
            frames.append(frame[members])
    return conform(pd.concat(frames, ignore_index=True), UNIT_UPLIFT) if frames else empty(UNIT_UPLIFT)
