"""Real data first, mock where the source fails: says which, and why. What is rejected is handed on, whole.

Belongs here: which source gives a day, and the fallback. Does not belong here: asking and reading (the module of
each source), making mock data (``mock``), storing anything.

A day is all real or all mock; one that is real in the lake is never mock again, but kept. Competitions stand for
themselves: a day is real when one of them answers, and says which others are unknown. Till exports that are named and
cannot be read are an error. Days come lazily and in order, so that memory does not grow with their number.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property, partial
from typing import ParamSpec, TypeVar

import pandas as pd

from pizza_assets.contracts import DOMINOS_ORDERS, FOOTBALL_MATCHES, empty, split_valid
from pizza_assets.errors import LakeError, SourceError
from pizza_assets.football import football_data
from pizza_assets.football.contract import BEGUN, PLAYED
from pizza_assets.football.football_data import Season
from pizza_assets.football.match_files import MatchFiles
from pizza_assets.football.mock import mock_matches
from pizza_assets.orders import dominos
from pizza_assets.orders.files import OrderFiles
from pizza_assets.orders.mock import mock_orders
from pizza_assets.platform.api import AuthenticationError, NotFoundError
from pizza_assets.platform.columns import Source
from pizza_assets.platform.http import HttpSession
from pizza_assets.platform.kept import Kept
from pizza_assets.platform.records import DayRecords, Rejected, by_position, chunks, emptied
from pizza_assets.settings import Settings

__all__ = ["Collected", "Rejected", "StoredMatches", "collect_matches", "collect_orders"]

_LOGGER = logging.getLogger("pizza_assets.sources")

#: Orders are held for at most this many days at a time.
DAYS_AT_A_TIME = 31

#: What a match that was begun may be called later, although people watched it.
_DECIDED = ("AWARDED", "CANCELLED", "POSTPONED")

#: Where real orders come from.
FILES, API = "till exports", "Domino's orders API"

#: Why a real day that cannot be read is not replaced.
_UNREADABLE = (
    "what is stored of it cannot be read, and not every competition gives matches, so some might be lost. {damage} "
    "To have the day without them: pizza-assets lake remove, then run the day again."
)

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


@dataclass(frozen=True)
class StoredMatches:
    """A real day of matches as the lake has it, and the competitions whose matches of the day it knows."""

    records: DayRecords
    competitions: Collection[str]


def _nothing_stored(day: date) -> None:
    del day


def _not_real(day: date) -> int | None:
    del day
    return None


def collect_matches(
    days: Sequence[date],
    settings: Settings,
    stored: Callable[[date], StoredMatches | None] = _nothing_stored,
    *,
    session: HttpSession | None = None,
) -> Iterator[Collected | Kept]:
    """Yield the football matches of each UTC day, in the order of days.

    Competitions of ``MATCHES_FILES`` come from there on the days that the files cover; the API is asked for the others
    of ``FOOTBALL_COMPETITIONS`` where its token is set. A day is real when one competition answers. Of one that does
    not, the stored matches of the day stay where they are known, else its matches of the day are unknown. When none
    answers the day is kept where it is real, else mock. An
    answer without matches of a day is no answer about those that are stored, unless it has them on another day. A match
    that is stored as begun stays, whatever the answer calls it now. A real day that cannot be read any more is kept,
    unless all competitions answer, each with matches of this or another day.

    Parameters
    ----------
    days
        UTC days of kick-off, in any order.
    settings
        Token, competitions, limits, and whether mock data may stand in.
    stored
        Returns a day as the lake has it; None where it has none, or a mock one. Raises LakeError where the day is
        damaged.
    session
        To ask with, and to read ``calls`` from afterwards; by default one is opened and closed.

    Raises
    ------
    SourceError
        When a day would be mock, and ``PIZZA_ALLOW_MOCK`` is false; and, before the first day, when ``MATCHES_FILES``
        names what is not there or cannot be read: a sentence for each cause.
    SettingsError
        When ``FOOTBALL_API_URL`` is no address that a token may be sent to.
    """
    ordered = sorted(set(days))
    with (
        _opened(session, settings, football_data.open_session) as api,
        _fallbacks("football matches", settings) as note,
    ):
        sources = _Competitions(settings, api, ordered)
        for day in ordered:
            answers = sources.answers_about(day)
            try:
                before = stored(day)
            except LakeError as damage:
                # Nobody knows what is stored, so no competition's matches can stay, nor be missed.
                if not sources.are_whole(answers):
                    yield Kept(day, _UNREADABLE.format(damage=damage))
                    continue
                before = None
            if before is not None:
                answers = {name: sources.checked(day, name, answer, before) for name, answer in answers.items()}
            errors = {name: answer for name, answer in answers.items() if isinstance(answer, SourceError)}
            if len(errors) < len(answers):
                yield _matches_of(day, answers, errors, before)
                continue
            error = next(iter(errors.values()))
            if before is not None:
                yield Kept(day, str(error))
            else:
                yield _mock(day, partial(mock_matches, day, settings), note(day, error))


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
    with _opened(session, settings, dominos.open_session) as api, _fallbacks("pizza orders", settings) as note:
        shops = _Shops(settings, api)
        for chunk in chunks(sorted(set(days)), DAYS_AT_A_TIME):
            answers = shops.answers_about(chunk)
            for day in chunk:
                answer = answers[day]
                rows = real_rows(day) if isinstance(answer, SourceError) or not answer.received else None
                if isinstance(answer, DayRecords):
                    uncovered = shops.uncovered_cities(day) if answer.origin == FILES else ()
                    kept = Kept(day, emptied(answer.origin, "orders", day, rows)) if rows else None
                    yield kept or _real(day, answer, uncovered)
                elif rows is not None:
                    yield Kept(day, str(answer))
                else:
                    yield _mock(day, partial(_mock_orders, day, matches_around, settings), note(day, answer))


class _Competitions:
    """Gives each competition's matches of a day from the first that has them: files, then the API."""

    def __init__(self, settings: Settings, api: HttpSession | SourceError, days: Sequence[date]) -> None:
        self._files = MatchFiles(settings) if settings.matches_files else None
        asks = self._files is None or settings.football_api_key is not None or not isinstance(api, SourceError)
        self._names = tuple(dict.fromkeys(settings.football_competitions)) if asks else ()
        in_files = self._files.covers if self._files else _covers_nothing
        self._seasons = _Seasons(api, {name: [day for day in days if not in_files(name, day)] for name in self._names})

    def answers_about(self, day: date) -> dict[str, DayRecords | SourceError]:
        """Return the answer of each competition, those of files last."""
        of_files = self._files.answers_about(day) if self._files else {}
        asked = [name for name in self._names if not isinstance(of_files.get(name), DayRecords)]
        return {**of_files, **self._seasons.answers_about(day, asked)}

    def checked(
        self, day: date, competition: str, answer: DayRecords | SourceError, before: StoredMatches
    ) -> DayRecords | SourceError:
        """Return an answer, or an error where it is empty and a stored match of the day is on no other day either."""
        if isinstance(answer, SourceError) or answer.received:
            return answer
        given = self._ids(competition, answer)
        rows = (~_stored_part(before.records, [competition], ()).frame["match_id"].isin(given)).sum()
        name = answer.origin or "football-data.org"
        return SourceError(emptied(f"{name}, {competition}", "matches", day, rows)) if rows else answer

    def are_whole(self, answers: Mapping[str, DayRecords | SourceError]) -> bool:
        """Tell whether every competition answered with matches, of whichever day: then a day without some has none."""
        return all(isinstance(answer, DayRecords) and self._ids(name, answer) for name, answer in answers.items())

    def _ids(self, competition: str, answer: DayRecords) -> Collection[str]:
        """Return the ids of all matches that came with the answer about a day, on whichever day."""
        return self._files.ids if self._files and answer.origin else self._seasons.ids(competition)


