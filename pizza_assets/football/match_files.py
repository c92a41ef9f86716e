"""Matches from the files that ``MATCHES_FILES`` names; they count as real matches.

Belongs here: files as one of the sources of a day. Does not belong here: reading them (``fixtures/``), falling back
(``collect.py``).
"""

from collections.abc import Mapping
from datetime import date

from pizza_assets.errors import SourceError
from pizza_assets.football.fixtures.book import Aside, FixtureBook, Match
from pizza_assets.football.fixtures.files import read_fixtures
from pizza_assets.football.football_data import event_type, significance, valid_matches
from pizza_assets.platform.records import DayRecords, Rejected
from pizza_assets.settings import Settings

#: Where real matches come from, when they come from files.
FIXTURE_FILES = "fixtures files"


class MatchFiles:
    """The matches of the files that ``MATCHES_FILES`` names.

    Raises
    ------
    SourceError
        When there is none, or some cannot be read: a line for each, with what was expected and what was found.
    """

    def __init__(self, settings: Settings) -> None:
        try:
            self._book = FixtureBook(read_fixtures(settings.matches_files))
        except SourceError as error:
            raise SourceError(f"MATCHES_FILES: {error}", final=True) from None
        self._matches: dict[tuple[date, str], dict[str, Match]] = {}
        for match_id, match in self._book.matches.items():
            self._matches.setdefault((match.day, match.fixture.competition), {})[match_id] = match
        self._aside: dict[tuple[date, str], list[Aside]] = {}
        for aside in self._book.aside:
            self._aside.setdefault((aside.day, aside.competition), []).append(aside)
        self.competitions = tuple(dict.fromkeys(season.competition for season in self._book.seasons))
        #: Ids of all matches, on whichever day.
        self.ids = frozenset(self._book.matches)

    def covers(self, competition: str, day: date) -> bool:
        """Tell whether the files have all matches of a competition on a UTC day."""
        return self._book.covers(competition, day)

    def knows(self, day: date) -> bool:
        """Tell whether the files have all matches of some competition on a UTC day."""
        return any(self.covers(name, day) for name in self.competitions)

    def answers_about(self, day: date) -> dict[str, DayRecords | SourceError]:
        """Return the matches of a UTC day by competition; an error where the files do not cover it."""
        return {
            name: self._records(day, name) if self.covers(name, day) else _uncovered(name) for name in self.competitions
        }

    def _records(self, day: date, competition: str) -> DayRecords:
        matches = self._matches.get((day, competition), {})
        objects = [_object(match_id, match) for match_id, match in matches.items()]
        frame, reasons = valid_matches(dict(enumerate(_row(*item) for item in matches.items())))
        rejected = [Rejected(objects[at], reason) for at, reason in reasons.items()]
        set_aside: list[Rejected] = []
        for aside in self._aside.get((day, competition), []):
            record = {
                "competition": {"code": competition},
                "file": aside.fixture.source,
                "row": aside.fixture.row,
                "record": dict(aside.fixture.record),
            }
            objects.append(record)
            (rejected if aside.is_rejected else set_aside).append(Rejected(record, aside.reason))
        return DayRecords(frame.reset_index(drop=True), rejected, objects, FIXTURE_FILES, set_aside)


def _uncovered(competition: str) -> SourceError:
    return SourceError(f"no file of MATCHES_FILES covers {competition} on this day", final=True)


def _object(match_id: str, match: Match) -> dict[str, object]:
    """Return a match as it came, with what names it."""
    fixture = match.fixture
    return {
        "id": match_id,
        "competition": {"code": fixture.competition},
        "file": fixture.source,
        "row": fixture.row,
        "record": dict(fixture.record),
    }


def _row(match_id: str, match: Match) -> Mapping[str, object]:
    fixture = match.fixture
    is_played = match.status.startswith("FINISHED")
    score = fixture.score if is_played else None
    half_time = (score.half_time if score else None) or (None, None)
    return {
        "match_id": match_id,
        "timestamp": match.kick_off,
        "home_team": fixture.home,
        "away_team": fixture.away,
        "home_score": score and score.home,
        "away_score": score and score.away,
        "event_type": score and event_type(score.home, score.away),
        "match_significance": significance(fixture.stage, "CUP" if fixture.is_cup else "LEAGUE"),
        "data_source": "real",
        "competition": fixture.competition,
        "stage": fixture.stage,
        "status": match.status,
        "duration": score.duration if score else "REGULAR",
        "home_half_time_score": half_time[0],
        "away_half_time_score": half_time[1],
        "home_city": match.home_city,
        "away_city": match.away_city,
        "home_goal_minutes": None,
        "away_goal_minutes": None,
        "home_team_id": None,
        "away_team_id": None,
    }
