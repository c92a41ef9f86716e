"""Is mock data shaped like the real thing? ``python -m benchmarks.realism`` (about a minute).

Belongs here: the targets, each measured on many seeds through the public functions. Each figure is the mean of
independent replicates (a season, a half-year of orders, a day of planted effects); its Monte-Carlo error is the
standard error over them. Exits 1 when a figure is off by more than 5 %.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow

from pizza_assets.contracts import FOOTBALL_MATCHES, arrow_schema, empty, from_arrow
from pizza_assets.football.contract import PLAYED
from pizza_assets.football.mock import LEAGUE, mock_matches
from pizza_assets.orders.mock import mock_orders
from pizza_assets.reference import UNKNOWN_CITY, cities
from pizza_assets.settings import Settings

TOLERANCE = 0.05

SEASONS = 120
ORDER_REPLICATES, ORDER_WEEKS = 12, 26
PLANTED_DAYS, PLANTED_VOLUME = 40, 60_000

#: Estimate and standard error of each figure.
Estimates = Mapping[str, tuple[float, float]]
Values = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Row:
    """A target (`low` = `high` unless it is a range) and why it may be read as it is."""

    name: str
    low: float
    high: float
    note: str = ""

    def error(self, measured: float) -> float:
        """Return the relative distance from the target or from the nearer end of its range."""
        nearest = min(max(measured, self.low), self.high)
        return (measured - nearest) / nearest


def _rows(prefix: str, targets: Mapping[str, float], note: str = "") -> list[Row]:
    return [Row(f"{prefix} {name}", target, target, note) for name, target in targets.items()]


MATCH_ROWS = [
    Row("goals per match, mean", 2.80, 2.80),
    Row("goals per match, variance/mean", 1.0, 1.0, "1 = Poisson"),
    *_rows(
        "result %",
        {"home": 44.8, "draw": 23.2, "away": 32.0},
        "no model with Poisson totals is within 3 % of all results and margins",
    ),
    *_rows("margin %", {"0": 23, "1": 37, "2": 23, "3": 11, "4+": 7}, "published figures sum to 101"),
    *_rows(
        "kick-off %",
        {"15:00": 42, "20:00": 9.5, "17:30": 8, "19:45": 7, "14:00": 6, "16:00": 5, "12:30": 5},
    ),
    *_rows(
        "weekday %",
        {"Sat": 53, "Sun": 25, "Wed": 7, "Mon": 5, "Tue": 5, "Thu": 2, "Fri": 2},
        "published figures sum to 99",
    ),
    Row("match-days a season", 108, 108),
    Row("matches per match-day", 3.5, 3.5),
    Row("share a kick-off %", 59, 59),
    *_rows(
        "goal minutes %",
        {"1-15": 12, "16-30": 14, "31-45": 17, "46-60": 16, "61-75": 16, "76-90": 23},
        "published figures sum to 98",
    ),
]

ORDER_ROWS = [
    Row("orders per store and day", 150, 160),
    *_rows("hour %", {"12": 2, "13": 2, "14": 2, "17": 16, "18": 29, "19": 25, "20": 12, "21": 5.5, "22": 3}),
    *_rows(
        "weekday factor",
        {"Mon": 0.62, "Tue": 0.64, "Wed": 0.67, "Thu": 0.74, "Fri": 1.51, "Sat": 1.70, "Sun": 1.10},
        "normalised: published figures average .997",
    ),
    Row("variance/mean, daily", 1.34, 1.34),
    *[Row(f"variance/mean, {hour}-{hour + 2}h", 1.13, 1.28) for hour in range(12, 24, 2)],
    Row("order value, median", 30, 30),
    Row("order value, log-SD", 0.51, 0.51, "with 16-62 not log-normal: longer tails"),
    Row("order value, 5 %", 16, 16),
    Row("order value, 95 %", 62, 62),
    *_rows("pizzas per order %", {"1": 38, "2": 29, "3": 15, "4": 15}, "the other 3 % have 5 or 6"),
]

PLANTED_ROWS = [
    *_rows("log-uplift, regular,", {"pre": 0.10, "during": 0.06, "post": 0.04}, "at 2.8 goals, mean of results"),
    *_rows("log-uplift, tournament,", {"pre": 0.20, "during": 0.12, "post": 0.08}, "about x2"),
    *_rows("log-uplift, final,", {"pre": 0.40, "during": 0.24, "post": 0.16}, "about x4; matches below the cap"),
    *_rows("log-uplift per goal,", {"during": 0.03, "post": 0.03}),
    *_rows("log-uplift of a win,", {"post": 0.08}),
    Row("uplift %, final with 12 goals", 85, 85, "the cap"),
]


def measure_matches(seed: int) -> Mapping[str, float]:
    """Measure the league of one mock season."""
    settings = Settings.load(mock_seed=seed)
    start = date(2000 + seed % 37, 8, 1)
    days = [mock_matches(start + timedelta(days=day), settings) for day in range(304)]
    season = pd.concat([day for day in days if len(day)], ignore_index=True)
    league = season[season["competition"] == LEAGUE]
    local = league["timestamp"].dt.tz_convert("Europe/London")
    goals = (league["home_score"] + league["away_score"]).to_numpy(dtype=float)
    margin = (league["home_score"] - league["away_score"]).to_numpy(dtype=float)
    minutes = np.concatenate(
        [np.concatenate(league[f"{side}_goal_minutes"].map(list).tolist()) for side in ("home", "away")]
    )
    quarter = np.bincount((minutes.astype(int) - 1) // 15, minlength=6) / minutes.size
    time, weekday = local.dt.strftime("%H:%M"), local.dt.strftime("%a")
    match_days = local.dt.date.nunique()
    return {
        "goals per match, mean": goals.mean(),
        "goals per match, variance/mean": goals.var(ddof=1) / goals.mean(),
        "result % home": 100 * (margin > 0).mean(),
        "result % draw": 100 * (margin == 0).mean(),
        "result % away": 100 * (margin < 0).mean(),
        **{f"margin % {size}": 100 * (np.abs(margin) == size).mean() for size in range(4)},
        "margin % 4+": 100 * (np.abs(margin) >= 4).mean(),
        **_shares(MATCH_ROWS, "kick-off %", time.to_numpy(dtype=str)),
        **_shares(MATCH_ROWS, "weekday %", weekday.to_numpy(dtype=str)),
        "match-days a season": match_days,
        "matches per match-day": len(league) / match_days,
        "share a kick-off %": 100 * league["timestamp"].duplicated(keep=False).mean(),
        **dict(zip([row.name for row in MATCH_ROWS[-6:]], 100 * quarter, strict=True)),
    }


def _shares(rows: Sequence[Row], prefix: str, values: npt.NDArray[np.str_]) -> dict[str, float]:
    """Return the share (%) of each value that `rows` have a target for."""
    names = [row.name for row in rows if row.name.startswith(f"{prefix} ")]
    return {name: 100 * float((values == name.removeprefix(f"{prefix} ")).mean()) for name in names}


def measure_orders(seed: int) -> Mapping[str, float]:
    """Measure half a year of orders without matches."""
    settings = Settings.load(mock_seed=seed)
    days = pd.date_range("2024-01-01", periods=7 * ORDER_WEEKS, tz="Europe/London")
    # The UTC day after the last holds the last local hour of summer time.
    utc_days = [days[0].date() + timedelta(days=day) for day in range(-1, days.size + 1)]
    no_matches = empty(FOOTBALL_MATCHES)
    orders = pd.concat([mock_orders(day, no_matches, settings) for day in utc_days], ignore_index=True)
    local = orders["timestamp"].dt.tz_convert("Europe/London")
    day = np.asarray((local.dt.tz_localize(None).dt.normalize() - days[0].tz_localize(None)).dt.days)
    store = orders["location"].astype("category").cat.codes.to_numpy().astype(int)
    kept = (day >= 0) & (day < days.size)
    hour = local.dt.hour.to_numpy()
    shape = (store.max() + 1, ORDER_WEEKS, 7, 24)
    cell = np.ravel_multi_index((store[kept], day[kept] // 7, day[kept] % 7, hour[kept]), shape)
    counts = np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape)
    daily = counts.sum(axis=3)
    by_hour = 100 * counts.sum(axis=(0, 1, 2)) / counts.sum()
    by_weekday = daily.mean(axis=(0, 1)) / daily.mean()
    total, quantity = orders["order_total"].to_numpy(), orders["quantity"].to_numpy()
    return {
        "orders per store and day": daily.mean(),
        **{f"hour % {hour}": by_hour[hour] for hour in (12, 13, 14, *range(17, 23))},
        **dict(zip([f"weekday factor {day:%a}" for day in days[:7]], by_weekday, strict=True)),
        "variance/mean, daily": _dispersion(daily),
        **{
            f"variance/mean, {hour}-{hour + 2}h": _dispersion(counts[..., hour : hour + 2].sum(axis=3))
            for hour in range(12, 24, 2)
        },
        "order value, median": float(np.median(total)),
        "order value, log-SD": float(np.log(total).std()),
        "order value, 5 %": float(np.quantile(total, 0.05)),
        "order value, 95 %": float(np.quantile(total, 0.95)),
        **{f"pizzas per order % {size}": 100 * (quantity == size).mean() for size in range(1, 5)},
    }


def _dispersion(counts: Counts) -> float:
    """Return variance/mean over the weeks of one weekday, averaged over stores and weekdays: (store, week, weekday)."""
    return float((counts.var(axis=1, ddof=1) / counts.mean(axis=1)).mean())


def planted_day(rng: np.random.Generator, day: date, names: Sequence[str]) -> pd.DataFrame:
    """Return a match at 18:00 UTC in each city: its windows hold most of a winter day's orders.

    One in twelve is a final of 12 goals, at the cap; the others stay below it.
    """
    number = len(names)
    home, away = rng.poisson([[1.57], [1.23]], (2, number))
    significance = np.resize(["regular"] * 4 + ["tournament", "final"], number)
    may_reach_cap = (significance == "final") & (home + away > 4)
    home[may_reach_cap], away[may_reach_cap] = 2, 1
    home[-1], away[-1] = 12, 0
    rows = {
        "match_id": [f"{day}-{city}" for city in names],
        "timestamp": pd.Timestamp(day, tz="UTC") + pd.Timedelta(hours=18),
        "home_team": names,
        "away_team": "Visitors",
        "home_score": home,
        "away_score": away,
        "event_type": np.select([home > away, home < away], ["win", "loss"], "draw"),
        "match_significance": significance,
        "data_source": "mock",
        "competition": LEAGUE,
        "stage": "REGULAR_SEASON",
        "status": PLAYED,
        "duration": "REGULAR",
        "home_city": names,
        "away_city": UNKNOWN_CITY,
    }
    records = pd.DataFrame(rows).to_dict("records")
    return from_arrow(pyarrow.Table.from_pylist(records, arrow_schema(FOOTBALL_MATCHES)), FOOTBALL_MATCHES)


def window_counts(orders: pd.DataFrame, day: date, names: Sequence[str]) -> Counts:
    """Count the orders before, during and after a match at 18:00 UTC: (window, city)."""
    window = ((orders["timestamp"] - pd.Timestamp(day, tz="UTC")) // pd.Timedelta(hours=2)).to_numpy() - 8
    city = pd.Categorical(orders["city"], categories=list(names)).codes.astype(int)
    inside = (window >= 0) & (window < 3)
    counts = np.bincount(window[inside] * len(names) + city[inside], minlength=3 * len(names))
    return counts.reshape(3, len(names))


def measure_planted() -> Estimates:
    """Compare days with matches to the same days (the same shocks) without, and regress on goals and wins."""
    settings = Settings.load(mock_orders_per_store_day=PLANTED_VOLUME)
    names = [city.name for city in cities().values() if city.mock_stores]
    rng = np.random.default_rng(7)
    parts, ratios = [], []
    for number in range(PLANTED_DAYS):
        day = date(2024, 1, 1) + timedelta(days=number)
        matches = planted_day(rng, day, names)
        with_matches, without = (
            window_counts(mock_orders(day, frame, settings), day, names) for frame in (matches, empty(FOOTBALL_MATCHES))
        )
        parts.append(matches)
        ratios.append(with_matches / without)
    units, ratio = pd.concat(parts), np.concatenate(ratios, axis=1)

    goals = (units["home_score"] + units["away_score"]).to_numpy(dtype=float)
    capped = goals == 12
    significance = units["match_significance"].to_numpy(dtype=str)[~capped]
    kinds = {"regular": 1.0, "tournament": 2.0, "final": 4.0}
    factor = np.array([kinds[kind] for kind in significance])
    won = (units["event_type"] == "win").to_numpy(dtype=float)[~capped]
    design = np.column_stack(
        [*(significance == kind for kind in kinds), factor * (goals[~capped] - 2.80), factor * (won - 0.384)]
    )
    terms = [*(f"log-uplift, {kind}," for kind in kinds), "log-uplift per goal,", "log-uplift of a win,"]
    estimates: dict[str, tuple[float, float]] = {}
    for period, window, columns in (("pre", 0, 3), ("during", 1, 4), ("post", 2, 5)):
        fitted = _least_squares(design[:, :columns], np.log(ratio[window, ~capped]))
        estimates |= {f"{term} {period}": estimate for term, estimate in zip(terms, fitted, strict=False)}
    at_cap = 100 * (ratio[1, capped] - 1)
    return {**estimates, "uplift %, final with 12 goals": _mean(at_cap)}


def _least_squares(design: Values, response: Values) -> list[tuple[float, float]]:
    """Return each coefficient with its standard error."""
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ design.T @ response
    residual = response - design @ coefficients
    variance = residual @ residual / (response.size - coefficients.size)
    return list(zip(coefficients.tolist(), np.sqrt(variance * np.diag(inverse)).tolist(), strict=True))


def _mean(replicates: Values) -> tuple[float, float]:
    return float(replicates.mean()), float(replicates.std(ddof=1) / np.sqrt(replicates.size))


def _over_replicates(figures: Sequence[Mapping[str, float]]) -> Estimates:
    return {name: _mean(np.array([replicate[name] for replicate in figures], dtype=float)) for name in figures[0]}


def main() -> int:
    """Print the table; return 1 when a figure is off."""
    estimates = {
        **_over_replicates([measure_matches(seed) for seed in range(SEASONS)]),
        **_over_replicates([measure_orders(seed) for seed in range(ORDER_REPLICATES)]),
        **measure_planted(),
    }
    print(f"{'figure':<34}{'target':>11}{'measured':>10}{'error':>8}{'+- (MC)':>9}  note")
    failures = 0
    for row in (*MATCH_ROWS, *ORDER_ROWS, *PLANTED_ROWS):
        measured, standard_error = estimates[row.name]
        error = row.error(measured)
        is_off = abs(error) > TOLERANCE
        failures += is_off
        target = f"{row.low:g}" if row.low == row.high else f"{row.low:g}-{row.high:g}"
        note = "  ".join(filter(None, ["OFF" if is_off else "", row.note]))
        print(f"{row.name:<34}{target:>11}{measured:>10.3f}{error:>8.1%}{standard_error / abs(measured):>9.1%}  {note}")
    print(f"{failures} of {len(estimates)} figures are off by more than {TOLERANCE:.0%}.")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