def _covers_nothing(competition: str, day: date) -> bool:
    del competition, day
    return False


class _Seasons:
    """Asks each competition once for its seasons and once for the matches of each; remembers those of a day."""

    def __init__(self, api: HttpSession | SourceError, days: Mapping[str, Sequence[date]]) -> None:
        self._api = api
        self._days = days
        self._told: dict[str, tuple[Season, ...] | SourceError | None] = {}
        self._answers: dict[str, dict[Season, Answer]] = {}

    def answers_about(self, day: date, competitions: Sequence[str]) -> dict[str, DayRecords | SourceError]:
        """Return the answer of each competition; after a token is rejected no more are asked for."""
        return {competition: self._answer_about(competition, day) for competition in competitions}

    def _answer_about(self, competition: str, day: date) -> DayRecords | SourceError:
        told = self._seasons_of(competition)
        if isinstance(told, SourceError) and not isinstance(told, NotFoundError):
            return told
        seasons = told if isinstance(told, tuple) else (football_data.likely_season(competition, day),)
        remembered = self._answers.get(competition, {})
        self._answers[competition] = {
            season: remembered[season] if season in remembered else self._matches(competition, season)
            for season in seasons
            if season.holds(day)
        }
        answers = self._answers[competition].values()
        error = next((answer for answer in answers if isinstance(answer, SourceError)), None)
        return error or _joined([a[day] for a in answers if not isinstance(a, SourceError) and day in a])

    def ids(self, competition: str) -> Collection[str]:
        """Return the ids of all matches that the remembered seasons of a competition gave, on whichever day."""
        given = (of_day for season in self._answers[competition].values() for of_day in _days_of(season))
        return {match_id for records in given for match_id in records.frame["match_id"]}

    def _seasons_of(self, competition: str) -> tuple[Season, ...] | SourceError | None:
        if isinstance(self._api, SourceError):
            return self._api
        if competition not in self._told:
            self._told[competition] = self._noted(_attempt(football_data.fetch_seasons, self._api, competition))
        return self._told[competition]

    def _matches(self, competition: str, season: Season) -> Answer:
        """Return the matches of the days of a season.

        A season that the competition does not have has none; one that the API itself has told has to be there.
        """
        answers = [self._ask(competition, season, year) for year in season.years]
        found = [answer for answer in answers if not isinstance(answer, NotFoundError)]
        error = next((answer for answer in found if isinstance(answer, SourceError)), None)
        if not found and isinstance(self._told[competition], NotFoundError):
            error = SourceError(
                f"football-data.org has no competition {competition}. Correct FOOTBALL_COMPETITIONS.", final=True
            )
        elif not found and isinstance(self._told[competition], tuple):
            error = SourceError(
                f"football-data.org tells of the season {season.years[0]} of {competition}, and does not have its "
                "matches (404). Ask again later.",
                final=True,
            )
        return error or _of_years([answer for answer in found if not isinstance(answer, SourceError)])

    def _ask(self, competition: str, season: Season, year: int) -> Answer:
        if isinstance(self._api, SourceError):
            return self._api
        days = [day for day in self._days[competition] if season.holds(day)]
        return self._noted(_attempt(football_data.fetch_matches, self._api, competition, year, days[0], days[-1]))

    def _noted(self, answer: Given) -> Given:
        # Other final errors (a season outside the plan, say) are about this request only.
        if isinstance(answer, AuthenticationError):
            self._api = answer
        return answer


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


