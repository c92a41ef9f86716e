"""Simulated worlds: a season of fixtures, and orders whose uplift we know because we planted it.

Belongs here: how a world comes about. Does not belong here: any analysis of it.

Fixtures have the shape of the Premier League (weekdays, kick-offs, goals, midweek rounds, cup nights): 20 clubs
dealt over 8 cities; 4 more cities have stores and no club, they are the controls.
Orders are Poisson around a take-away's week, times city habits, growth, and log-normal shocks that nobody tells
the analysis about: by nation and day (autocorrelated), city and day, city and 2 hours, nation and 2 hours.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pizza_assets.contracts import FOOTBALL_MATCHES, ORDER_VOLUME
from pizza_assets.platform.columns import Source
from pizza_assets.reference import UNKNOWN_CITY, cities

SEASON_START = date(2025, 8, 4)  # a Monday
TIME_ZONE = "Europe/London"
#: England's, in the season.
BANK_HOLIDAYS = (
    date(2025, 8, 25),
    date(2025, 12, 25),
    date(2025, 12, 26),
    date(2026, 1, 1),
    date(2026, 4, 3),
    date(2026, 4, 6),
    date(2026, 5, 4),
    date(2026, 5, 25),
)
BINS_PER_DAY, BINS_PER_2_HOURS = 96, 8
_BIN = pd.Timedelta(minutes=15)

# A London take-away: share of orders by local hour, weight by weekday; a chain's volume per store and day.
HOUR_SHARE = {12: 2, 13: 2, 14: 2, 15: 2, 16: 2, 17: 16, 18: 29, 19: 25, 20: 12, 21: 5.5, 22: 3}
WEEKDAY_WEIGHT = (0.62, 0.64, 0.67, 0.74, 1.51, 1.70, 1.10)
ORDERS_PER_CITY_DAY = 155.0

# Twelve Premier League seasons.
HOME_GOALS, AWAY_GOALS = 1.55, 1.25
WEEKEND_DAYS, WEEKEND_ODDS = (5, 6, 0, 4), (0.62, 0.29, 0.06, 0.03)
KICK_OFFS = {
    5: (("15:00", 0.70), ("12:30", 0.09), ("17:30", 0.15), ("16:00", 0.04), ("20:00", 0.02)),
    6: (("16:30", 0.28), ("14:00", 0.24), ("15:00", 0.15), ("16:00", 0.12), ("13:30", 0.11), ("12:00", 0.10)),
    0: (("20:00", 1.0),),
}
EVENING = (("19:45", 0.45), ("20:00", 0.30), ("19:30", 0.25))
N_CLUBS, ROUNDS, MIDWEEK_ROUNDS, CUP_NIGHTS, CUP_MATCHES = 20, 38, 5, 8, 4


@dataclass(frozen=True)
class Scenario:
    """What a world is like. Effects are log-uplifts; `shocks` scales the SD of all shocks.

    `club` is an effect from 2 h before kick-off to 4 h after it when the first club of the first city that sells
    plays. `selling_cities` are the places of the cities that sell in the list of all; None: all do. The analysis is
    looked at every so many weeks (`looks`; 0: once), from the eighth on; with `peers` public methods are, too.
    `televised` is the share of the league's matches that are put where the nation orders most; `shared_effect` a
    log-uplift in all cities while any match is on. What these two do to orders is no effect of a city's own match, and
    none is planted with them.

    Worlds of another form than the analysis' model: with `additive`, shocks add the same orders to every city, large or
    small; `persistence` is the correlation of a city's shocks from day to day and from 2 hours to the next;
    `dispersion` the variance of a gamma factor of each 15 minutes (negative binomial counts); `weather` the log-rise
    of a wet evening's 2 to 6 hours, on every fourth evening, in each city by its own part; `promotions` the log-rise on
    30 days of every second city, of each its own; `capacity` the most that a city can serve in 15 minutes, by its mean
    at the week's peak; `displaced` the share of a match's extra orders that the city lacks a day later, at the same
    hours; `holidays` the log-rise on England's bank holidays.
    """

    name: str
    weeks: int = 42
    orders_per_city_day: float = ORDERS_PER_CITY_DAY
    growth_per_year: float = 0.10
    shocks: float = 1.0
    city_habits: float = 0.10
    city_sizes: float = 0.3
    clubs_by_city: tuple[int, ...] = (3, 3, 3, 3, 2, 2, 2, 2)
    control_cities: bool = True
    with_city: bool = True
    pre: float = 0.0
    during: float = 0.0
    post: float = 0.0
    win: float = 0.0
    goal: float = 0.0
    club: float = 0.0
    share_of_cities_with_effect: float = 1.0
    selling_cities: tuple[int, ...] | None = None
    spikes: int = 0
    spike_factor: float = 2.5
    outages: int = 0
    drift: float = 0.0
    looks: int = 0
    peers: bool = False
    televised: float = 0.0
    shared_effect: float = 0.0
    additive: bool = False
    persistence: float = 0.0
    dispersion: float = 0.0
    weather: float = 0.0
    promotions: float = 0.0
    capacity: float = 0.0
    displaced: float = 0.0
    holidays: float = 0.0


@dataclass(frozen=True)
class World:
    """A world: the analysis' inputs, and the truth.

    Attributes
    ----------
    true_orders, plain_orders
        Mean orders with and without the planted effect and before shocks, cities by 15-minute bins.
    own_effect
        The log-uplift that each city and kick-off has of itself: city, kick_off_at, and a column a window; others may
        be on beside it.
    has_effect
        Cities that an effect was planted in.
    spikes
        Hours that were blown up, of 15 expected orders or more: (city, start).
    """

    volume: pd.DataFrame
    matches: pd.DataFrame
    order_sources: dict[date, Source]
    as_of: date
    city_names: tuple[str, ...]
    first_bin: pd.Timestamp
    true_orders: NDArray[np.float64]
    plain_orders: NDArray[np.float64]
    own_effect: pd.DataFrame
    has_effect: frozenset[str]
    spikes: frozenset[tuple[str, pd.Timestamp]]


def make_world(scenario: Scenario, seed: int) -> World:
    """Return a world; the same seed gives the same world."""
    rng = np.random.default_rng(seed)
    stores = [city.name for city in cities().values() if city.mock_stores]
    hosts = stores[: len(scenario.clubs_by_city)]
    candidates = stores if scenario.control_cities else hosts
    selling = range(len(candidates)) if scenario.selling_cities is None else scenario.selling_cities
    names = tuple(candidates[place] for place in selling)
    homes = [UNKNOWN_CITY] * (N_CLUBS - sum(scenario.clubs_by_city)) + np.repeat(hosts, scenario.clubs_by_city).tolist()
    matches = fixtures(rng, scenario.weeks, homes)
    n_bins = scenario.weeks * 7 * BINS_PER_DAY
    start = pd.Timestamp(SEASON_START, tz="UTC")
    instants = pd.date_range(start, periods=n_bins, freq="15min", unit="us")
    plain = _plain_orders(rng, scenario, instants, len(names))
    n_with = round(scenario.share_of_cities_with_effect * len(hosts))
    has_effect = frozenset(str(name) for name in rng.permutation(hosts)[:n_with])
    effect, own_effect = _effect(scenario, matches, names, has_effect, start, n_bins)
    true = plain * np.exp(effect)
    shocks, of_days = log_shocks(rng, scenario.shocks, scenario.persistence, *plain.shape)
    if scenario.weather or scenario.promotions:
        # Of their own generator, so that other worlds stay as they were.
        shocks += _weather(np.random.default_rng([seed, 1]), scenario.weather, instants, len(names))
        shocks += _promotions(np.random.default_rng([seed, 2]), scenario.promotions, *plain.shape)
    if scenario.holidays:
        shocks += scenario.holidays * _local_days(instants).isin(list(map(pd.Timestamp, BANK_HOLIDAYS)))
    if scenario.displaced:
        true = true - _displaced(scenario.displaced, true - plain, matches, names, start)
    mean = true + plain.mean(axis=0) * np.expm1(shocks) if scenario.additive else true * np.exp(shocks)
    mean = np.maximum(mean, 0)
    if scenario.televised:
        matches = _televised(rng, scenario.televised, matches, of_days)
    mean *= np.exp(scenario.shared_effect * _on_anywhere(matches, start, n_bins))
    busy = np.argwhere(plain.reshape(len(names), -1, 4).sum(axis=2) >= 15)
    blown_up = busy[rng.permutation(len(busy))[: scenario.spikes]]
    for city, hour in blown_up:
        mean[city, 4 * hour : 4 * hour + 4] *= scenario.spike_factor
    mean[_outages(rng, scenario.outages, mean.shape)] = 0
    if scenario.dispersion:
        mean *= rng.gamma(1 / scenario.dispersion, scenario.dispersion, mean.shape)
    orders = rng.poisson(mean)
    if scenario.capacity:
        peak = plain.reshape(len(names), -1, 7 * BINS_PER_DAY).mean(axis=1).max(axis=1)
        orders = np.minimum(orders, np.ceil(scenario.capacity * peak)[:, None]).astype(orders.dtype)
    city, bins = np.nonzero(orders)
    counts = orders[city, bins]
    volume = pd.DataFrame(
        {
            "bin_start": instants[bins],
            "city": np.asarray(names, dtype=object)[city],
            "currency": "GBP",
            "data_source": "real",
            "orders": counts.astype(np.int64),
            "revenue": 20.0 * counts,
            "pizzas": counts.astype(np.int64),
        }
    )
    if not scenario.with_city:
        keys = ["bin_start", "currency", "data_source"]
        volume = volume.groupby(keys, as_index=False)[["orders", "revenue", "pizzas"]].sum()
        volume = volume.assign(city=UNKNOWN_CITY)[list(ORDER_VOLUME.columns)]
    days = [SEASON_START + timedelta(days=i) for i in range(scenario.weeks * 7)]
    return World(
        volume=volume.astype({"city": str, "currency": str, "data_source": str}),
        matches=matches,
        order_sources=dict.fromkeys(days, "real"),
        as_of=days[-1],
        city_names=names,
        first_bin=start,
        true_orders=true,
        plain_orders=plain,
        own_effect=own_effect,
        has_effect=has_effect,
        spikes=frozenset((names[city], instants[4 * hour]) for city, hour in blown_up),
    )


def _local_days(instants: pd.DatetimeIndex) -> pd.DatetimeIndex:
    return instants.tz_convert(TIME_ZONE).tz_localize(None).normalize()


def _plain_orders(
    rng: np.random.Generator, scenario: Scenario, instants: pd.DatetimeIndex, n_cities: int
) -> NDArray[np.float64]:
    local = instants.tz_convert(TIME_ZONE)
    hour, weekday = local.hour.to_numpy(), local.day_of_week.to_numpy()
    share = np.array([HOUR_SHARE.get(h, 0) for h in range(24)], dtype=float)
    weight = np.array(WEEKDAY_WEIGHT) / np.mean(WEEKDAY_WEIGHT)
    week_shape = share[hour] / share.sum() / 4 * weight[weekday] * scenario.orders_per_city_day
    growth = (1 + scenario.growth_per_year) ** (np.arange(len(instants)) / BINS_PER_DAY / 365)
    size = np.exp(rng.normal(-(scenario.city_sizes**2) / 2, scenario.city_sizes, n_cities))
    habits = np.exp(rng.normal(0, scenario.city_habits, (n_cities, 7, 24)))
    # Late evenings gain towards winter and lose after it, early ones the other way; the clock change is a step.
    season = np.cos(2 * np.pi * (np.arange(len(instants)) / BINS_PER_DAY - 140) / 365)
    is_summer = local.tz_localize(None) != instants.tz_localize(None)
    shift = scenario.drift * (season - 0.5 * is_summer) * (hour - 18) / 3
    plain: NDArray[np.float64] = size[:, None] * habits[:, weekday, hour] * (week_shape * growth * np.exp(shift))
    return plain


def _televised(
    rng: np.random.Generator, share: float, matches: pd.DataFrame, of_days: NDArray[np.float64]
) -> pd.DataFrame:
    """Move a share of the league's matches to 20:00 on the day of their week, Friday to Monday, that sells most."""
    local = matches["timestamp"].dt.tz_convert(TIME_ZONE).dt.tz_localize(None)
    day = ((local - pd.Timestamp(SEASON_START)) // pd.Timedelta(days=1)).to_numpy()
    saturday = 7 * ((day - 4) // 7) + 5
    candidates = np.clip(saturday[:, None] + np.arange(-1, 3), 0, len(of_days) - 1)
    best = candidates[np.arange(len(day)), of_days[candidates].argmax(axis=1)]
    is_weekend = np.isin(day % 7, WEEKEND_DAYS) & (matches["competition"] == "PL").to_numpy()
    is_moved = is_weekend & (rng.random(len(day)) < share)
    evening = pd.Timestamp(SEASON_START) + pd.to_timedelta(24 * best + 20, unit="h")
    moved = pd.Series(evening).dt.tz_localize(TIME_ZONE).dt.tz_convert("UTC").astype(matches["timestamp"].dtype)
    return matches.assign(timestamp=matches["timestamp"].mask(is_moved, moved))


def _on_anywhere(matches: pd.DataFrame, start: pd.Timestamp, n_bins: int) -> NDArray[np.float64]:
    """Return 1 in the bins in which a match is on anywhere, from kick-off for 2 h."""
    on = np.zeros(n_bins)
    for kick_off in ((matches["timestamp"] - start) // _BIN).unique():
        on[kick_off : kick_off + 8] = 1
    return on


def _weather(rng: np.random.Generator, rise: float, instants: pd.DatetimeIndex, n_cities: int) -> NDArray[np.float64]:
    """Return the log-rise of wet evenings, cities by bins."""
    wet = np.zeros((n_cities, len(instants)))
    part = rng.uniform(0.5, 1.5, n_cities) * (rise > 0)
    evenings = np.flatnonzero(instants.tz_convert(TIME_ZONE).hour == 16)[::4]
    for evening in evenings[rng.random(len(evenings)) < 0.25]:
        start = evening + rng.integers(0, 16)
        wet[:, start : start + rng.integers(8, 25)] = rise * part[:, None]
    return wet


def _promotions(rng: np.random.Generator, rise: float, n_cities: int, n_bins: int) -> NDArray[np.float64]:
    """Return the log-rise of promotions, on 30 days of every second city; cities by bins."""
    days = np.zeros((n_cities, n_bins // BINS_PER_DAY))
    for of_city in days[::2]:
        of_city[rng.permutation(len(of_city))[:30]] = rise
    return np.repeat(days, BINS_PER_DAY, axis=1)


def _displaced(
    share: float, extra: NDArray[np.float64], matches: pd.DataFrame, names: tuple[str, ...], start: pd.Timestamp
) -> NDArray[np.float64]:
    """Return the orders that matches take from the same hours a day later, cities by bins; none from another match."""
    taken = np.zeros_like(extra)
    taken[:, BINS_PER_DAY:] = share * extra[:, :-BINS_PER_DAY]
    for side in ("home", "away"):
        kick_off = ((matches["timestamp"] - start) // _BIN).to_numpy()
        for city, bin_ in zip(matches[f"{side}_city"], kick_off, strict=True):
            if city in names:
                taken[names.index(city), max(bin_ - 8, 0) : bin_ + 16] = 0
    return taken


def _persistent(rng: np.random.Generator, persistence: float, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return standard normal numbers, each correlated with the one before in its row."""
    numbers = rng.normal(size=shape)
    for column in range(1, shape[1] if persistence else 0):
        numbers[:, column] = persistence * numbers[:, column - 1] + np.sqrt(1 - persistence**2) * numbers[:, column]
    return numbers


def log_shocks(
    rng: np.random.Generator, scale: float, persistence: float, n_cities: int, n_bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return log shocks, cities by bins, with mean 1 after exp; and the nation's by day among them."""
    n_days, n_blocks = n_bins // BINS_PER_DAY, n_bins // BINS_PER_2_HOURS
    sd_nation_day, sd_city_day, sd_city_2h, sd_nation_2h = (scale * sd for sd in (0.08, 0.08, 0.08, 0.04))
    nation = np.empty(n_days)
    nation[0] = rng.normal()
    steps = rng.normal(size=n_days) * np.sqrt(1 - 0.3**2)
    for day in range(1, n_days):
        nation[day] = 0.3 * nation[day - 1] + steps[day]
    by_day = sd_nation_day * nation + sd_city_day * _persistent(rng, persistence, (n_cities, n_days))
    by_block = sd_nation_2h * rng.normal(size=n_blocks)
    by_block = by_block + sd_city_2h * _persistent(rng, persistence, (n_cities, n_blocks))
    variance = sd_nation_day**2 + sd_city_day**2 + sd_city_2h**2 + sd_nation_2h**2
    days, blocks = np.repeat(by_day, BINS_PER_DAY, axis=1), np.repeat(by_block, BINS_PER_2_HOURS, axis=1)
    return days + blocks - variance / 2, sd_nation_day * nation


def _outages(rng: np.random.Generator, n_outages: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return where feeds send nothing, cities by bins: half of a city's outages last 3 to 12 h, half 1 to 7 days."""
    is_out = np.zeros(shape, dtype=bool)
    for row in is_out:
        for number, start in enumerate(rng.integers(0, shape[1], n_outages)):
            hours = rng.integers(3, 13) if number % 2 else 24 * rng.integers(1, 8)
            row[start : start + 4 * hours] = True
    return is_out


def _effect(
    scenario: Scenario,
    matches: pd.DataFrame,
    names: tuple[str, ...],
    has_effect: frozenset[str],
    start: pd.Timestamp,
    n_bins: int,
) -> tuple[NDArray[np.float64], pd.DataFrame]:
    """Return the planted log-uplift, cities by bins, and the part of each city and kick-off.

    Matches of one city at one kick-off count by their mean; what is on at the same time adds up.
    """
    effect = np.zeros((len(names), n_bins))
    sides = pd.concat(
        [
            matches[["timestamp", f"{side}_city", f"{side}_team", "home_score", "away_score"]]
            .assign(
                goals=(matches["home_score"] + matches["away_score"]).astype(float) - HOME_GOALS - AWAY_GOALS,
                won=(matches[f"{side}_score"] > matches[f"{other}_score"]).astype(float),
            )
            .rename(columns={f"{side}_city": "city", f"{side}_team": "team"})
            for side, other in (("home", "away"), ("away", "home"))
        ]
    )
    sides = sides[sides["city"].isin(names)]
    in_first_city = sides["team"].where(sides["city"] == names[0])
    sides["club"] = (in_first_city == in_first_city.min()).astype(float)
    keys = ["city", "timestamp"]
    units = sides.groupby(keys, as_index=False).agg(goals=("goals", "mean"), won=("won", "mean"), club=("club", "max"))
    has = units["city"].isin(has_effect).astype(float)
    own = pd.DataFrame({"city": units["city"], "kick_off_at": units["timestamp"]}).assign(
        pre_match=has * scenario.pre + scenario.club * units["club"],
        during_match=has * (scenario.during + scenario.goal * units["goals"]) + scenario.club * units["club"],
        post_match=has * (scenario.post + scenario.goal * units["goals"] + scenario.win * units["won"])
        + scenario.club * units["club"],
    )
    kick_off = ((units["timestamp"] - start) // _BIN).to_numpy()
    phases = own[["pre_match", "during_match", "post_match"]].to_numpy()
    for city, bin_, (pre, during, post) in zip(units["city"], kick_off, phases, strict=True):
        row = effect[names.index(city)]
        row[max(bin_ - 8, 0) : bin_] += pre
        row[bin_ : bin_ + 8] += during
        row[bin_ + 8 : bin_ + 16] += post
    return effect, own


def fixtures(rng: np.random.Generator, n_weeks: int, homes: list[str]) -> pd.DataFrame:
    """Return a season of FOOTBALL_MATCHES rows: a double round robin of one club per home, and cup nights."""
    order = rng.permutation(len(homes))
    n_rounds = round(ROUNDS * n_weeks / 42)
    n_midweek = round(MIDWEEK_ROUNDS * n_weeks / 42)
    weekends = np.sort(rng.choice(n_weeks - 1, n_rounds - n_midweek, replace=False))
    midweeks = rng.choice(n_weeks, n_midweek + round(CUP_NIGHTS * n_weeks / 42), replace=False)
    played = []
    for number in range(n_rounds):
        is_midweek = number >= len(weekends)
        week = midweeks[number - len(weekends)] if is_midweek else weekends[number]
        for home, away in _round(order, number):
            day, time = _slot(rng, is_midweek=is_midweek)
            played.append((home, away, 7 * int(week) + day, time, "PL", "regular"))
    for week in midweeks[n_midweek:]:
        drawn = rng.permutation(len(homes))[: 2 * CUP_MATCHES]
        day = int(rng.choice([1, 2, 3]))
        pairs = zip(drawn[::2], drawn[1::2], strict=True)
        played += [(home, away, 7 * int(week) + day, _time(rng, EVENING), "FAC", "tournament") for home, away in pairs]
    return _frame(rng, played, [f"Club {i:02}" for i in range(len(homes))], homes)


def _round(order: NDArray[np.int64], number: int) -> list[tuple[int, int]]:
    """Return the pairs of one round by the circle method; sides swap in the second half."""
    turned = np.concatenate([order[:1], np.roll(order[1:], number)])
    half = len(turned) // 2
    pairs = list(zip(turned[:half], turned[: -half - 1 : -1], strict=True))
    swap = (number + number // (len(order) - 1)) % 2
    return [(int(b), int(a)) if swap else (int(a), int(b)) for a, b in pairs]


def _slot(rng: np.random.Generator, *, is_midweek: bool) -> tuple[int, str]:
    """Return the day (0 = the round's Monday; the weekend's Monday is 7) and the local time of a kick-off."""
    if is_midweek:
        return int(rng.choice([1, 2, 3], p=[0.36, 0.50, 0.14])), _time(rng, EVENING)
    weekday = int(rng.choice(WEEKEND_DAYS, p=WEEKEND_ODDS))
    return weekday + 7 * (weekday == 0), _time(rng, KICK_OFFS.get(weekday, EVENING))


def _time(rng: np.random.Generator, table: tuple[tuple[str, float], ...]) -> str:
    times, odds = zip(*table, strict=True)
    return str(rng.choice(times, p=odds))


def _frame(
    rng: np.random.Generator, played: list[tuple[int, int, int, str, str, str]], names: list[str], homes: list[str]
) -> pd.DataFrame:
    home, away, day, time, competition, significance = (list(column) for column in zip(*played, strict=True))
    n = len(played)
    local = pd.to_datetime(
        pd.Timestamp(SEASON_START) + pd.to_timedelta(day, unit="D") + pd.to_timedelta([f"{t}:00" for t in time])
    )
    goals_home, goals_away = rng.poisson(HOME_GOALS, n), rng.poisson(AWAY_GOALS, n)
    frame = pd.DataFrame(
        {
            "match_id": [f"{competition[i]}-{i}" for i in range(n)],
            "timestamp": local.tz_localize(TIME_ZONE).tz_convert("UTC"),
            "home_team": [names[i] for i in home],
            "away_team": [names[i] for i in away],
            "home_score": goals_home,
            "away_score": goals_away,
            "event_type": np.select([goals_home > goals_away, goals_home < goals_away], ["win", "loss"], "draw"),
            "match_significance": significance,
            "data_source": "real",
            "competition": competition,
            "stage": "ANY",
            "status": "FINISHED",
            "duration": "REGULAR",
            "home_half_time_score": goals_home // 2,
            "away_half_time_score": goals_away // 2,
            "home_city": [homes[i] for i in home],
            "away_city": [homes[i] for i in away],
            "home_goal_minutes": None,
            "away_goal_minutes": None,
            "home_team_id": None,
            "away_team_id": None,
        }
    )
    return frame.astype({name: column.dtype.type for name, column in FOOTBALL_MATCHES.columns.items()})
