"""Seasons for the dashboard's tests: orders and matches made here, analysed and reshaped by the real code."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd

from pizza_assets import contracts
from pizza_assets.analysis.analyse import analyse
from pizza_assets.analysis.categories import CategorySales, sales_uplift
from pizza_assets.dashboard.datasets import data_sets
from pizza_assets.dashboard.page import read_csv
from pizza_assets.lake import formats
from pizza_assets.platform.columns import Source
from pizza_assets_tests.frames import match_row, matches_frame

FIRST = date(2025, 9, 1)
BUILT_AT = datetime(2026, 3, 1, 6, tzinfo=UTC)
CITIES = ("London", "Liverpool", "Manchester", "Leeds", "Brighton", "Leicester", "Southampton", "Sheffield")
#: Names that would be code if anybody took them for it.
SPIKE_BIN = 20 * 96 + 18 * 4  # a Sunday evening without a match, in the first city
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "</script><script>alert(3)</script>",
    "'; DROP TABLE teams; --",
    "{{ 7 * 7 }}",
    "Ürdingen & Söhne \u2028 FC",
    "javascript:alert(4)",
    "=1+1|~",
)
PLANTED = json.dumps({"mock_uplift_pre_match": 0.1, "mock_uplift_during_match": 0.3, "mock_uplift_post_match": 0.05})

Frames = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class World:
    """What a season looks like. `uplift` is the planted log-uplift during matches, of orders and of pizza in shops."""

    weeks: int = 20
    cities: tuple[str, ...] = CITIES
    teams: tuple[str, ...] = tuple(f"{city} FC" for city in CITIES)
    uplift: float = 0.3
    rate: float = 6.0
    cups: bool = True
    goals: bool = True
    shops: bool = True


def _kick_offs(world: World) -> list[tuple[datetime, str]]:
    kick_offs = []
    for week in range(world.weeks):
        monday = datetime.combine(FIRST, datetime.min.time(), UTC) + timedelta(weeks=week)
        kick_offs.append((monday + timedelta(days=5, hours=15 + week % 3), "regular"))
        if world.cups and week % 2:
            kick_offs.append((monday + timedelta(days=2, hours=20), "tournament"))
    return kick_offs


def matches_of(world: World, source: Source) -> pd.DataFrame:
    """Half of the cities' teams play in turn; the first of each pair is at home."""
    rows = []
    for number, (kick_off, kind) in enumerate(_kick_offs(world)):
        order = np.roll(np.arange(len(world.teams)), number)
        pairs = [(order[0], order[0])] if len(order) == 1 else list(pairwise(order))[: max(1, len(order) // 2) : 2]
        for home, away in pairs:
            score = (int(number + home) % 4, int(away) % 3)
            row = match_row(
                f"{source}-{number}-{home}",
                kick_off,
                (world.cities[home], world.cities[away]),
                score,
                home_team=world.teams[home],
                away_team=world.teams[away] if away != home else "Visitors",
                away_city=world.cities[away] if away != home else "unknown",
                match_significance=kind,
                data_source=source,
                home_goal_minutes=list(range(10, 10 + 25 * score[0], 25)) if world.goals else None,
                away_goal_minutes=list(range(20, 20 + 30 * score[1], 30)) if world.goals else None,
            )
            rows.append(row)
    return matches_frame(rows)


def volume_of(world: World, matches: pd.DataFrame, source: Source) -> pd.DataFrame:
    """Poisson orders by city and 15 minutes, with an evening peak and the planted uplift during matches."""
    rng = np.random.default_rng(11)
    start = pd.Timestamp(FIRST, tz="UTC")
    bins = world.weeks * 7 * 96
    times = start + pd.to_timedelta(np.arange(bins) * 15, unit="min")
    hour = times.hour + times.minute / 60
    rate = world.rate * (0.15 + np.exp(-(((hour - 18.5) / 3.0) ** 2))) * np.where(times.day_of_week >= 4, 1.5, 1.0)
    frames = []
    for city in world.cities:
        log = np.zeros(bins)
        is_ours = (matches["home_city"] == city) | (matches["away_city"] == city)
        for kick_off in matches.loc[is_ours, "timestamp"]:
            first = int((kick_off - start) // pd.Timedelta(minutes=15))
            log[first : first + 8] = world.uplift
        orders = rng.poisson(rate.to_numpy() * np.exp(log))
        if city == world.cities[0]:
            orders[SPIKE_BIN : SPIKE_BIN + 4] *= 4
        frame = pd.DataFrame({"bin_start": times, "city": city, "orders": orders})
        frames.append(frame[frame["orders"] > 0])
    volume = pd.concat(frames, ignore_index=True)
    volume = volume.assign(
        currency="GBP", data_source=source, revenue=volume["orders"] * 20.0, pizzas=volume["orders"] * 2
    )
    return contracts.conform(volume, contracts.ORDER_VOLUME)


def retail_of(world: World, matches: pd.DataFrame, source: Source) -> pd.DataFrame | None:
    """Two categories in the shops of the same cities: pizza has the planted uplift, dairy has none."""
    if not world.shops:
        return None
    days = [FIRST + timedelta(days=n) for n in range(world.weeks * 7)]
    planted = {"dairy": 0.0, "frozen pizza": world.uplift}
    sales = [
        CategorySales(name, source, ("retailer_1",), volume_of(replace(world, uplift=log), matches, source), days)
        for name, log in planted.items()
    ]
    return sales_uplift(sales, matches, days[-1])


@cache
def frames_of(world: World, source: Source = "mock") -> Frames:
    """Analyse a season; every data set goes through its CSV, as the page reads it."""
    matches = matches_of(world, source)
    volume = volume_of(world, matches, source)
    days = [FIRST + timedelta(days=n) for n in range(world.weeks * 7)]
    analysis = analyse(volume, matches, dict.fromkeys(days, source), days[-1])
    planted, retail = PLANTED if source == "mock" else "none", retail_of(world, matches, source)
    return published(
        data_sets(analysis, volume, matches, dict.fromkeys(days, source), BUILT_AT, planted=planted, retail=retail)
    )


def published(frames: Frames) -> Frames:
    """Return data sets as they are after they were written and read."""
    return {name: read_csv(formats.csv_bytes(frame), name) for name, frame in frames.items()}


@cache
def empty_frames() -> Frames:
    """Return the data sets of a lake without any day."""
    volume, matches = contracts.empty(contracts.ORDER_VOLUME), contracts.empty(contracts.FOOTBALL_MATCHES)
    return published(data_sets(analyse(volume, matches, {}, FIRST), volume, matches, {}, BUILT_AT))


def both(real: Frames, mock: Frames) -> Frames:
    """Return real and mock seasons side by side, as a lake with both has them."""
    frames = {name: pd.concat([real[name], mock[name]], ignore_index=True) for name in real if name != "meta"}
    meta = real["meta"].assign(
        is_mock=True, data_source="real and mock", share_real_orders=50.0, share_real_matches=50.0
    )
    return {"meta": meta, **frames}


def many(frames: Frames, copies: int) -> Frames:
    """Return the season with its matches many times over, an hour apart."""
    repeated: Sequence[pd.DataFrame] = [
        frames["matches"].assign(
            match_id=frames["matches"]["match_id"] + f"-{n}",
            kickoff_ts=frames["matches"]["kickoff_ts"] + pd.Timedelta(minutes=n),
        )
        for n in range(copies)
    ]
    return {**frames, "matches": pd.concat(repeated, ignore_index=True)}