def _days_of(answer: Answer) -> Collection[DayRecords]:
    return () if isinstance(answer, SourceError) else answer.values()


def _matches_of(
    day: date,
    answers: Mapping[str, DayRecords | SourceError],
    errors: Mapping[str, SourceError],
    before: StoredMatches | None,
) -> Collected:
    """Put a real day together: what competitions gave, and what is stored of those that gave nothing."""
    parts = [answer for answer in answers.values() if isinstance(answer, DayRecords)]
    kept = {name: str(error) for name, error in errors.items() if before and name in before.competitions}
    if before and kept:
        parts.append(_stored_part(before.records, kept, parts))
    unknown = {name: str(error) for name, error in errors.items() if name not in kept}
    known = [name for name in answers if name not in unknown]
    joined = _joined(parts)
    if before:
        joined = _with_begun(joined, before.records)
    return replace(_real(day, joined), competitions=known, unknown=unknown, kept=kept)


def _with_begun(records: DayRecords, stored: DayRecords) -> DayRecords:
    """Return the matches of a day with those that were begun on it, whatever became of them since.

    People watched a match that was abandoned and played again on another day, and one that was decided at a table after
    it was played: both stay as they are stored.
    """
    before = stored.frame[stored.frame["status"].isin([PLAYED, *BEGUN])]
    now = records.frame
    decided = now[now["status"].isin(_DECIDED)]
    is_decided = before["match_id"].isin(decided["match_id"])
    is_gone = before["status"].isin(BEGUN) & ~before["match_id"].isin(now["match_id"])
    ids = set(before.loc[is_decided | is_gone, "match_id"])
    if not ids:
        return records
    together = [now[~now["match_id"].isin(ids)], before[before["match_id"].isin(ids)]]
    raw = [match for match in records.raw or () if str(match.get("id")).strip() not in ids]
    raw += [match for match in stored.raw or () if str(match.get("id")).strip() in ids]
    frame = pd.concat([part for part in together if len(part)], ignore_index=True)
    return replace(records, frame=frame, raw=raw)


