"""Mock card transactions and merchants: seeded, vectorised, in chunks of bounded memory.

Belongs here: what makes the data look like a real export, its faults included. Does not belong here: files.
Shares and shapes are ours, set by eye to what a national export of card transactions looks like; they are no
fit to any data set.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow

from pizza_assets.contracts import MERCHANT_TRANSACTIONS, MERCHANTS, arrow_schema

_Floats = npt.NDArray[np.float64]
_Integers = npt.NDArray[np.int64]

#: Keeps these random numbers apart from those of other mock data with the same seed.
_STREAM = 7
#: Rows drawn at a time; about 150 MB.
CHUNK_ROWS = 1_000_000
_FIRST_MONTH = np.datetime64("2023-01", "M")
_MONTHS = 24
_CITIES, _STATES = 300, 25

#: Categories: share of transactions, median amount, log-SD, and busy hours as (hour, SD, weight).
_CATEGORIES: Mapping[str, tuple[float, float, float, tuple[tuple[float, float, float], ...]]] = {
    "groceries": (0.34, 27, 0.75, ((11, 2.0, 0.4), (18, 1.8, 0.6))),
    "restaurants": (0.22, 24, 0.60, ((13, 1.0, 0.4), (20, 1.5, 0.6))),
    "fuel": (0.13, 42, 0.45, ((8, 1.5, 0.5), (17.5, 1.8, 0.5))),
    "fashion": (0.10, 48, 0.80, ((15, 2.5, 1.0),)),
    "health": (0.08, 33, 0.90, ((10, 1.8, 0.6), (16, 1.8, 0.4))),
    "home": (0.06, 75, 1.00, ((14, 3.0, 1.0),)),
    "travel": (0.04, 160, 1.00, ((21, 2.5, 1.0),)),
    "nightlife": (0.03, 31, 0.70, ((23.5, 1.8, 1.0),)),
}
#: Amount of business by month, January first, and by weekday, Monday first.
_SEASON = np.array([0.93, 0.88, 0.97, 0.98, 1.01, 1.00, 0.97, 0.96, 0.98, 1.00, 1.08, 1.24])
_WEEKDAY = np.array([0.92, 0.93, 0.96, 1.02, 1.20, 1.17, 0.80])
_GROWTH_PER_MONTH = 0.006
#: Instalments: 0 is paid at once; -1 and 999 are the codes that real exports have for 'unknown'.
_INSTALMENTS = {0: 0.530, 1: 0.340, 2: 0.040, 3: 0.035, 4: 0.012, 5: 0.008, 6: 0.012, 10: 0.008, 12: 0.006, -1: 0.0088,
                999: 0.0002}  # fmt: skip
#: Zipf's law of merchants' and cities' business: the largest per cent of 40,000 merchants does two fifths of it.
_MERCHANT_ZIPF, _CITY_ZIPF = 0.87, 0.9

_DECLINED = 0.085
_REFUNDS = 0.004
_MIDNIGHT = 0.045
_AWAY = 0.06
_NO_MERCHANT, _NO_CITY, _BLANK_CATEGORY = 0.004, 0.02, 0.01
#: Rows that no cleaning can use: absurd amounts, missing amounts, dates in the future, unknown flags; a share each.
_FAULTY = 5e-6
#: Merchants without a name, listed twice, listed twice with different names, and not listed at all.
_NAMELESS, _REPEATED, _CONFLICTING, _UNLISTED = 0.02, 0.01, 0.01, 0.008

_FIRST_NAMES = ("Antica", "Bella", "Casa", "Corner", "Golden", "Grand", "Green", "King", "Metro", "New", "Old", "Prime",
                "Royal", "Star", "Sun", "Union", "Urban", "Village", "West", "White")  # fmt: skip
_LAST_NAMES = ("Bazaar", "Bistro", "Boutique", "Centre", "Depot", "Garage", "Gourmet", "House", "Kitchen", "Lounge",
               "Market", "Outlet", "Pharmacy", "Pizzeria", "Shop", "Station", "Store", "Studio", "Tavern",
               "Traders")  # fmt: skip


def merchants_for(rows: int) -> int:
    """Return how many merchants go with a number of transactions."""
    return int(np.clip(rows // 250, 40, 200_000))


def _heavy(rng: np.random.Generator, number: int, exponent: float) -> _Floats:
    """Return shares that sum to 1 and fall with their rank to the power of `exponent`, in random order."""
    weights = rng.permutation(np.arange(1, number + 1) ** -exponent)
    return np.asarray(weights / weights.sum())


def _draw(rng: np.random.Generator, shares: _Floats, number: int) -> _Integers:
    """Draw positions with these shares: a table look-up, several times quicker than ``choice``."""
    return np.searchsorted(np.cumsum(shares)[:-1], rng.random(number), side="right")


@dataclass(frozen=True)
class Simulation:
    """Mock transactions of a number of rows over 24 months from January 2023; the same seed gives the same rows."""

    rows: int
    seed: int

    @cached_property
    def _world(self) -> "_World":
        return _World(np.random.default_rng([self.seed, _STREAM, 0]), merchants_for(self.rows))

    @property
    def months(self) -> Mapping[date, int]:
        """The months with their number of transactions: they grow, and have a season."""
        number = np.arange(_MONTHS)
        share = _SEASON[number % 12] * (1 + _GROWTH_PER_MONTH) ** number
        ends = np.round(np.cumsum(share) / share.sum() * self.rows).astype(int)
        starts = (_FIRST_MONTH + number).astype("datetime64[D]").tolist()
        return dict(zip(starts, np.diff(ends, prepend=0).tolist(), strict=True))

    def merchants(self) -> pyarrow.Table:
        """Return the list of merchants (contract MERCHANTS), with its faults."""
        return self._world.listed(np.random.default_rng([self.seed, _STREAM, 1]))

    def transactions(self, month: date) -> Iterator[pyarrow.Table]:
        """Yield the transactions of a month (contract MERCHANT_TRANSACTIONS), a chunk at a time, unsorted."""
        left = self.months[month]
        for chunk in range(-(-left // CHUNK_ROWS)):
            number = min(left - chunk * CHUNK_ROWS, CHUNK_ROWS)
            rng = np.random.default_rng([self.seed, _STREAM, month.year, month.month, chunk])
            yield self._world.chunk(rng, np.datetime64(month, "M"), number)


class _World:
    """Who sells what where: drawn once, the same in every chunk."""

    def __init__(self, rng: np.random.Generator, merchants: int) -> None:
        self.share = _heavy(rng, merchants, _MERCHANT_ZIPF)
        self.city_share = _heavy(rng, _CITIES, _CITY_ZIPF)
        self.city = _draw(rng, self.city_share, merchants)
        self.state_of_city = rng.integers(0, _STATES, _CITIES)
        shares = np.array([share for share, *_ in _CATEGORIES.values()])
        # Cities differ in what they sell: that is the association that question 4 finds.
        taste = np.cumsum(rng.dirichlet(shares * 100, _CITIES), axis=1)
        self.category = (rng.random(merchants)[:, None] > taste[self.city, :-1]).sum(axis=1)
        self.price = np.exp(rng.normal(0, 0.3, merchants))
        self.ids = pyarrow.array([f"M{number:07d}" for number in range(merchants)])
        self.city_ids = pyarrow.array([str(number) for number in range(1, _CITIES + 1)] + ["-1"])
        self.state_ids = pyarrow.array([str(number) for number in range(1, _STATES + 1)] + ["-1"])
        self.categories = pyarrow.array([*_CATEGORIES, " "])

    def listed(self, rng: np.random.Generator) -> pyarrow.Table:
        number = len(self.ids)
        once = np.flatnonzero(rng.random(number) >= _UNLISTED)
        again = once[rng.random(once.size) < _REPEATED]
        clash = once[rng.random(once.size) < _CONFLICTING]
        row = np.concatenate([once, again, clash])
        first, last = rng.integers(0, len(_FIRST_NAMES), number), rng.integers(0, len(_LAST_NAMES), number)
        renamed = np.concatenate([last[once], last[again], (last[clash] + 1) % len(_LAST_NAMES)])
        nameless = np.isin(row, once[rng.random(once.size) < _NAMELESS])
        names = [
            None if blank else f"{_FIRST_NAMES[a]} {_LAST_NAMES[b]}"
            for blank, a, b in zip(nameless, first[row], renamed, strict=True)
        ]
        columns = {
            "merchant_id": self.ids.take(pyarrow.array(row)),
            "merchant_name": names,
            "city_id": self.city_ids.take(pyarrow.array(self.city[row])),
            "state_id": self.state_ids.take(pyarrow.array(self.state_of_city[self.city[row]])),
            "data_source": pyarrow.repeat("mock", row.size),
        }
        return pyarrow.table(columns, schema=arrow_schema(MERCHANTS))

    def chunk(self, rng: np.random.Generator, month: np.datetime64, number: int) -> pyarrow.Table:
        merchant = _draw(rng, self.share, number)
        city = np.where(rng.random(number) < _AWAY, _draw(rng, self.city_share, number), self.city[merchant])
        category = self.category[merchant]
        state = self.state_of_city[city]
        nowhere = rng.random(number) < _NO_CITY
        city, state = np.where(nowhere, _CITIES, city), np.where(nowhere, _STATES, state)
        category = np.where(rng.random(number) < _BLANK_CATEGORY, len(_CATEGORIES), category)
        amount = self._amounts(rng, merchant)
        at = _times(rng, month, self.category[merchant])
        flag = (rng.random(number) < _DECLINED).astype(np.int8)
        _plant_faults(rng, amount, at, flag)
        codes = _draw(rng, np.array(list(_INSTALMENTS.values())), number)
        columns = [
            _coded(merchant, self.ids, mask=rng.random(number) < _NO_MERCHANT),
            _coded(city, self.city_ids),
            _coded(state, self.state_ids),
            _coded(category, self.categories),
            pyarrow.array(amount),
            pyarrow.array(at),
            pyarrow.array(np.array(list(_INSTALMENTS))[codes]),
            _coded(flag, pyarrow.array(["Y", "N", "?"])),
            _coded(np.zeros(number, np.int8), pyarrow.array(["mock"])),
        ]
        return pyarrow.table(columns, names=arrow_schema(MERCHANT_TRANSACTIONS).names)

    def _amounts(self, rng: np.random.Generator, merchant: _Integers) -> _Floats:
        median = np.array([median for _, median, _, _ in _CATEGORIES.values()])[self.category[merchant]]
        spread = np.array([spread for _, _, spread, _ in _CATEGORIES.values()])[self.category[merchant]]
        amount = median * self.price[merchant] * np.exp(spread * rng.standard_normal(merchant.size))
        refund = np.where(rng.random(merchant.size) < _REFUNDS, -1.0, 1.0)
        return np.asarray(np.round(amount * refund, 2))


def _coded(codes: npt.NDArray[np.integer], values: pyarrow.Array, mask: object = None) -> pyarrow.DictionaryArray:
    return pyarrow.DictionaryArray.from_arrays(pyarrow.array(codes.astype(np.int32), mask=mask), values)


def _times(rng: np.random.Generator, month: np.datetime64, category: _Integers) -> npt.NDArray[np.datetime64]:
    """Draw local times: busier weekdays, each category's hours, and a share of dates without a time."""
    days = np.arange(month, month + 1, dtype="datetime64[D]")
    weekday = _WEEKDAY[(days.astype(int) + 3) % 7]
    day = days[_draw(rng, weekday / weekday.sum(), category.size)]
    peak, spread = np.empty(category.size), np.empty(category.size)
    for number, (*_, hours) in enumerate(_CATEGORIES.values()):
        here = np.flatnonzero(category == number)
        which = _draw(rng, np.array([weight for *_, weight in hours]), here.size)
        peak[here] = np.array([hour for hour, *_ in hours])[which]
        spread[here] = np.array([width for _, width, _ in hours])[which]
    second = ((peak + spread * rng.standard_normal(category.size)) * 3600).astype(int) % 86_400
    second[rng.random(category.size) < _MIDNIGHT] = 0
    at: npt.NDArray[np.datetime64] = np.add(day.astype("datetime64[s]"), second.astype("timedelta64[s]"))
    return at.astype("datetime64[us]")


def _plant_faults(
    rng: np.random.Generator, amount: _Floats, at: npt.NDArray[np.datetime64], flag: npt.NDArray[np.int8]
) -> None:
    """Spoil a few rows in place, each in one way."""
    row = np.flatnonzero(rng.random(amount.size) < 4 * _FAULTY)
    fault = rng.integers(0, 4, row.size)
    amount[row[fault == 0]] = 9_999_999_999.99
    amount[row[fault == 1]] = np.nan
    at[row[fault == 2]] = np.datetime64("2099-12-31T12:00:00", "us")
    flag[row[fault == 3]] = 2
