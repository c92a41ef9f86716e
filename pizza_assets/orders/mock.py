"""Mock pizza orders of all mock stores, a UTC day at a time.

Belongs here: how many orders when, what they hold, and the effects of matches that are planted in them.
Does not belong here: the matches, and how effects are measured (matchday/).

Orders per store and minute are Poisson-gamma around::

    mock_orders_per_store_day x weekday x hour x national and city shock of the day x exp(planted)

Weekday and hour are the city's own. Each day draws from its own random stream, so any day stands alone.
"""

from collections.abc import Hashable, Mapping
from datetime import date
from functools import cache
from itertools import pairwise
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow
import pyarrow.compute

from pizza_assets.contracts import DOMINOS_ORDERS, arrow_schema, from_arrow
from pizza_assets.football.contract import UNTIMED
from pizza_assets.football.mock import MEAN_GOALS
from pizza_assets.reference import UNKNOWN_CITY, City, cities, country_of_nation
from pizza_assets.settings import Settings

_Floats = npt.NDArray[np.float64]
_Integers = npt.NDArray[np.int64]

_MINUTES = 24 * 60
#: Orders by weekday, Monday first: a London take-away. Normalised to mean 1 where used.
_WEEKDAY_FACTOR = np.array([0.62, 0.64, 0.67, 0.74, 1.51, 1.70, 1.10])
#: Orders by local hour, %: a London take-away; the 3.5 % that it leaves open are spread around its hours.
_HOUR_SHARE = np.zeros(24)
_HOUR_SHARE[[12, 13, 14, 17, 18, 19, 20, 21, 22]] = 2, 2, 2, 16, 29, 25, 12, 5.5, 3
_HOUR_SHARE[[11, 15, 16, 23, 0]] = 0.4, 0.8, 1.2, 0.7, 0.4
#: SD of the national and of each city's shock of a day, and variance/mean - 1 of counts within a day at any
#: scale. Together variance/mean is 1.34 by day and 1.13 to 1.23 by 2 hours at 155 orders per store and day.
_DAY_SHOCK_SD = 0.026
_CLUSTERING = 0.13

#: Share of orders with 1, 2, ... pizzas: a pizza place; its last 3 % are 5 and 6.
_QUANTITY_SHARE = np.array([0.38, 0.29, 0.15, 0.15, 0.02, 0.01])
#: Quantiles of the order total: median 30, 5-95 % 16-62, log-SD .51 (a London take-away). A log-normal with
#: that SD would have 13-69: real totals have shorter shoulders and longer tails.
_TOTAL_QUANTILES = {0: 6, 0.05: 16, 0.25: 22.5, 0.5: 30, 0.75: 40, 0.95: 62, 1: 165}
#: How far an order's rank by total strays from its rank by pizzas.
_RANK_SPREAD = 0.4
#: Popularity of the menu, %.
_MENU = {
    "Pepperoni": 24,
    "Margherita": 20,
    "Hawaiian": 11,
    "Meat Feast": 11,
    "Vegetarian": 10,
    "BBQ Chicken": 9,
    "Texas BBQ": 6,
    "Four Cheese": 5,
    "Spicy Beef": 4,
}

#: Share of its matches that a team wins: 12 Premier League seasons.
_WIN_SHARE = 0.384
#: What of a match decides on the effects that it plants.
_MATCH_FIELDS = [
    "match_id",
    "status",
    "timestamp",
    "duration",
    "match_significance",
    "home_score",
    "away_score",
    "event_type",
    "home_city",
    "away_city",
    "home_team",
    "away_team",
]
NOT_PLAYED = ("POSTPONED", "CANCELLED", "AWARDED")
#: Keeps these random numbers apart from those of other mock data with the same seed.
_STREAM = 2


def planted_effects(settings: Settings) -> dict[str, float]:
    """Return the settings that shape mock data, by name, to be stored and shown with it."""
    return {name: getattr(settings, name) for name in type(settings).model_fields if name.startswith("mock_")}


