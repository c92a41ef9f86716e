"""One collected day: real, or mock where the source fails, with the reason.

Belongs here: what the collectors of matches and of orders share. Does not belong here: which source gives a day
(``collect.py`` of each slice), asking it, storing anything.

A day is all real or all mock; one that is real in the lake is never mock again, but kept (``kept.py``).
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import ParamSpec, TypeVar

import pandas as pd

from pizza_assets.errors import SourceError
from pizza_assets.lake.layout import Note
from pizza_assets.lake.tables import Day
from pizza_assets.lake.uncovered import UNCOVERED, uncovered_fact
from pizza_assets.platform.columns import Source
from pizza_assets.platform.http import HttpSession
from pizza_assets.platform.quality.sources import FALLBACK, KEPT_FACT, UNKNOWN
from pizza_assets.platform.records import DayRecords, Rejected
from pizza_assets.settings import Settings

#: The fact of a real day of matches that names the competitions whose matches it knows.
COMPETITIONS = "competitions"

_LOGGER = logging.getLogger("pizza_assets.sources")

Params = ParamSpec("Params")
Result = TypeVar("Result")
#: What a source gave of several days, or why it gave nothing.
Answer = Mapping[date, DayRecords] | SourceError


@dataclass(frozen=True)
class Collected:
    """One UTC day of one data set. Of real days ``received`` counts the rows of the frame, the rejected, the set aside.

    `make` returns the frame: a mock one is made when it is asked for, in whichever process. `reason` tells why the day
    is mock (None for real ones), `raw` holds the football API's own objects (None for mock days and for orders), and
    `origin` names the source of real days where there are several. `set_aside` holds records that are no order, and
    `uncovered` the cities of which not all orders of the day are known.

    Of real matches `competitions` are those whose matches of the day are known, `unknown` tells why those of others are
    not, and `kept` why those of some are still the stored ones.
    """

    day: date
    make: Callable[[], pd.DataFrame]
    data_source: Source
    received: int
    rejected: Sequence[Rejected]
    reason: str | None
    raw: Sequence[Mapping[str, object]] | None
    origin: str = ""
    set_aside: Sequence[Rejected] = ()
    uncovered: Sequence[str] = ()
    competitions: Sequence[str] = ()
    unknown: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The day's records; they keep the data set's contract."""
        return self.make()


def real_day(day: date, records: DayRecords, uncovered: Sequence[str] = ()) -> Collected:
    """Return a day as its source gave it."""
    return Collected(
        day,
        lambda: records.frame,
        "real",
        records.received,
        records.rejected,
        None,
        records.raw,
        records.origin,
        set_aside=records.set_aside,
        uncovered=uncovered,
    )


def mock_day(day: date, make: Callable[[], pd.DataFrame], reason: str) -> Collected:
    """Return a mock day, and why it is one; `make` is called when the frame is first asked for."""
    return Collected(day, make, "mock", 0, (), reason, None)


def day_of(collected: Collected, *, is_set_up: bool, planted: Mapping[str, float] | None = None) -> Day:
    """Return a collected day as the lake takes it.

    Parameters
    ----------
    collected
        The day.
    is_set_up
        Whether a real source was set up: a mock day then counts as a fallback.
    planted
        The effects that are planted in mock data; noted on mock days.
    """
    facts: dict[str, object] = {"reason": collected.reason} if collected.reason else {}
    if collected.data_source == "mock" and is_set_up:
        facts[FALLBACK] = True
    if collected.data_source == "mock" and planted:
        facts["planted"] = planted
    if collected.origin:
        facts["origin"] = collected.origin
    if collected.competitions:
        facts[COMPETITIONS] = " ".join(collected.competitions)
    notes: dict[Note, str] = {}
    if collected.kept:
        notes["kept"] = facts[KEPT_FACT] = _by_reason(collected.kept)
    if collected.unknown:
        facts["unknown-competitions"] = " ".join(collected.unknown)
        notes["unknown"] = facts[UNKNOWN] = _by_reason(collected.unknown)
    if collected.uncovered:
        facts[UNCOVERED] = uncovered_fact(collected.uncovered)
    rejected, set_aside = (
        [{"reason": item.reason, "record": item.record} for item in items]
        for items in (collected.rejected, collected.set_aside)
    )
    received = collected.received if collected.data_source == "real" else None
    return Day(collected.frame, collected.data_source, received, rejected, collected.raw, facts, notes, set_aside)


def _by_reason(competitions: Mapping[str, str]) -> str:
    return "; ".join(f"{competition}: {reason}" for competition, reason in competitions.items())


def attempt(ask: Callable[Params, Result], *args: Params.args, **kwargs: Params.kwargs) -> Result | SourceError:
    """Return what `ask` returns, or the SourceError that it raises."""
    try:
        return ask(*args, **kwargs)
    except SourceError as error:
        return error.with_traceback(None)


@contextmanager
def opened(
    session: HttpSession | None, settings: Settings, open_session: Callable[[Settings], HttpSession]
) -> Iterator[HttpSession | SourceError]:
    """Give `session`, else one of our own, else why there is none."""
    own = None if session else attempt(open_session, settings)
    try:
        yield session or own  # type: ignore[misc]  # one of the two is there
    finally:
        if isinstance(own, HttpSession):
            own.close()


@contextmanager
def fallbacks(data_set: str, settings: Settings) -> Iterator[Callable[[date, SourceError], str]]:
    """Give a function that notes why a day is mock and returns the reason; at the end, log each cause once."""
    days_by_reason: dict[str, list[date]] = {}

    def note(day: date, error: SourceError) -> str:
        if not settings.pizza_allow_mock:
            raise SourceError(
                f"No real {data_set} of {day}, and PIZZA_ALLOW_MOCK=false forbids mock ones: {error}", final=error.final
            )
        days_by_reason.setdefault(str(error), []).append(day)
        return str(error)

    try:
        yield note
    finally:
        for reason, days in days_by_reason.items():
            _LOGGER.warning("%s: %d days from %s to %s are mock: %s", data_set, len(days), days[0], days[-1], reason)
