"""Results: the rows of estimates that the verdicts judge, and the table of units.

Belongs here: which estimates are made of a family. Does not belong here: the arithmetic of an estimate, the
rules of verdicts, sentences.
"""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from pizza_assets.contracts import UNIT_UPLIFT, conform, empty
from pizza_assets.contracts.analysis import TIME_WINDOWS
from pizza_assets.contracts.columns import Source
from pizza_assets.matchday.correlation import Association, associate, permutation_p, response
from pizza_assets.matchday.family import Family
from pizza_assets.matchday.grid import Bools, Floats
from pizza_assets.matchday.jackknife import Interval, jackknife_error, student_interval
from pizza_assets.matchday.national import EventStudy
from pizza_assets.matchday.uplift import REASONS, Counts, Uplift, uplift_of_sets
from pizza_assets.matchday.verdicts import MIN_EFFECTIVE_WEEKS, MIN_GROUP, PERMUTE_BELOW, too_few
from pizza_assets.matchday.windows import OUTCOMES

#: Outcomes that nobody knows before kick-off: with the window before it they are a placebo.
_AFTERWARDS = ("goals", "margin", "win", "loss", "draw")
_PLACEBO = "placebo: nobody knows it before kick-off, so an association would point to a fault"
_SECOND = "a second measure of the association that '{}' tests"
_FLAT = "no variation between weeks to judge it by"

Row = dict[str, Any]


def _row(source: Source, scope: str, factor: str, method: str, time_window: str) -> Row:
    return {
        "data_source": source,
        "scope": scope,
        "factor": factor,
        "method": method,
        "time_window": time_window,
        "estimate": np.nan,
        "unit": "%",
        "ci_low": np.nan,
        "ci_high": np.nan,
        "correlation_coefficient": np.nan,
        "statistical_significance": np.nan,
        "effect_size": np.nan,
        "n": 0,
        "n_weeks": 0,
        "observed": 0,
        "expected": np.nan,
        "problem": "",
        "note": "",
    }


def percent(log_ratio: Any) -> Any:  # noqa: ANN401 - a float or an array of them, and the same back
    """Return a log ratio as a change in %; NaN where it is beyond e^20, which says only that too little is known."""
    return 100 * np.expm1(np.where(np.less(log_ratio, 20), log_ratio, np.nan))


def scopes_of(family: Family) -> tuple[list[str], Bools]:
    """Return the family's scopes, 'all' first, and which units each holds (scopes by units)."""
    codes, names = pd.factorize(family.memberships["scope"], sort=True)
    sets = np.zeros((1 + len(names), len(family.units)), dtype=bool)
    sets[0] = True
    sets[1 + codes, family.memberships["unit"]] = True
    in_family = np.any(list(family.is_member.values()), axis=0) & sets
    kept = in_family.any(axis=1)
    kept[0] = True
    return [name for name, keep in zip(["all", *names], kept, strict=True) if keep], sets[kept]


def uplift_rows(family: Family) -> list[Row]:
    """Estimate the uplift of every scope in every window."""
    scopes, sets = scopes_of(family)
    rows = []
    for time_window in TIME_WINDOWS:
        counts = family.counts[time_window]
        uplift = uplift_of_sets(counts, sets)
        error = jackknife_error(uplift.log_ratio_without)
        interval = student_interval(uplift.log_ratio, error, uplift.degrees)
        for i, scope in enumerate(scopes):
            row = _row(family.source, scope, "match", "uplift", time_window)
            row |= _estimated(uplift.log_ratio[i], interval, i)
            row |= {"n": int(uplift.n_units[i]), "n_weeks": int(uplift.n_weeks[i])}
            row |= {"observed": round(uplift.observed[i]), "expected": float(uplift.expected[i])}
            row["problem"] = _uplift_problem(uplift, error, i, counts, sets[i])
            rows.append(row)
    return rows


