"""Tonight: the matches of a day, the orders that have arrived, and where each city stands.

Belongs here: evenings from a stored forecast, orders from files as they appear or from a stored day replayed. Does not
belong here: the boundary (``analysis.tonight``), HTTP, alerts' channels.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

import numpy as np
import pandas as pd

from pizza_assets.analysis.grid import Floats, instants_of
from pizza_assets.analysis.tonight import ABOVE, BELOW, Evening, Watch, watches
from pizza_assets.analysis.windows import BIN_MINUTES, bins_of
from pizza_assets.errors import PizzaAssetsError
from pizza_assets.forecast.contract import ALL_SHOPS
from pizza_assets.lake import layout
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable
from pizza_assets.orders.files import OrderFiles
from pizza_assets.platform.columns import Source
from pizza_assets.settings import Settings

_LOGGER = logging.getLogger("pizza_assets.tonight")
#: The fact of a stored forecast that tells how orders vary around it.
NOISE = "noise"
_QUARTER = timedelta(minutes=BIN_MINUTES)


class Arriving(Protocol):
    """Where the orders of a day come from while it runs."""

    data_source: Source

    def orders(self, day: date, until: datetime) -> pd.DataFrame:
        """Return the orders of a day (UTC) placed before `until`: city and timestamp, one row each."""


@dataclass
class ExportsArriving:
    """Till exports that appear in a folder, or grow: all that ``TONIGHT_FILES`` names is read at each look."""

    settings: Settings
    data_source: Source = "real"

    def orders(self, day: date, until: datetime) -> pd.DataFrame:
        """Return the orders of a day; see `Arriving`. Raises SourceError when the files cannot be read."""
        given = self.settings.model_copy(update={"orders_files": self.settings.tonight_files})
        found = OrderFiles(given).read([day])
        return _before(found[day].frame, until) if day in found else _NOTHING


@dataclass
class Replayed:
    """A stored day, as if it ran now."""

    store: Store
    data_source: Source = "mock"
    _day: tuple[date, pd.DataFrame] | None = field(default=None, init=False)

    def orders(self, day: date, until: datetime) -> pd.DataFrame:
        """Return the orders of a day; see `Arriving`. Raises LakeError when the lake does not have it."""
        if self._day is None or self._day[0] != day:
            table = DailyTable(self.store, layout.RAW_ORDERS, ["city", "timestamp"])
            self._day = (day, table[day])
            self.data_source = table.stored[day].source or "mock"
        return _before(self._day[1], until)


_NOTHING = pd.DataFrame({"city": pd.Series(dtype="str"), "timestamp": pd.Series(dtype="datetime64[us, UTC]")})


def _before(orders: pd.DataFrame, until: datetime) -> pd.DataFrame:
    return orders.loc[orders["timestamp"] < pd.Timestamp(until), ["city", "timestamp"]]


def evenings_of(rows: pd.DataFrame, noise: Mapping[str, float], day: date) -> dict[str, Evening]:
    """Return the evening of each city with matches on a day: from 2 h before the first to 4 h after the last.

    Parameters
    ----------
    rows
        ORDER_FORECAST as of an earlier day.
    noise
        The forecast's variances: day, block, quarter and match.
    day
        The UTC day on which the matches kick off.
    """
    whole = rows[(rows["shop"] == ALL_SHOPS) & rows["expected"].notna()]
    matches = whole[(whole["span"] == "match") & (whole["kickoff_ts"].dt.date == day)]
    quarters = whole[whole["span"] == "quarter_hour"]
    found = {}
    for city, of_city in matches.groupby("city", sort=True):
        first = int(bins_of(of_city["start"]).min())
        ends = bins_of(of_city["start"]) + of_city["minutes"].to_numpy() // BIN_MINUTES
        mine = quarters[quarters["city"] == city]
        at = bins_of(mine["start"]) - first
        is_inside = (at >= 0) & (at < int(ends.max()) - first)
        expected, on = np.zeros(int(ends.max()) - first), np.zeros(int(ends.max()) - first)
        expected[at[is_inside]] = mine["expected"].to_numpy()[is_inside]
        on[at[is_inside]] = (mine["match_ids"] != "none").to_numpy()[is_inside]
        found[str(city)] = Evening(
            city=str(city),
            first_bin=first,
            expected=expected,
            day=noise["day"],
            block=noise["block"],
            quarter=noise["quarter"],
            match=noise["match"] * on,
            matches="; ".join(of_city["matches"].dropna()),
        )
    return found


def now_utc() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


@dataclass
class Tonight:
    """The evening of a day as it runs. `look` reads what has arrived, and says where each city stands.

    Parameters
    ----------
    store
        The lake, for the newest forecast made before the day.
    arriving
        Where orders come from.
    clock
        Tells the time, or the time that is replayed.
    alert
        Called once for each city that leaves its band, with a sentence.
    """

    store: Store
    arriving: Arriving
    clock: Callable[[], datetime] = now_utc
    alert: Callable[[str], None] = _LOGGER.warning
    _day: date | None = field(default=None, init=False)
    _as_of: str = field(default="", init=False)
    _forecast_source: str = field(default="mock", init=False)
    _watches: dict[str, Watch] = field(default_factory=dict, init=False)
    _told: set[str] = field(default_factory=set, init=False)

    def look(self) -> dict[str, Any]:
        """Return the state of the evening as a JSON-able document: `day`, `status`, `data_source`, and `cities`."""
        now = self.clock()
        self._open(now.date())
        document: dict[str, Any] = {"day": self._day.isoformat() if self._day else None, "cities": []}
        document |= {"forecast_as_of": self._as_of or None, "data_source": self._forecast_source}
        if not self._watches:
            reason = "No match today has a forecast." if self._as_of else "There is no forecast of today."
            return document | {"status": reason}
        try:
            orders = self.arriving.orders(now.date(), now)
        except PizzaAssetsError as error:
            return document | {"status": f"The orders of today cannot be read: {error}"}
        if "mock" in (self.arriving.data_source, self._forecast_source):
            document["data_source"] = "mock"
        last = bins_of(orders["timestamp"].dt.floor("15min")) if len(orders) else np.zeros(0, dtype=np.int64)
        over = int(now.timestamp() // _QUARTER.total_seconds())
        for city, watch in self._watches.items():
            document["cities"].append(self._city(watch, last[(orders["city"] == city).to_numpy()], over))
        begun = any(of["quarters_over"] for of in document["cities"])
        return document | {"status": "running" if begun else "The matches of today have not begun."}

    def _open(self, day: date) -> None:
        """Take the newest forecast made before the day; that of a running evening stays."""
        if self._day == day:
            return
        self._day, self._as_of, self._watches, self._told = day, "", {}, set()
        table = DailyTable(self.store, layout.ORDER_FORECAST)
        made = [of for of in table if of < day]
        if not made or (day - made[-1]).days > 14:
            return
        noise = table.facts(made[-1]).get(NOISE)
        self._as_of, self._forecast_source = made[-1].isoformat(), table.facts(made[-1])["data-source"]
        if noise is not None:
            evenings = evenings_of(table[made[-1]], json.loads(noise), day)
            self._watches = watches(evenings, seed=day.toordinal())

    def _city(self, watch: Watch, bins: "np.ndarray[Any, np.dtype[np.int64]]", over: int) -> dict[str, Any]:
        of = watch.evening
        size = len(of.expected)
        at = bins - of.first_bin
        orders: Floats = np.bincount(at[(at >= 0) & (at < size)], minlength=size).astype(float)
        n_over = min(max(over - of.first_bin, 0), size)
        found: dict[str, Any] = watch.look(orders, n_over)
        heard = found["quarters_heard"]
        starts = instants_of(of.first_bin + np.arange(size, dtype=np.int64))
        found["quarters"] = [
            {
                "start": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "orders": int(orders[number]) if number < heard else None,
                "expected": round(float(of.expected[number]), 2),
            }
            for number, at in enumerate(starts)
        ]
        if found["status"] in (ABOVE, BELOW) and of.city not in self._told:
            self._told.add(of.city)
            more = "more" if found["status"] == ABOVE else "fewer"
            self.alert(
                f"{of.city}: {more} orders than its band allows, {found['orders']:.0f} against {found['expected']:.0f} "
                f"expected so far ({self._label(found)}). On: {of.matches}."
            )
        return found

    def _label(self, found: Mapping[str, Any]) -> str:
        is_mock = "mock" in (self.arriving.data_source, self._forecast_source)
        band = f"band {found['low']:.0f} to {found['high']:.0f}"
        return f"{band}, simulated" if is_mock else band


@dataclass
class ReplayClock:
    """A clock that starts at an instant of a day and runs `speed` times as fast."""

    start: datetime
    speed: float
    began: datetime = field(default_factory=now_utc)

    def __call__(self) -> datetime:
        """Return the time that is replayed."""
        return self.start + (now_utc() - self.began) * self.speed
