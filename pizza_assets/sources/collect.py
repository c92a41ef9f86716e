"""Real data first, mock where the source fails: says which, and why. What is refused is handed on, whole.

Belongs here: which source gives a day, and the fallback. Does not belong here: asking and reading (the module of
each source), making mock data (``synthetic/``), storing anything.

A day is all real or all mock. Days come lazily and in order, so that memory does not grow with their number.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property, partial
from typing import ParamSpec, TypeVar

import pandas as pd

from pizza_assets.contracts import DOMINOS_ORDERS, FOOTBALL_MATCHES, empty, split_valid
from pizza_assets.contracts.columns import Source
from pizza_assets.errors import SourceError
from pizza_assets.settings import Settings
from pizza_assets.sources import dominos, football_data
from pizza_assets.sources.api import AuthenticationError
from pizza_assets.sources.http import HttpSession
from pizza_assets.sources.order_files import OrderFiles
from pizza_assets.sources.records import DayRecords, Rejected, by_position, chunks
from pizza_assets.synthetic.matches import mock_matches
from pizza_assets.synthetic.orders import mock_orders

__all__ = ["Collected", "Rejected", "collect_matches", "collect_orders"]

_LOGGER = logging.getLogger("pizza_assets.sources")

#: Orders are held for at most this many days at a time.
DAYS_AT_A_TIME = 31

#: Where real orders come from.
FILES, API = "till exports", "Domino's orders API"

Asked = ParamSpec("Asked")
Given = TypeVar("Given")
Answer = Mapping[date, DayRecords] | SourceError


@dataclass(frozen=True)
class Collected:
    """One UTC day of one data set. Of real days ``received`` counts the rows of the frame, the rejected, the set aside.

    `make` returns the frame: a mock one is made when it is asked for, in whichever process. `reason` tells why the day
    is mock (None for real ones), `raw` holds the football API's own objects (None for mock days and for orders), and
    `origin` tells where real orders come from: ``FILES`` or ``API``. `set_aside` holds records that are no order, and
    `uncovered` the cities of which not all orders of the day are known.
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

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The day's records; they keep the data set's contract."""
        return self.make()


def collect_matches(
    days: Sequence[date], settings: Settings, *, session: HttpSession | None = None
) -> Iterator[Collected]:
    """Yield the football matches of each UTC day, in the order of days.

    Parameters
    ----------
    days
        UTC days of kick-off, in any order.
    settings
        Token, competitions, limits, and whether mock data may stand in.
    session
        To ask with, and to read ``calls`` from afterwards; by default one is opened and closed.

    Raises
    ------
    SourceError
        When a day would be mock, and ``PIZZA_ALLOW_MOCK`` is false.
    SettingsError
        When ``FOOTBALL_API_URL`` is no address that a token may be sent to.
    """
    ordered = sorted(set(days))
    with (
        _opened(session, settings, football_data.open_session) as api,
        _fallbacks("football matches", settings) as note,
    ):
        seasons = _Seasons(api, settings.football_competitions, ordered)
        for day in ordered:
            answers = seasons.answers_about(day)
            error = next((answer for answer in answers if isinstance(answer, SourceError)), None)
            if error is None:
                yield _real(day, _joined([a[day] for a in answers if not isinstance(a, SourceError) and day in a]))
            else:
                reason = note(day, error)
                yield _mock(day, partial(mock_matches, day, settings), reason)


def collect_orders(
    days: Sequence[date],
    settings: Settings,
    matches_around: Callable[[date], pd.DataFrame],
    *,
    session: HttpSession | None = None,
) -> Iterator[Collected]:
    """Yield the pizza orders of each UTC day, in the order of days: from till exports, else the API, else mock.

    Parameters
    ----------
    days
        UTC days of the orders, in any order.
    settings
        Files, token, limits, and whether mock data may stand in.
    matches_around
        Returns the matches that kick off from the day before to the day after a day; asked for mock days only.
    session
        To ask with, and to read ``calls`` from afterwards; by default one is opened and closed.

    Raises
    ------
    SourceError
        When a day would be mock, and ``PIZZA_ALLOW_MOCK`` is false.
    SettingsError
        When ``DOMINOS_API_URL`` is no address that a token may be sent to, or ``ORDERS_COLUMNS`` names a field
        that we do not have.
    """
    with _opened(session, settings, dominos.open_session) as api, _fallbacks("pizza orders", settings) as note:
        shops = _Shops(settings, api)
        for chunk in chunks(sorted(set(days)), DAYS_AT_A_TIME):
            answers = shops.answers_about(chunk)
            for day in chunk:
                answer = answers[day]
                if isinstance(answer, DayRecords):
                    yield _real(day, answer, shops.uncovered_cities(day) if answer.origin == FILES else ())
                else:
                    reason = note(day, answer)
                    yield _mock(day, partial(_mock_orders, day, matches_around, settings), reason)


class _Seasons:
    """Asks once for each competition and season, and remembers the last season of each."""

    def __init__(self, api: HttpSession | SourceError, competitions: Sequence[str], days: Sequence[date]) -> None:
        self._api = api
        self._competitions = tuple(dict.fromkeys(competitions))
        self._days = days
        self._answers: dict[str, tuple[int, Answer]] = {}

    def answers_about(self, day: date) -> list[Answer]:
        """Return the answers of all competitions; after the first error no more are asked for."""
        answers: list[Answer] = []
        for competition in self._competitions:
            answers.append(self._answer_about(competition, day))
            if isinstance(answers[-1], SourceError):
                break
        return answers

    def _answer_about(self, competition: str, day: date) -> Answer:
        if isinstance(self._api, SourceError):
            return self._api
        season = football_data.season_of(competition, day)
        if self._answers.get(competition, (None,))[0] != season:
            days = [other for other in self._days if football_data.season_of(competition, other) == season]
            answer = _attempt(football_data.fetch_matches, self._api, competition, days[0], days[-1])
            self._answers[competition] = (season, answer)
            # Other final errors (a season outside the plan, say) are about this request only.
            if isinstance(answer, AuthenticationError):
                self._api = answer
        return self._answers[competition][1]


class _Shops:
    """Gives each day's orders from the first that has them: till exports, then the API."""

    def __init__(self, settings: Settings, api: HttpSession | SourceError) -> None:
        self._settings = settings
        self._files = _attempt(OrderFiles, settings) if settings.orders_files else None
        self._api = api

    def answers_about(self, days: Sequence[date]) -> dict[date, DayRecords | SourceError]:
        files = self._files
        covered = [day for day in days if isinstance(files, OrderFiles) and files.covers(day)]
        rest = [day for day in days if day not in covered]
        answers: dict[date, DayRecords | SourceError] = {}
        if isinstance(files, OrderFiles) and covered:
            answers |= _by_day(covered, _attempt(files.read, covered), FILES)
        if rest:
            answers |= _by_day(rest, files if isinstance(files, SourceError) else self._ask(rest), API)
        return answers

    def uncovered_cities(self, day: date) -> Sequence[str]:
        """Return the cities of which till exports do not tell all orders of the day."""
        return self._files.uncovered_cities(day) if isinstance(self._files, OrderFiles) else ()

    def _ask(self, days: Sequence[date]) -> Answer:
        if self._settings.dominos_api_key is None and isinstance(self._api, SourceError):
            uncovered = "no till export covers this day" if self._files else None
            return SourceError(uncovered or "neither DOMINOS_API_KEY nor ORDERS_FILES is set", final=True)
        if isinstance(self._api, SourceError):
            return self._api
        answer = _attempt(dominos.fetch_orders, self._api, self._settings, days[0], days[-1])
        if isinstance(answer, SourceError) and answer.final:
            self._api = answer
        return answer