def _stored_part(records: DayRecords, competitions: Collection[str], received: Sequence[DayRecords]) -> DayRecords:
    """Return what is stored of these competitions, and rejects that tell no competition and did not come again.

    A competition is named by its code or its number, rows have codes only: their source's objects have both.
    """
    again = [record for part in received for record in part.raw or ()]

    def stays(record: Mapping[str, object]) -> bool:
        competition = record.get("competition")
        names = [competition.get("code"), str(competition.get("id"))] if isinstance(competition, Mapping) else []
        return any(name in competitions for name in names) or (not names and record not in again)

    raw = [record for record in records.raw or () if stays(record)]
    ids = {str(record.get("id")).strip() for record in raw}
    is_kept = records.frame["competition"].isin(list(competitions)) | records.frame["match_id"].isin(ids)
    return DayRecords(
        records.frame[is_kept].reset_index(drop=True), [item for item in records.rejected if stays(item.record)], raw
    )


def _of_years(answers: Sequence[Mapping[date, DayRecords]]) -> dict[date, DayRecords]:
    """Put the seasons of one competition together; an API that gives the same whatever the season is taken once."""
    parts: dict[date, list[DayRecords]] = {}
    for answer in answers:
        for day, records in answer.items():
            of_day = parts.setdefault(day, [])
            if all(records.raw != part.raw for part in of_day):
                of_day.append(records)
    return {day: _joined(of_day) for day, of_day in parts.items()}


def _joined(competitions: Sequence[DayRecords]) -> DayRecords:
    """Join what several competitions gave for one day; of a match that two of them hold, the first is kept."""
    origin = ", ".join(dict.fromkeys(records.origin for records in competitions if records.origin))
    set_aside = [item for records in competitions for item in records.set_aside]
    frames = [records.frame for records in competitions if not records.frame.empty]
    rejected = [reject for records in competitions for reject in records.rejected]
    raw = [match for records in competitions for match in records.raw or ()]
    if len(frames) < 2:
        return DayRecords(frames[0] if frames else empty(FOOTBALL_MATCHES), rejected, raw, origin, set_aside)
    matches = pd.concat(frames, ignore_index=True)
    valid, violations = split_valid(matches, FOOTBALL_MATCHES)
    reasons = by_position(violations)
    # Two teams meet once a day at one's ground, whatever two competitions call the match.
    first = valid.groupby(["home_team", "away_team"])["competition"].transform("first")
    again = valid[valid.duplicated(["home_team", "away_team"]) & (valid["competition"] != first)]
    reasons |= {int(str(at)): f"the same match of this day is listed under {first[at]}, too" for at in again.index}
    valid = valid.drop(index=again.index)
    raw_by_id = {str(match.get("id")).strip(): match for match in raw}
    ids = {at: matches["match_id"][at] for at in reasons}
    rejected += [Rejected(raw_by_id.get(ids[at], {"id": ids[at]}), why) for at, why in reasons.items()]
    return DayRecords(valid.reset_index(drop=True), rejected, raw, origin, set_aside)


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
