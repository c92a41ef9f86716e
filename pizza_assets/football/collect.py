"""Matches of each day: from files, else the API, else mock, with the reason.

Belongs here: which source gives a day of matches. Does not belong here: reading a source (``football_data``,
``match_files``), making mock matches (``mock``), storing anything.

Each competition is judged by itself: a day is real when one of them answers, and says which others are unknown.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import TypeVar

import pandas as pd

from pizza_assets.contracts import FOOTBALL_MATCHES, empty, split_valid
from pizza_assets.errors import LakeError, SourceError
from pizza_assets.football import football_data
from pizza_assets.football.contract import BEGUN, PLAYED
from pizza_assets.football.football_data import Season
from pizza_assets.football.match_files import MatchFiles
from pizza_assets.football.mock import mock_matches
from pizza_assets.platform.api import AuthenticationError, NotFoundError
from pizza_assets.platform.collected import Answer, Collected, attempt, fallbacks, mock_day, opened, real_day
from pizza_assets.platform.http import HttpSession
from pizza_assets.platform.kept import Kept
from pizza_assets.platform.records import DayRecords, Rejected, by_position, emptied
from pizza_assets.settings import Settings

#: What a match that was begun may be called later, although people watched it.
_DECIDED = ("AWARDED", "CANCELLED", "POSTPONED")

#: Why a real day that cannot be read is not replaced.
_UNREADABLE = (
    "what is stored of it cannot be read, and not every competition gives matches, so some might be lost. {damage} "
    "To have the day without them: pizza-assets lake remove, then run the day again."
)

Result = TypeVar("Result")


@dataclass(frozen=True)
class StoredMatches:
    """A real day of matches as the lake has it, and the competitions whose matches of the day it knows."""

    records: DayRecords
    competitions: Collection[str]


def _nothing_stored(day: date) -> None:
    del day


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
        opened(session, settings, football_data.open_session) as api,
        fallbacks("football matches", settings) as note,
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
                yield mock_day(day, partial(mock_matches, day, settings), note(day, error))


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
        self._listed: dict[str, tuple[Season, ...] | SourceError | None] = {}
        self._answers: dict[str, dict[Season, Answer]] = {}

    def answers_about(self, day: date, competitions: Sequence[str]) -> dict[str, DayRecords | SourceError]:
        """Return the answer of each competition; after a token is rejected no more are asked for."""
        return {competition: self._answer_about(competition, day) for competition in competitions}

    def _answer_about(self, competition: str, day: date) -> DayRecords | SourceError:
        listed = self._seasons_of(competition)
        if isinstance(listed, SourceError) and not isinstance(listed, NotFoundError):
            return listed
        seasons = listed if isinstance(listed, tuple) else (football_data.likely_season(competition, day),)
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
        if competition not in self._listed:
            self._listed[competition] = self._noted(attempt(football_data.fetch_seasons, self._api, competition))
        return self._listed[competition]

    def _matches(self, competition: str, season: Season) -> Answer:
        """Return the matches of the days of a season.

        A season that the competition does not have has none; one that the API itself has told has to be there.
        """
        answers = [self._ask(competition, season, year) for year in season.years]
        found = [answer for answer in answers if not isinstance(answer, NotFoundError)]
        error = next((answer for answer in found if isinstance(answer, SourceError)), None)
        if not found and isinstance(self._listed[competition], NotFoundError):
            error = SourceError(
                f"football-data.org has no competition {competition}. Correct FOOTBALL_COMPETITIONS.", final=True
            )
        elif not found and isinstance(self._listed[competition], tuple):
            error = SourceError(
                f"football-data.org lists the season {season.years[0]} of {competition}, but has none of its "
                "matches (404). Try again later.",
                final=True,
            )
        return error or _of_years([answer for answer in found if not isinstance(answer, SourceError)])

    def _ask(self, competition: str, season: Season, year: int) -> Answer:
        if isinstance(self._api, SourceError):
            return self._api
        days = [day for day in self._days[competition] if season.holds(day)]
        return self._noted(attempt(football_data.fetch_matches, self._api, competition, year, days[0], days[-1]))

    def _noted(self, answer: Result) -> Result:
        # Other final errors (a season outside the plan, say) are about this request only.
        if isinstance(answer, AuthenticationError):
            self._api = answer
        return answer


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
    return replace(real_day(day, joined), competitions=known, unknown=unknown, kept=kept)


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