def _attempt(ask: Callable[Asked, Given], *args: Asked.args, **kwargs: Asked.kwargs) -> Given | SourceError:
    try:
        return ask(*args, **kwargs)
    except SourceError as error:
        return error.with_traceback(None)


@contextmanager
def _opened(
    session: HttpSession | None, settings: Settings, open_session: Callable[[Settings], HttpSession]
) -> Iterator[HttpSession | SourceError]:
    """Give `session`, else one of our own, else why there is none."""
    own = None if session else _attempt(open_session, settings)
    try:
        yield session or own  # type: ignore[misc]  # one of the two is there
    finally:
        if isinstance(own, HttpSession):
            own.close()


@contextmanager
def _fallbacks(data_set: str, settings: Settings) -> Iterator[Callable[[date, SourceError], str]]:
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


def _by_day(days: Sequence[date], answer: Answer, origin: str) -> dict[date, DayRecords | SourceError]:
    if isinstance(answer, SourceError):
        return dict.fromkeys(days, answer)
    nothing = DayRecords(empty(DOMINOS_ORDERS), [])
    return {day: replace(answer.get(day, nothing), origin=origin) for day in days}


def _joined(competitions: Sequence[DayRecords]) -> DayRecords:
    """Join what several competitions gave for one day; of a match that two of them hold, the first is kept."""
    frames = [records.frame for records in competitions if not records.frame.empty]
    rejected = [reject for records in competitions for reject in records.rejected]
    raw = [match for records in competitions for match in records.raw or ()]
    if len(frames) < 2:
        return DayRecords(frames[0] if frames else empty(FOOTBALL_MATCHES), rejected, raw)
    matches = pd.concat(frames, ignore_index=True)
    valid, refused = split_valid(matches, FOOTBALL_MATCHES)
    raw_by_id = {str(match.get("id")).strip(): match for match in raw}
    rejected += [Rejected(raw_by_id[matches["match_id"][at]], why) for at, why in by_position(refused).items()]
    return DayRecords(valid.reset_index(drop=True), rejected, raw)


def _real(day: date, records: DayRecords, uncovered: Sequence[str] = ()) -> Collected:
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


def _mock_orders(day: date, matches_around: Callable[[date], pd.DataFrame], settings: Settings) -> pd.DataFrame:
    return mock_orders(day, matches_around(day), settings)


def _mock(day: date, make: Callable[[], pd.DataFrame], reason: str) -> Collected:
    return Collected(day, make, "mock", 0, (), reason, None)
