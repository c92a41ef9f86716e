"""Orders of each day: from till exports, else the API, else mock, with the reason.

Belongs here: which source gives a day of orders. Does not belong here: reading a source (``files``, ``dominos``),
making mock orders (``mock``), storing anything.

Till exports that are named and cannot be read are an error. Days come lazily and in order, so that memory does not
grow with their number.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import partial

import pandas as pd

from pizza_assets.contracts import DOMINOS_ORDERS, empty
from pizza_assets.errors import SourceError
from pizza_assets.orders import dominos
from pizza_assets.orders.files import OrderFiles
from pizza_assets.orders.mock import mock_orders
from pizza_assets.platform.collected import Answer, Collected, attempt, fallbacks, mock_day, opened, real_day
from pizza_assets.platform.http import HttpSession
from pizza_assets.platform.kept import Kept
from pizza_assets.platform.records import DayRecords, chunks, emptied
from pizza_assets.settings import Settings

#: Orders are held for at most this many days at a time.
DAYS_AT_A_TIME = 31

#: Where real orders come from.
FILES, API = "till exports", "Domino's orders API"


def _not_real(day: date) -> int | None:
    del day
    return None


def collect_orders(
    days: Sequence[date],
    settings: Settings,
    matches_around: Callable[[date], pd.DataFrame],
    real_rows: Callable[[date], int | None] = _not_real,
    *,
    session: HttpSession | None = None,
) -> Iterator[Collected | Kept]:
    """Yield the pizza orders of each UTC day, in the order of days: from till exports, else the API, else mock.

    A day that is real in the lake is kept where it would be mock, and where it would lose all of its orders.

    Parameters
    ----------
    days
        UTC days of the orders, in any order.
    settings
        Files, token, limits, and whether mock data may stand in.
    matches_around
        Returns the matches that kick off from the day before to the day after a day; asked for mock days only.
    real_rows
        Returns how many real orders the lake has of a day; None where it has no real ones.
    session
        To ask with, and to read ``calls`` from afterwards; by default one is opened and closed.

    Raises
    ------
    SourceError
        When a day would be mock, and ``PIZZA_ALLOW_MOCK`` is false; and, before the first day, when ``ORDERS_FILES``
        names what is not there or cannot be read: a sentence for each cause.
    SettingsError
        When ``DOMINOS_API_URL`` is no address that a token may be sent to, or ``ORDERS_COLUMNS`` names a field
        that we do not have.
    """
    with opened(session, settings, dominos.open_session) as api, fallbacks("pizza orders", settings) as note:
        shops = _Shops(settings, api)
        for chunk in chunks(sorted(set(days)), DAYS_AT_A_TIME):
            answers = shops.answers_about(chunk)
            for day in chunk:
                answer = answers[day]
                rows = real_rows(day) if isinstance(answer, SourceError) or not answer.received else None
                if isinstance(answer, DayRecords):
                    uncovered = shops.uncovered_cities(day) if answer.origin == FILES else ()
                    kept = Kept(day, emptied(answer.origin, "orders", day, rows)) if rows else None
                    yield kept or real_day(day, answer, uncovered)
                elif rows is not None:
                    yield Kept(day, str(answer))
                else:
                    yield mock_day(day, partial(_mock_orders, day, matches_around, settings), note(day, answer))


class _Shops:
    """Gives each day's orders from the first that has them: till exports, then the API."""

    def __init__(self, settings: Settings, api: HttpSession | SourceError) -> None:
        self._settings = settings
        self._files = OrderFiles(settings) if settings.orders_files else None
        self._api = api

    def answers_about(self, days: Sequence[date]) -> dict[date, DayRecords | SourceError]:
        covered = [day for day in days if self._files and self._files.covers(day)]
        rest = [day for day in days if day not in covered]
        answers: dict[date, DayRecords | SourceError] = {}
        if self._files and covered:
            answers |= _by_day(covered, self._files.read(covered), FILES)
        if rest:
            answers |= _by_day(rest, self._ask(rest), API)
        return answers

    def uncovered_cities(self, day: date) -> Sequence[str]:
        """Return the cities of which till exports do not tell all orders of the day."""
        return self._files.uncovered_cities(day) if self._files else ()

    def _ask(self, days: Sequence[date]) -> Answer:
        if self._settings.dominos_api_key is None and isinstance(self._api, SourceError):
            uncovered = "no till export covers this day" if self._files else None
            return SourceError(uncovered or "neither DOMINOS_API_KEY nor ORDERS_FILES is set", final=True)
        if isinstance(self._api, SourceError):
            return self._api
        answer = attempt(dominos.fetch_orders, self._api, self._settings, days[0], days[-1])
        if isinstance(answer, SourceError) and answer.final:
            self._api = answer
        return answer


def _by_day(days: Sequence[date], answer: Answer, origin: str) -> dict[date, DayRecords | SourceError]:
    if isinstance(answer, SourceError):
        return dict.fromkeys(days, answer)
    nothing = DayRecords(empty(DOMINOS_ORDERS), [])
    return {day: replace(answer.get(day, nothing), origin=origin) for day in days}


def _mock_orders(day: date, matches_around: Callable[[date], pd.DataFrame], settings: Settings) -> pd.DataFrame:
    return mock_orders(day, matches_around(day), settings)
