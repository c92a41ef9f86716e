"""Tonight: the matches of a day, the orders that have arrived, and where each city stands.

Belongs here: evenings from a stored forecast, orders from files as they appear or from a stored day replayed. Does not
belong here: the boundary (``analysis.tonight``), HTTP, alerts' channels.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from pizza_assets.analysis.forecast import HORIZON_DAYS
from pizza_assets.analysis.grid import Floats, Ints, instants_of
from pizza_assets.analysis.tonight import ABOVE, BELOW, Evening, Watch, watches
from pizza_assets.analysis.windows import BIN_MINUTES, bins_of
from pizza_assets.errors import PizzaAssetsError
from pizza_assets.forecast.contract import ALL_SHOPS
from pizza_assets.lake import layout
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable
from pizza_assets.orders.files import OrderFiles
from pizza_assets.platform.columns import Source
from pizza_assets.reference import cities
from pizza_assets.settings import Settings

_LOGGER = logging.getLogger("pizza_assets.tonight")
#: The fact of a stored forecast that tells how orders vary around it.
NOISE = "noise"
_QUARTER = timedelta(minutes=BIN_MINUTES)
#: An evening goes on for so long after midnight.
_NIGHT_ENDS = timedelta(hours=4)


class Arriving(Protocol):
    """Where the orders of a day come from while it runs."""

    data_source: Source

    def orders(self, days: Sequence[date], until: datetime) -> pd.DataFrame:
        """Return the orders of some days (UTC) placed before `until`: city and timestamp, one row each."""


@dataclass
class ExportsArriving:
    """Till exports that appear in a folder, or grow: all that ``TONIGHT_FILES`` names is read at each look."""

    settings: Settings
    data_source: Source = "real"

    def orders(self, days: Sequence[date], until: datetime) -> pd.DataFrame:
        """Return the orders of some days; see `Arriving`. Raises SourceError when the files cannot be read."""
        given = self.settings.model_copy(update={"orders_files": self.settings.tonight_files})
        return _before([of.frame for of in OrderFiles(given).read(days).values()], until)


@dataclass
class Replayed:
    """A stored day, as if it ran now."""

    store: Store
    data_source: Source = "mock"
    _days: dict[date, pd.DataFrame] = field(default_factory=dict, init=False)

    def orders(self, days: Sequence[date], until: datetime) -> pd.DataFrame:
        """Return the orders of some days; see `Arriving`. Raises LakeError when the lake does not have the last."""
        table = DailyTable(self.store, layout.RAW_ORDERS, ["city", "timestamp"])
        for day in days:
            if day not in self._days and (day in table or day == days[-1]):
                self._days[day] = table[day]
                self.data_source = table.stored[day].source or "mock"
        return _before([self._days[day] for day in days if day in self._days], until)


_NOTHING = pd.DataFrame({"city": pd.Series(dtype="str"), "timestamp": pd.Series(dtype="datetime64[us, UTC]")})


def _before(frames: Sequence[pd.DataFrame], until: datetime) -> pd.DataFrame:
    filled = [frame[["city", "timestamp"]] for frame in frames if len(frame)]
    orders = pd.concat(filled, ignore_index=True) if filled else _NOTHING
    return orders[orders["timestamp"] < pd.Timestamp(until)]


def evenings_of(rows: pd.DataFrame, noise: Mapping[str, float], day: date) -> dict[str, Evening]:
    """Return the evening of each city with matches on a day: from 2 h before the first to 4 h after the last.

    Parameters
    ----------
    rows
        ORDER_FORECAST as of an earlier day.
    noise
        The forecast's variances: day, block, quarter and match.
    day
        The day on which the matches kick off, on the clock of the city.
    """
    known = cities()
    whole = rows[(rows["shop"] == ALL_SHOPS) & rows["expected"].notna()]
    matches = whole[whole["span"] == "match"]
    zones = [known[city].time_zone if city in known else "UTC" for city in matches["city"]]
    local = [at.tz_convert(zone).date() for at, zone in zip(matches["kickoff_ts"], zones, strict=True)]
    matches = matches[[of == day for of in local]]
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


def _zone(city: str) -> ZoneInfo:
    known = cities()
    return ZoneInfo(known[city].time_zone if city in known else "UTC")


@dataclass
class _Session:
    """A day's evenings: the forecast that they are held against, and the cities whose alert was given."""

    as_of: str = ""
    data_source: Source = "mock"
    watches: dict[str, Watch] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)


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
    _sessions: dict[date, "_Session"] = field(default_factory=dict, init=False)

    def look(self) -> dict[str, Any]:
        """Return the state of the evening as a JSON-able document: `day`, `status`, `data_source`, and `cities`."""
        now = self.clock()
        today = (now - _NIGHT_ENDS).date()
        sessions = {day: self._session(day) for day in (today + timedelta(days=n) for n in (-1, 0, 1))}
        self._sessions = sessions
        # Each city's evening is that of its own clock's day, which ends some hours after midnight.
        shown = [
            (session, watch)
            for day, session in sessions.items()
            for city, watch in session.watches.items()
            if (now - _NIGHT_ENDS).astimezone(_zone(city)).date() == day
        ]
        of_today = sessions[today]
        document: dict[str, Any] = {"day": today.isoformat(), "cities": []}
        document |= {"forecast_as_of": of_today.as_of or None, "data_source": of_today.data_source}
        if not shown:
            reason = "No match today has a forecast." if of_today.as_of else "There is no forecast of today."
            return document | {"status": reason}
        first = min(instants_of(np.array([watch.evening.first_bin]))[0].date() for _, watch in shown)
        days = [first + timedelta(days=n) for n in range((now.date() - first).days + 1)] or [now.date()]
        try:
            orders = self.arriving.orders(days, now)
        except PizzaAssetsError as error:
            return document | {"status": f"The orders of today cannot be read: {error}"}
        if "mock" in (self.arriving.data_source, *(session.data_source for session, _ in shown)):
            document["data_source"] = "mock"
        bins = bins_of(orders["timestamp"].dt.floor("15min")) if len(orders) else np.zeros(0, dtype=np.int64)
        over = int(now.timestamp() // _QUARTER.total_seconds())
        for session, watch in shown:
            in_city = (orders["city"] == watch.evening.city).to_numpy()
            document["cities"].append(self._city(session, watch, bins[in_city], over))
        begun = any(of["quarters_over"] for of in document["cities"])
        return document | {"status": "running" if begun else "The matches of today have not begun."}

    def _session(self, day: date) -> "_Session":
        """Return the evening of a day against the newest forecast made before it; one that was opened stays."""
        held = self._sessions.get(day)
        if held is not None and held.as_of:
            return held
        table = DailyTable(self.store, layout.ORDER_FORECAST)
        made = [of for of in table if of < day]
        if not made or (day - made[-1]).days > HORIZON_DAYS:
            return _Session()
        facts = table.facts(made[-1])
        evenings = {}
        if NOISE in facts:
            evenings = evenings_of(table[made[-1]], json.loads(facts[NOISE]), day)
        source: Source = "real" if facts["data-source"] == "real" else "mock"
        return _Session(made[-1].isoformat(), source, watches(evenings, seed=day.toordinal()))

    def _city(self, session: "_Session", watch: Watch, bins: Ints, over: int) -> dict[str, Any]:
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
        if found["status"] in (ABOVE, BELOW) and of.city not in session.told:
            session.told.add(of.city)
            more = "more" if found["status"] == ABOVE else "fewer"
            self.alert(
                f"{of.city}: {more} orders than its band allows, {found['orders']:.0f} against {found['expected']:.0f} "
                f"expected so far ({self._label(session, found)}). On: {of.matches}."
            )
        return found

    def _label(self, session: "_Session", found: Mapping[str, Any]) -> str:
        is_mock = "mock" in (self.arriving.data_source, session.data_source)
        band = f"band {found['low']:.0f} to {found['high']:.0f}"
        return f"{band}, simulated" if is_mock else band


@dataclass
class ReplayClock:
    """A clock that starts at an instant of a day and runs `speed` times as fast."""

    start: datetime
    speed: float
    began: datetime = field(default_factory=now_utc)

    def __call__(self) -> datetime:
        """Return the time that is replayed; it stops at the end of the day."""
        end = datetime.combine(self.start.date(), time.max, UTC)
        return min(self.start + (now_utc() - self.began) * self.speed, end)
