"""football-data.org, API v4: asking for matches, and reading them into the contract.

Belongs here: everything that is particular to this API. Does not belong here: falling back to mock
(``collect.py``), HTTP as such (``http.py``).

What its documents do not say loudly: ``fullTime`` includes the kicks of a shoot-out, so that goals in play are
fullTime - penalties; ``regularTime`` is often null where one would need it, and so are ``penalties``; ``winner``
is the winner of the tie, not of the match; a bad token is rejected with 400; ``season`` is the year in which a season
starts.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import numpy as np
import pandas as pd
import pyarrow
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from pizza_assets.contracts import FOOTBALL_MATCHES, arrow_schema, empty, from_arrow, split_valid
from pizza_assets.errors import SourceError
from pizza_assets.football.contract import PLAYED
from pizza_assets.platform.api import Api
from pizza_assets.platform.http import HttpSession
from pizza_assets.platform.paging import Page, all_pages, by_keys, count, listed, required
from pizza_assets.platform.rate_budget import RateBudget
from pizza_assets.platform.records import (
    DayRecords,
    Days,
    Rejected,
    as_record,
    by_position,
    days_within,
    found,
    utc_days,
)
from pizza_assets.reference import UNKNOWN_CITY, city_of_team, country_of_nation, fold
from pizza_assets.settings import Settings

#: Where the API does not tell seasons: competitions (code and number) whose season is taken to be a calendar year. All
#: others are taken to run from July to June.
CALENDAR_YEAR = frozenset({"BSA", "2013", "CLI", "2152", "WC", "2000", "EC", "2018"})
CUPS = ("CUP", "LEAGUE_CUP")
WITH_FINAL = (*CUPS, "PLAYOFFS")


def _instant(text: object) -> datetime:
    if not isinstance(text, str):
        raise ValueError("Input should be text such as 2024-05-19T15:00:00Z")
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("Input should be an ISO 8601 time such as 2024-05-19T15:00:00Z") from None
    if instant.tzinfo is None:
        raise ValueError("Input should have an offset from UTC, such as Z")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("Input should be a time that UTC can tell") from None


Text = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1)]
Instant = Annotated[datetime, BeforeValidator(_instant)]
Goals = Annotated[int, Field(strict=True, ge=0, le=999)]
Number = Annotated[int, Field(strict=True)]
Identity = Annotated[Number | Text, AfterValidator(str)]
Minute = Annotated[int, Field(strict=True, ge=0, le=150)]


class _Competition(BaseModel):
    code: Text
    type: str | None


class _Team(BaseModel):
    id: Number | None
    name: Text


class _Pair(BaseModel):
    home: Goals | None
    away: Goals | None


class _Score(BaseModel):
    duration: Text | None
    fullTime: _Pair | None  # noqa: N815  # the API's name
    halfTime: _Pair | None  # noqa: N815  # the API's name
    #: Only where there was a shoot-out.
    penalties: _Pair | None = None
    #: Only where there was extra time, and not always then.
    regularTime: _Pair | None = None  # noqa: N815  # the API's name
    extraTime: _Pair | None = None  # noqa: N815  # the API's name


_NO_PAIR = _Pair(home=None, away=None)
_NO_SCORE = _Score(duration=None, fullTime=None, halfTime=None)


class _Match(BaseModel):
    id: Identity
    utcDate: Instant  # noqa: N815  # the API's name
    status: Text
    stage: Text | None
    area: object = None
    competition: _Competition
    homeTeam: _Team  # noqa: N815  # the API's name
    awayTeam: _Team  # noqa: N815  # the API's name
    score: _Score | None
    goals: object = None


class _Period(BaseModel):
    startDate: date  # noqa: N815  # the API's name
    endDate: date  # noqa: N815  # the API's name


class _Seasons(BaseModel):
    seasons: list[_Period]
    currentSeason: _Period | None = None  # noqa: N815  # the API's name


class _Scorer(BaseModel):
    id: Number


class _Goal(BaseModel):
    minute: Minute
    type: str | None = None
    team: _Scorer


_GOALS = TypeAdapter(list[_Goal])
_ONE_DAY = timedelta(days=1)


def open_session(
    settings: Settings, *, budget: RateBudget | None = None, sleep: Callable[[float], None] = time.sleep
) -> HttpSession:
    """Return a session for the API. ``FOOTBALL_API_KEY`` must be set."""
    if settings.football_api_key is None:
        raise SourceError("FOOTBALL_API_KEY is not set", final=True)
    api = Api(
        name="football-data.org",
        url=str(settings.football_api_url),
        url_setting="FOOTBALL_API_URL",
        token=settings.football_api_key,
        key_setting="FOOTBALL_API_KEY",
        header="X-Auth-Token",
        scheme="",
        headers={"X-Unfold-Goals": "true"},
    )
    return HttpSession(api, settings, budget=budget, sleep=sleep)


@dataclass(frozen=True)
class Season:
    """The days (UTC, inclusive) of a season, and the years by which the API may know it.

    Of a season that the API told that is one, the year of its start.
    """

    first: date
    last: date
    years: tuple[int, ...]

    def holds(self, day: date) -> bool:
        """Tell whether a day is of the season."""
        return self.first <= day <= self.last


def fetch_seasons(session: HttpSession, competition: str) -> tuple[Season, ...] | None:
    """Ask once for the seasons of a competition, from a day before the start to a day after the end.

    Returns
    -------
    tuple or None
        None when the answer does not tell them.

    Raises
    ------
    NotFoundError
        When the API has nothing about the competition.
    SourceError
        When the API does not answer.
    """
    try:
        told = _Seasons.model_validate(session.get(f"competitions/{competition}", {}))
    except ValidationError:
        return None
    periods = {(season.startDate, season.endDate) for season in (*told.seasons, told.currentSeason) if season}
    return tuple(Season(start - _ONE_DAY, end + _ONE_DAY, (start.year,)) for start, end in sorted(periods)) or None


def likely_season(competition: str, day: date) -> Season:
    """Return the season that a day is taken to be of, where the API does not tell seasons: likely, and those beside."""
    if competition in CALENDAR_YEAR:
        return Season(date(day.year, 1, 1), date(day.year, 12, 31), (day.year, day.year - 1))
    year = day.year if day.month >= 7 else day.year - 1
    return Season(date(year, 7, 1), date(year + 1, 6, 30), (year, year - 1, year + 1))


def fetch_matches(session: HttpSession, competition: str, year: int, first: date, last: date) -> dict[date, DayRecords]:
    """Ask once for the matches of one season of a competition, from `first` to `last` (UTC, inclusive).

    Returns
    -------
    dict
        What was received, by UTC day of kick-off; days without matches are missing. A record whose time cannot
        be read counts for the day of the nearest earlier record, else of the nearest later.

    Raises
    ------
    NotFoundError
        When the competition does not have the season, or the API not the competition.
    SourceError
        When the API does not answer, or not with matches.
    """
    period = {
        "season": str(year),
        "dateFrom": first.isoformat(),
        # A day more than asked for: it is nowhere written that dateTo is inclusive.
        "dateTo": (last + _ONE_DAY).isoformat(),
    }

    def ask(_: str) -> Page:
        reply = session.ask(f"competitions/{competition}/matches", period)
        matches = required(session.api, reply.value, "matches")
        rows = [] if matches is None else listed(session.api, reply.value, "matches")
        total = count(session.api, required(session.api, reply.value, "resultSet"), "count", "resultSet.")
        return Page(reply, rows, total, None)

    # The API has no pages; its count is compared with what arrived all the same.
    what = f"matches of {competition} from {first} to {last}"
    (answer,) = all_pages(session.api, what, ask, by_keys("id"))
    raw = answer.rows
    frame, reasons = read_matches(raw)
    if raw and frame.empty:
        raise SourceError(
            f"{session.api.name}: not one of {len(raw)} matches of {competition} could be read; the first: "
            f"{next(iter(reasons.values()))}. Check FOOTBALL_API_URL: it must be an API of version 4."
        )
    kick_offs = pd.Series([_kick_off(record) for record in raw], dtype="datetime64[us, UTC]")
    return _by_day(raw, days_within(utc_days(kick_offs), first, last), frame, reasons)


def _kick_off(record: object) -> datetime | None:
    try:
        return _instant(as_record(record).get("utcDate"))
    except ValueError:
        return None


def _by_day(
    raw: Sequence[object], days: Days, frame: pd.DataFrame, reasons: Mapping[int, str]
) -> dict[date, DayRecords]:
    records: dict[date, DayRecords] = {}
    for day in np.unique(days):
        at = [int(position) for position in np.flatnonzero(days == day)]
        records[day.item()] = DayRecords(
            frame=frame[frame.index.isin(at)].reset_index(drop=True),
            rejected=[Rejected(as_record(raw[i]), reasons[i]) for i in at if i in reasons],
            raw=[as_record(raw[i]) for i in at],
        )
    return records


def read_matches(raw: Sequence[object]) -> tuple[pd.DataFrame, dict[int, str]]:
    """Read the API's match objects.

    Returns
    -------
    frame : DataFrame
        The matches that keep the contract ``football_matches``; the index is the position in `raw`.
    reasons : dict
        Why each other record was rejected, by its position in `raw`.
    """
    rows: dict[int, Mapping[str, object]] = {}
    reasons: dict[int, str] = {}
    for position, record in enumerate(raw):
        try:
            rows[position] = _row(_Match.model_validate(record))
        except ValidationError as error:
            reasons[position] = "; ".join(map(_problem, error.errors(include_url=False)))
        except _UnusableError as error:
            reasons[position] = str(error)
    valid, rejected = valid_matches(rows)
    return valid, reasons | rejected


def valid_matches(rows: Mapping[int, Mapping[str, object]]) -> tuple[pd.DataFrame, dict[int, str]]:
    """Return the rows that keep the contract ``football_matches``, and why each other does not, by position."""
    if not rows:  # as most days of a competition are
        return empty(FOOTBALL_MATCHES), {}
    table = pyarrow.Table.from_pylist(list(rows.values()), schema=arrow_schema(FOOTBALL_MATCHES))
    frame = from_arrow(table, FOOTBALL_MATCHES).set_axis(list(rows), axis="index")
    valid, violations = split_valid(frame, FOOTBALL_MATCHES)
    return valid, by_position(violations)


def _problem(of: ErrorDetails) -> str:
    """Return in words what is wrong with one field."""
    field = ".".join(map(str, of["loc"])) or "record"
    if of["type"] == "missing":
        return f"{field} is missing: found the keys {sorted(of['input'])[:20]}"
    return f"{field} = {found(of['input'])}: {of['msg']}"


class _UnusableError(Exception):
    """A record of the right form that cannot be stored."""


def _row(match: _Match) -> dict[str, object]:
    is_one = match.homeTeam.id is not None and match.homeTeam.id == match.awayTeam.id
    if is_one or fold(match.homeTeam.name) == fold(match.awayTeam.name):
        raise _UnusableError(f"{match.homeTeam.name} against itself: expected two teams")
    score = match.score or _NO_SCORE
    played = _score_in_play(score) if match.status == PLAYED else None
    home, away = played or (None, None)
    half_time = (score.halfTime if played else None) or _NO_PAIR
    home_minutes, away_minutes = _goal_minutes(match, played)
    return {
        "match_id": match.id,
        "timestamp": match.utcDate,
        "home_team": match.homeTeam.name,
        "away_team": match.awayTeam.name,
        "home_score": home,
        "away_score": away,
        "event_type": played and event_type(*played),
        "match_significance": significance(match.stage, match.competition.type),
        "data_source": "real",
        "competition": match.competition.code,
        "stage": match.stage or "UNKNOWN",
        "status": match.status,
        "duration": score.duration or "REGULAR",
        "home_half_time_score": half_time.home,
        "away_half_time_score": half_time.away,
        "home_city": _city(match, match.homeTeam),
        "away_city": _city(match, match.awayTeam),
        "home_goal_minutes": home_minutes,
        "away_goal_minutes": away_minutes,
        "home_team_id": None if match.homeTeam.id is None else str(match.homeTeam.id),
        "away_team_id": None if match.awayTeam.id is None else str(match.awayTeam.id),
    }


def _city(match: _Match, team: _Team) -> str:
    area = as_record(match.area).get("name")
    return city_of_team(team.name, match.competition.code, area if isinstance(area, str) else None)


def unknown_clubs(matches: pd.DataFrame) -> list[str]:
    """Return clubs whose city is not known, with their competition, once for each match; national teams are none."""
    return sorted(
        f"{' '.join(name.split())} ({competition})"
        for side in ("home", "away")
        for name, city, competition in zip(
            matches[f"{side}_team"], matches[f"{side}_city"], matches["competition"], strict=True
        )
        if city == UNKNOWN_CITY and country_of_nation(name) is None
    )


def _score_in_play(score: _Score) -> tuple[int, int]:
    """Return the goals of both sides without the kicks of a shoot-out.

    They are those of regular and extra time where both are told, else fullTime less the kicks.
    """
    full, kicks = _pair(score.fullTime), _pair(score.penalties)
    if full is None:
        raise _UnusableError(
            f"score.fullTime = {found((score.fullTime or _NO_PAIR).model_dump())}: a match that is {PLAYED} has a score"
        )
    regular, extra = _pair(score.regularTime), _pair(score.extraTime)
    in_play = regular and (regular if score.duration in (None, "REGULAR") else extra and _sum(regular, extra))
    has_kicks = score.duration == "PENALTY_SHOOTOUT"
    if in_play is None:
        if has_kicks and kicks is None:
            raise _UnusableError(
                "score.penalties = None: without them the goals in play before a shoot-out are not known"
            )
        in_play = (full[0] - kicks[0], full[1] - kicks[1]) if kicks else full
        if min(in_play) < 0:
            raise _UnusableError(f"score = {found(score.model_dump())}: fullTime includes penalties, cannot be less")
        if regular and (in_play[0] < regular[0] or in_play[1] < regular[1]):
            raise _UnusableError(f"score = {found(score.model_dump())}: regularTime is more than fullTime")
        return in_play
    # Most answers count the kicks in fullTime, some do not.
    agrees = full in (in_play, _sum(in_play, kicks or (0, 0)))
    if not agrees and not (has_kicks and kicks is None and full[0] >= in_play[0] and full[1] >= in_play[1]):
        raise _UnusableError(f"score = {found(score.model_dump())}: fullTime is not the sum of its parts")
    return in_play


def _pair(of: _Pair | None) -> tuple[int, int] | None:
    return None if of is None or of.home is None or of.away is None else (of.home, of.away)


def _sum(first: tuple[int, int], second: tuple[int, int]) -> tuple[int, int]:
    return first[0] + second[0], first[1] + second[1]


def event_type(home: int, away: int) -> str:
    """Return the result of a score, seen from the home side."""
    return "draw" if home == away else "win" if home > away else "loss"


def significance(stage: str | None, kind: str | None) -> str:
    """Return the significance of a match, by its stage and its competition's kind, as the API names both."""
    if stage == "FINAL" and kind in WITH_FINAL:
        return "final"
    return "tournament" if kind in CUPS else "regular"


def _goal_minutes(match: _Match, played: tuple[int, int] | None) -> tuple[list[int] | None, list[int] | None]:
    """Return the minutes of each side's goals when they agree with the score, else nothing.

    A minute of stoppage time counts as the last minute of its half. An own goal is booked for the side that gains
    it; where that does not add up to the score, for the side of the player, which is then turned round.
    """
    try:
        goals = _GOALS.validate_python(match.goals)
    except ValidationError:
        return None, None
    sides = (match.homeTeam.id, match.awayTeam.id)
    if played is None or None in sides or any(goal.team.id not in sides for goal in goals):
        return None, None
    for own_goals_turned in (False, True):
        minutes: tuple[list[int], list[int]] = ([], [])
        for goal in goals:
            at_home = (goal.team.id == sides[0]) != (own_goals_turned and goal.type == "OWN")
            minutes[0 if at_home else 1].append(goal.minute)
        if (len(minutes[0]), len(minutes[1])) == played:
            return sorted(minutes[0]), sorted(minutes[1])
    return None, None
