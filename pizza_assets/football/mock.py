"""Mock football matches: a league ("ML") and a cup ("MC") of 20 clubs, a new season every August.

Belongs here: results, and the frame. Does not belong here: who plays when (fixtures.py).

Goals of a match are Poisson with mean 2.80 in total; the home side's share of them follows from the two
clubs' strengths. Independent Poisson goals with one mean per side give 25 % draws and too few wide margins;
with strengths that differ as below, results and margins are those of the Premier League, and the total stays
exactly Poisson.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from statistics import NormalDist
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow

from pizza_assets.contracts import FOOTBALL_MATCHES, arrow_schema, from_arrow
from pizza_assets.football.contract import PLAYED
from pizza_assets.football.mock_fixtures import Fixture, draw_fixtures
from pizza_assets.reference import Team, teams
from pizza_assets.settings import Settings

_Floats = npt.NDArray[np.float64]

LEAGUE, CUP = "ML", "MC"
_LEAGUE_STAGE = "REGULAR_SEASON"

#: Goals per match: 12 Premier League seasons.
MEAN_GOALS = 2.80
#: Log-odds of a goal being the home side's between equal clubs, and per SD of strength between them: fitted
#: to home/draw/away 44.8/23.2/32.0 % and margins 23/37/23/11/7 % of 0/1/2/3/4+ (all within 3.3 %).
#: No closer fit leaves totals Poisson: fewer wide margins come with more draws.
_HOME_ADVANTAGE, _STRENGTH_SD = 0.249, 0.479
#: Shares of goals until minute 0, 15, 30 ... 90, stoppage time counted in: internationals since 2010.
_GOALS_UNTIL = np.cumsum([0, 12, 14, 17, 16, 16, 23]) / 98

_TIME_ZONE = ZoneInfo("Europe/London")
#: Keeps these random numbers apart from those of other mock data with the same seed.
_STREAM = 1


class _Match(NamedTuple):
    stage: str
    fixture: Fixture
    home_minutes: list[int]
    away_minutes: list[int]
    duration: str
    winner: int


def mock_matches(day: date, settings: Settings) -> pd.DataFrame:
    """Return the mock matches that kick off on the UTC day, by kick-off (contract FOOTBALL_MATCHES).

    All of them have results, those of days to come too. A day depends on `settings.mock_seed` only.
    """
    season, days = _season(settings.mock_seed, day.year if day.month >= 8 else day.year - 1)
    first, end = np.searchsorted(days, [np.datetime64(day), np.datetime64(day) + 1])
    return season.iloc[first:end].reset_index(drop=True)


@lru_cache(maxsize=64)
def _season(seed: int, start_year: int) -> tuple[pd.DataFrame, npt.NDArray[np.datetime64]]:
    """Return the matches of a season by kick-off, and the UTC day of each."""
    rng = np.random.default_rng([seed, _STREAM, start_year])
    clubs = [team for team in teams().values() if team.in_mock_league]
    levels = [NormalDist().inv_cdf((i + 0.5) / len(clubs)) for i in range(len(clubs))]
    strength = rng.permutation(levels) / np.std(levels) * _STRENGTH_SD
    fixtures = draw_fixtures(rng, start_year)
    league = [_play(rng, _LEAGUE_STAGE, fixture, strength) for fixture in fixtures.league]
    cup = _play_cup(rng, fixtures.cup, strength)
    rows = [
        {"match_id": f"mock-{competition}-{start_year}-{number:03d}", "competition": competition, **_row(match, clubs)}
        for competition, matches in ((LEAGUE, league), (CUP, cup))
        for number, match in enumerate(matches, start=1)
    ]
    table = pyarrow.Table.from_pylist(rows, schema=arrow_schema(FOOTBALL_MATCHES))
    table = table.sort_by([("timestamp", "ascending"), ("match_id", "ascending")])
    return from_arrow(table, FOOTBALL_MATCHES), table["timestamp"].to_numpy().astype("datetime64[D]")


def _play_cup(
    rng: np.random.Generator, kick_offs_by_stage: Mapping[str, Sequence[datetime]], strength: _Floats
) -> list[_Match]:
    """Draw 16 of the clubs and play the cup; the winners meet in the order of their ties."""
    left = rng.permutation(strength.size).tolist()
    cup = []
    for stage, kick_offs in kick_offs_by_stage.items():
        ties = [Fixture(*tie) for tie in zip(kick_offs, left[::2], left[1::2], strict=False)]
        played = [_play(rng, stage, tie, strength) for tie in ties]
        left = [match.winner for match in played]
        cup += played
    return cup


def _play(rng: np.random.Generator, stage: str, fixture: Fixture, strength: _Floats) -> _Match:
    """Play a match; a cup tie that is level gets 30 minutes more, then a shoot-out (a fair coin)."""
    home_share = 1 / (1 + np.exp(strength[fixture.away] - strength[fixture.home] - _HOME_ADVANTAGE))
    means = MEAN_GOALS * np.array([home_share, 1 - home_share])
    home, away = (_minutes(rng, goals) for goals in rng.poisson(means))
    duration = "REGULAR"
    if len(home) == len(away) and stage != _LEAGUE_STAGE:
        extra = [rng.integers(91, 121, goals).tolist() for goals in rng.poisson(means / 3)]
        home, away = home + extra[0], away + extra[1]
        duration = "PENALTY_SHOOTOUT" if len(home) == len(away) else "EXTRA_TIME"
    home_lead = len(home) - len(away) or rng.choice([-1, 1])
    winner = fixture.home if home_lead > 0 else fixture.away
    return _Match(stage, fixture, sorted(home), sorted(away), duration, winner)


def _minutes(rng: np.random.Generator, goals: int) -> list[int]:
    # 1 - random() is in (0, 1], so minute 0 cannot come out.
    minutes = np.interp(1 - rng.random(goals), _GOALS_UNTIL, range(0, 91, 15))
    return [int(minute) for minute in np.ceil(minutes)]


def _row(match: _Match, clubs: Sequence[Team]) -> dict[str, Any]:
    home, away = clubs[match.fixture.home], clubs[match.fixture.away]
    home_score, away_score = len(match.home_minutes), len(match.away_minutes)
    return {
        "timestamp": match.fixture.kick_off.replace(tzinfo=_TIME_ZONE).astimezone(UTC),
        "home_team": home.name,
        "away_team": away.name,
        "home_score": home_score,
        "away_score": away_score,
        "event_type": "win" if home_score > away_score else "loss" if home_score < away_score else "draw",
        "match_significance": {_LEAGUE_STAGE: "regular", "FINAL": "final"}.get(match.stage, "tournament"),
        "data_source": "mock",
        "stage": match.stage,
        "status": PLAYED,
        "duration": match.duration,
        "home_half_time_score": sum(minute <= 45 for minute in match.home_minutes),
        "away_half_time_score": sum(minute <= 45 for minute in match.away_minutes),
        "home_city": home.city,
        "away_city": away.city,
        "home_goal_minutes": match.home_minutes,
        "away_goal_minutes": match.away_minutes,
    }