def mock_orders(day: date, matches: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Return the mock orders of a UTC day, by time (contract DOMINOS_ORDERS).

    Parameters
    ----------
    day
        The UTC day.
    matches
        Matches (contract FOOTBALL_MATCHES) that kick off from the day before to the day after; others
        change nothing. What they plant is described at `planted_log_uplift`.
    settings
        Seed, volume and planted effects: see `planted_effects`.
    """
    rng = np.random.default_rng([settings.mock_seed, _STREAM, day.toordinal()])
    towns = [city for city in cities().values() if city.mock_stores]
    rate = settings.mock_orders_per_store_day * _profile(day, towns) * _day_shocks(rng, len(towns))
    rate *= np.exp(planted_log_uplift(day, matches, [city.name for city in towns], settings))
    city_of_store = np.repeat(np.arange(len(towns)), [city.mock_stores for city in towns])
    store_rate = rate[:, city_of_store]
    counts = rng.poisson(_CLUSTERING * rng.standard_gamma(store_rate / _CLUSTERING))

    minute, store = np.divmod(np.repeat(np.arange(counts.size), counts.ravel()), city_of_store.size)
    second = minute * 60 + rng.integers(0, 60, minute.size)
    by_time = np.argsort(second, kind="stable")
    return _frame(rng, day, second[by_time], store[by_time])


def _profile(day: date, towns: list[City]) -> _Floats:
    """Return each minute's share of a mean day's orders, (minutes of the UTC day, cities)."""
    # Offsets from UTC are whole quarters of an hour everywhere.
    quarters = pd.date_range(pd.Timestamp(day, tz="UTC"), periods=96, freq="15min")
    weekday = _WEEKDAY_FACTOR / _WEEKDAY_FACTOR.mean()
    hour = _HOUR_SHARE / _HOUR_SHARE.sum() / 60
    by_zone = {}
    for zone in {city.time_zone for city in towns}:
        local = quarters.tz_convert(ZoneInfo(zone))
        by_zone[zone] = weekday[local.day_of_week] * hour[local.hour]
    return np.repeat(np.column_stack([by_zone[city.time_zone] for city in towns]), 15, axis=0)


def _day_shocks(rng: np.random.Generator, number: int) -> _Floats:
    national, city = rng.normal(0, _DAY_SHOCK_SD), rng.normal(0, _DAY_SHOCK_SD, number)
    shock: _Floats = np.exp(national + city - _DAY_SHOCK_SD**2)
    return shock


def planted_log_uplift(day: date, matches: pd.DataFrame, towns: list[str], settings: Settings) -> _Floats:
    """Return the planted log-uplift, (minutes of the UTC day, cities).

    A match plants in each city whose team plays, a match of national teams in all cities of their countries:
    in the 2 h before kick-off, the 2 h from it (2.5 h with extra time) and the 2 h after that the uplift of
    the window; during and after, the goal effect times total goals above 2.8; after, the win effect times
    (won - 0.384), summed over the city's teams. Goals and wins are centred, so the mean uplift is as named.
    Cups and finals multiply all of it. Matches add on the log scale; the sum is capped. A match that was not
    played, or whose time is not known, plants
    nothing, nor does an unknown result.
    """
    planted = np.zeros((_MINUTES, len(towns)))
    column = {city: number for number, city in enumerate(towns)}
    factor = {"regular": 1.0, "tournament": settings.mock_tournament_factor, "final": settings.mock_final_factor}
    midnight = pd.Timestamp(day, tz="UTC")
    # Floating-point sums depend on the order of their terms; the data must not.
    for match in sorted(matches[_MATCH_FIELDS].to_dict("records"), key=itemgetter("timestamp", "match_id")):
        kick_off = int((match["timestamp"] - midnight).total_seconds() // 60)
        during_end = kick_off + (120 if match["duration"] == "REGULAR" else 150)
        edges = [min(max(edge, 0), _MINUTES) for edge in (kick_off - 120, kick_off, during_end, during_end + 120)]
        if edges[0] == edges[-1] or match["status"] in (*NOT_PLAYED, *UNTIMED.values()):
            continue
        for city, effects in _effects(match, settings).items():
            if city in column:
                for (start, end), effect in zip(pairwise(edges), effects, strict=True):
                    planted[start:end, column[city]] += factor[match["match_significance"]] * effect
    return np.minimum(planted, np.log1p(settings.mock_uplift_cap))


def _cities_of(city: str, team: str) -> tuple[str, ...]:
    """Return the cities of a team: its own, or for a national team all cities of its country."""
    country = country_of_nation(team) if city == UNKNOWN_CITY else None
    return (city,) if country is None else _cities_in(country)


@cache
def _cities_in(country: str) -> tuple[str, ...]:
    return tuple(city.name for city in cities().values() if city.country == country and city.mock_stores)


def _effects(match: Mapping[Hashable, Any], settings: Settings) -> Mapping[str, tuple[float, float, float]]:
    """Return the log-uplift before, during and after a match, by city of its teams."""
    goals = won = 0.0
    if not (pd.isna(match["home_score"]) or pd.isna(match["away_score"])):
        goals = settings.mock_goal_effect * (match["home_score"] + match["away_score"] - MEAN_GOALS)
    effects = {}
    sides = [
        (city, won_as)
        for side, won_as in (("home", "win"), ("away", "loss"))
        for city in _cities_of(match[f"{side}_city"], match[f"{side}_team"])
    ]
    for city in dict.fromkeys(city for city, _ in sides):
        if not pd.isna(match["event_type"]):
            of_city = [match["event_type"] == won_as for side, won_as in sides if side == city]
            won = settings.mock_win_effect * sum(is_won - _WIN_SHARE for is_won in of_city)
        effects[city] = (
            settings.mock_uplift_pre_match,
            settings.mock_uplift_during_match + goals,
            settings.mock_uplift_post_match + goals + won,
        )
    return effects


@cache
def _stores() -> tuple[pyarrow.Array, pyarrow.Array]:
    """Return the location and the city of each store."""
    pairs = [
        (f"{city.name} store {number}", city.name)
        for city in cities().values()
        for number in range(1, city.mock_stores + 1)
    ]
    return pyarrow.array([location for location, _ in pairs]), pyarrow.array([city for _, city in pairs])


def _frame(rng: np.random.Generator, day: date, second: _Integers, store: _Integers) -> pd.DataFrame:
    number = second.size
    location, city = _stores()
    serial = pyarrow.compute.utf8_lpad(pyarrow.array(np.arange(1, number + 1)).cast(pyarrow.string()), 6, "0")
    quantity, total = _baskets(rng, number)
    columns = {
        "order_id": pyarrow.compute.binary_join_element_wise(f"mock-{day:%Y%m%d}-", serial, ""),
        "timestamp": (np.datetime64(day, "us") + second * np.timedelta64(1_000_000, "us")),
        "location": location.take(pyarrow.array(store)),
        "order_total": total,
        "pizza_types": _pizzas(rng, quantity),
        "quantity": quantity,
        "data_source": pyarrow.repeat("mock", number),
        "city": city.take(pyarrow.array(store)),
        "currency": pyarrow.repeat("GBP", number),
    }
    schema = arrow_schema(DOMINOS_ORDERS)
    arrays = [pyarrow.array(columns[field.name]).cast(field.type) for field in schema]
    return from_arrow(pyarrow.Table.from_arrays(arrays, schema=schema), DOMINOS_ORDERS)


def _baskets(rng: np.random.Generator, number: int) -> tuple[_Integers, _Floats]:
    """Draw pizzas and total of each order: the total's rank is the pizzas' rank plus noise, reflected at the ends.

    Reflection of symmetric noise keeps ranks uniform, so totals have exactly the quantiles above.
    """
    rank = rng.random(number)
    quantity = 1 + np.searchsorted(np.cumsum(_QUANTITY_SHARE)[:-1], rank, side="right")
    strayed = np.abs(rank + _RANK_SPREAD * (2 * rng.random(number) - 1))
    strayed = 1 - np.abs(1 - strayed)
    total = np.exp(np.interp(strayed, list(_TOTAL_QUANTILES), np.log(list(_TOTAL_QUANTILES.values()))))
    return quantity, np.round(total, 2)


def _pizzas(rng: np.random.Generator, quantity: _Integers) -> pyarrow.ListArray:
    offsets = np.concatenate([[0], np.cumsum(quantity)]).astype(np.int32)
    by_percent = np.repeat(np.arange(len(_MENU)), list(_MENU.values()))
    pizza = by_percent[rng.integers(0, by_percent.size, int(offsets[-1]))]
    return pyarrow.ListArray.from_arrays(offsets, pyarrow.array(list(_MENU)).take(pyarrow.array(pizza)))
