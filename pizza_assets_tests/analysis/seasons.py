"""Small seasons for the tests of the analysis: a few cities, a few weeks, orders by the evening hour."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pizza_assets.analysis.analyse import Analysis, analyse
from pizza_assets.contracts import ORDER_VOLUME, conform
from pizza_assets.platform.columns import Source
from pizza_assets_tests.frames import match_row, matches_frame

MONDAY = date(2025, 1, 6)
LONDON = ZoneInfo("Europe/London")
FOOTBALL_CITIES, CONTROL_CITIES = ("Liverpool", "Manchester"), ("Norwich", "Plymouth")
CITIES = (*FOOTBALL_CITIES, *CONTROL_CITIES)
#: Orders per 15 minutes by local hour; the rest of the day the shops are closed.
BY_HOUR = {16: 3.0, 17: 6.0, 18: 9.0, 19: 8.0, 20: 5.0, 21: 3.0, 22: 2.0}
BINS_PER_DAY = 96


@dataclass(frozen=True)
class Season:
    """What `analyse` reads, with its last day."""

    volume: pd.DataFrame
    matches: pd.DataFrame
    order_sources: dict[date, Source]
    as_of: date

    def analysis(self, window_days: int = 365) -> Analysis:
        """Analyse the season as of its last day."""
        return analyse(self.volume, self.matches, self.order_sources, self.as_of, window_days)

    def without_days(self, days: Sequence[date]) -> "Season":
        """Return the season as if orders of these days had not been collected."""
        kept = {day: source for day, source in self.order_sources.items() if day not in set(days)}
        on_day = self.volume["bin_start"].dt.date.isin(list(kept))
        return replace(self, volume=self.volume[on_day].reset_index(drop=True), order_sources=kept)


def kick_off(week: int, weekday: int, hour: int, minute: int = 0, first_day: date = MONDAY) -> datetime:
    """Return a local time in London."""
    day = first_day + timedelta(days=7 * week + weekday)
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=LONDON)


def weekly_matches(
    weeks: int, seed: int = 0, source: Source = "real", first_day: date = MONDAY
) -> list[dict[str, object]]:
    """Return one match a week between the two football cities, on one of three evenings, at one of three hours."""
    rng = np.random.default_rng(seed)
    rows = []
    for week in range(weeks):
        if rng.random() < 0.15:
            continue
        cities = FOOTBALL_CITIES if rng.random() < 0.5 else FOOTBALL_CITIES[::-1]
        score = (int(rng.poisson(1.5)), int(rng.poisson(1.3)))
        at = kick_off(week, int(rng.choice([2, 5, 6])), int(rng.choice([17, 18, 19])), first_day=first_day)
        rows.append(match_row(f"{source}-{week}", at, cities, score, data_source=source))
    return rows


def rates(first_day: date, n_days: int, n_cities: int, time_zone: str = "Europe/London") -> NDArray[np.float64]:
    """Return the expected orders, cities by bins (UTC)."""
    bins = pd.date_range(pd.Timestamp(first_day, tz="UTC"), periods=n_days * BINS_PER_DAY, freq="15min")
    local = bins.tz_convert(time_zone)
    weekday = 1 + 0.1 * local.day_of_week.to_numpy()
    by_bin = np.array([BY_HOUR.get(hour, 0.0) for hour in local.hour]) * weekday
    return np.tile(by_bin, (n_cities, 1))


def volume_of(
    orders: NDArray[np.int64], cities: Sequence[str], first_day: date, sources: Sequence[Source]
) -> pd.DataFrame:
    """Return ORDER_VOLUME rows of counts, cities by bins; `sources` by day."""
    city, bins = np.nonzero(orders)
    counts = orders[city, bins]
    frame = pd.DataFrame(
        {
            "bin_start": pd.Timestamp(first_day, tz="UTC") + pd.to_timedelta(15 * bins, unit="min"),
            "city": np.asarray(cities, dtype=object)[city],
            "currency": "GBP",
            "data_source": np.asarray(sources, dtype=object)[bins // BINS_PER_DAY],
            "orders": counts,
            "revenue": 20.0 * counts,
            "pizzas": counts,
        }
    )
    return conform(frame, ORDER_VOLUME)


def season(
    weeks: int = 14,
    seed: int = 0,
    *,
    cities: Sequence[str] = CITIES,
    rows: list[dict[str, object]] | None = None,
    source: Source = "real",
    effect: dict[str, float] | None = None,
    noise: bool = True,
    first_day: date = MONDAY,
    scale: float = 1.0,
) -> Season:
    """Return a season. `effect` plants log-uplifts by window, and 'win' and 'goal' after and during the match."""
    n_days = 7 * weeks
    rows = weekly_matches(weeks, seed, source, first_day) if rows is None else rows
    mean = scale * rates(first_day, n_days, len(cities))
    plant(mean, cities, rows, first_day, effect or {})
    orders = np.random.default_rng(seed + 1).poisson(mean) if noise else np.rint(mean).astype(np.int64)
    days = [first_day + timedelta(days=i) for i in range(n_days)]
    return Season(
        volume=volume_of(orders, cities, first_day, [source] * n_days),
        matches=matches_frame(rows),
        order_sources=dict.fromkeys(days, source),
        as_of=days[-1],
    )


def plant(
    mean: NDArray[np.float64],
    cities: Sequence[str],
    rows: list[dict[str, object]],
    first_day: date,
    effect: dict[str, float],
) -> None:
    """Multiply the means around each match by what is planted."""
    start = pd.Timestamp(first_day, tz="UTC")
    for row in rows:
        at = int((pd.Timestamp(row["timestamp"]) - start) / pd.Timedelta(minutes=15))  # type: ignore[arg-type]
        home, away = row["home_score"], row["away_score"]
        if not isinstance(home, int) or not isinstance(away, int):
            continue
        goals = effect.get("goal", 0.0) * (home + away)
        for side, won in (("home_city", home > away), ("away_city", away > home)):
            if row[side] in cities:
                of_city = mean[list(cities).index(str(row[side]))]
                of_city[max(at - 8, 0) : at] *= np.exp(effect.get("pre_match", 0.0))
                of_city[at : at + 8] *= np.exp(effect.get("during_match", 0.0) + goals)
                of_city[at + 8 : at + 16] *= np.exp(effect.get("post_match", 0.0) + effect.get("win", 0.0) * won)