def _estimated(log_ratio: float, interval: Interval, i: int) -> Row:
    estimate = float(percent(log_ratio))
    return {
        "estimate": estimate,
        "ci_low": float(percent(interval.low[i])),
        "ci_high": float(percent(interval.high[i])),
        "statistical_significance": float(interval.p_value[i]),
        "effect_size": estimate / 100,
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
    city = pd.factorize(family.units["city"])[0].astype(np.int64)
    outcomes = {factor: family.units[factor].to_numpy(dtype=float) for factor in OUTCOMES}
    rows = []
    for time_window in TIME_WINDOWS:
        counts = family.counts[time_window]
        of = response(counts, city)
        for factor, is_binary in OUTCOMES.items():
            outcome = outcomes[factor]
            found = associate(of, outcome)
            units = of.unit[np.isfinite(outcome[of.unit])]
            is_binary_here = is_binary or found.is_binary
            main = "point_biserial" if is_binary_here else "pearson"
            shared = {
                "n": found.n_units,
                "n_weeks": found.n_weeks,
                "observed": round(counts.observed[units].sum()),
                "expected": float(counts.expected[units].sum()),
                "problem": _association_problem(found, is_binary_here),
            }
            placebo = _PLACEBO if time_window == "pre_match" and factor in _AFTERWARDS else ""
            for method, estimates in _measures(found, main, is_binary_here):
                row = _row(family.source, "all", factor, method, time_window) | shared | estimates
                row["note"] = placebo or ("" if method == main else _SECOND.format(main))
                is_flat = not np.isfinite(row["statistical_significance"])
                row["problem"] = row["problem"] or (_FLAT if is_flat else "")
                if method == main and not row["problem"] and found.n_units < PERMUTE_BELOW:
                    by_chance = permutation_p(of, outcome, seed)
                    row["statistical_significance"] = max(row["statistical_significance"], by_chance)
                rows.append(row)
    return rows


def _association_problem(found: Association, is_binary: bool) -> str:
    few = too_few(found.n_units, found.n_weeks)
    if few:
        return few
    if found.is_constant:
        return "the outcome is the same in all units"
    if is_binary and min(found.n_with, found.n_without) < MIN_GROUP:
        return f"groups of {found.n_with} and {found.n_without} units; at least {MIN_GROUP} in each are needed"
    return ""


def _measures(found: Association, main: str, is_binary: bool) -> list[tuple[str, Row]]:
    """Return each measure's name and estimates: r, ranks, slope, and d for 0/1 outcomes."""
    degrees = np.array([found.n_weeks - 1.0])
    slope = _interval_of(found.slope, degrees)
    slope_percent = float(percent(found.slope[0]))
    measures = []
    for method, values in ((main, found.r), ("rank_biserial" if is_binary else "spearman", found.rank_r)):
        with np.errstate(divide="ignore"):  # r = +-1 has no interval; the row says so
            interval = _interval_of(np.arctanh(values), degrees)
        r = float(values[0])
        estimates = {"unit": "r", "estimate": r, "correlation_coefficient": r, "effect_size": slope_percent}
        estimates |= {"ci_low": float(np.tanh(interval.low[0])), "ci_high": float(np.tanh(interval.high[0]))}
        measures.append((method, estimates | {"statistical_significance": float(interval.p_value[0])}))
    measures.append(("slope", _estimated(float(found.slope[0]), slope, 0) | {"effect_size": slope_percent}))
    if is_binary:
        d = _interval_of(found.d, degrees)
        estimates = {"unit": "d", "estimate": float(found.d[0]), "effect_size": slope_percent}
        estimates |= {"ci_low": float(d.low[0]), "ci_high": float(d.high[0])}
        measures.append(("hedges_d", estimates | {"statistical_significance": float(d.p_value[0])}))
    return measures


def _interval_of(values: Floats, degrees: Floats) -> Interval:
    error = jackknife_error(values[None, 1:])
    return student_interval(values[:1], np.where(error > 1e-9, error, np.nan), degrees)


def national_rows(source: Source, study: dict[str, tuple[EventStudy, int]], n_units: int) -> list[Row]:
    """Return the uplift of each window from the national event study; associations need a city."""
    rows = []
    for time_window in TIME_WINDOWS:
        fit, i = study[time_window]
        error = jackknife_error(fit.beta_without[i : i + 1])
        interval = student_interval(fit.beta[i : i + 1], error, np.array([fit.n_weeks[i] - 1.0]))
        row = _row(source, "all", "match", "event_study", time_window)
        row |= _estimated(float(fit.beta[i]), interval, 0)
        row |= {"n": n_units, "n_weeks": int(fit.n_weeks[i])}
        row |= {"observed": round(fit.observed[i]), "expected": float(fit.expected[i])}
        flat = (
            "" if error[0] > 1e-9 else "matches are on at these times every week, so there is nothing to compare with"
        )
        row["problem"] = too_few(n_units, int(fit.n_weeks[i])) or flat
        rows.append(row)
        for factor in OUTCOMES:
            other = _row(source, "all", factor, "point_biserial" if OUTCOMES[factor] else "pearson", time_window)
            rows.append(other | {"unit": "r", "problem": "orders carry no city, so no match is theirs"})
    return rows


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
