"""Who plays whom in a mock season, and when.

Belongs here: pairings of the league, its calendar and kick-off times, the dates of the cup. Does not belong
here: results, frames. The figures are season means of 12 Premier League seasons; each season draws its own
calendar around them.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple, TypeVar

import numpy as np

#: No team kicks off twice within this time.
MINIMUM_REST = timedelta(days=2)

#: Days after the Saturday of a week.
FRI, SAT, SUN, MON, TUE, WED, THU = range(-1, 6)

#: (day, local time, number of matches that kick off then)
Slots = tuple[tuple[int, str, int], ...]

_CLUBS = 20
_ROUNDS = 2 * (_CLUBS - 1)
_MATCHES_PER_ROUND = _CLUBS // 2

_LAST_WEEK = 40
_INTERNATIONAL_BREAKS = {4, 8, 13, 31}
#: Weekends without the league, besides international breaks, lie here.
_CUP_SEASON = range(18, 39)
#: Weeks after which the league may play in midweek.
_LEAGUE_MIDWEEKS = range(6, 39)
_MIDWEEK_ROUNDS = 5.32
_FRIDAY_MATCHES = 7.6
_MONDAY_MATCHES = 19

_LAST_DAY: Slots = ((SUN, "16:00", _MATCHES_PER_ROUND),)
_SATURDAY_EARLY: tuple[tuple[float, Slots], ...] = ((0.6, ((SAT, "12:30", 1),)), (0.4, ()))
_SATURDAY_LATE: tuple[tuple[float, Slots], ...] = ((0.96, ((SAT, "17:30", 1),)), (0.04, ((SAT, "20:00", 1),)))
#: By falling number of matches: the busiest Sundays follow the busiest Thursdays.
_SUNDAY: tuple[tuple[float, Slots], ...] = (
    (3.5, ((SUN, "12:00", 1), (SUN, "14:00", 2), (SUN, "16:30", 1))),
    (7.9, ((SUN, "14:00", 2), (SUN, "16:30", 1))),
    (2.9, ((SUN, "12:00", 1), (SUN, "15:00", 2))),
    (3.8, ((SUN, "12:00", 1), (SUN, "13:30", 1), (SUN, "16:30", 1))),
    (4.6, ((SUN, "13:30", 1), (SUN, "16:30", 1))),
    (9.0, ((SUN, "13:30", 1), (SUN, "16:00", 1))),
)
_MIDWEEK: tuple[tuple[float, Slots], ...] = (
    (
        0.57,
        (
            (TUE, "19:45", 2),
            (TUE, "20:00", 1),
            (TUE, "20:15", 1),
            (WED, "19:30", 1),
            (WED, "19:45", 3),
            (WED, "20:15", 1),
            (THU, "20:00", 1),
        ),
    ),
    (
        0.43,
        (
            (TUE, "19:45", 2),
            (TUE, "20:15", 1),
            (WED, "19:30", 2),
            (WED, "19:45", 3),
            (THU, "19:30", 1),
            (THU, "20:00", 1),
        ),
    ),
)
_CUP: dict[str, tuple[range, Slots]] = {
    "LAST_16": (range(14, 17), ((TUE, "19:45", 4), (WED, "19:45", 2), (WED, "20:00", 2))),
    "QUARTER_FINALS": (range(23, 27), ((TUE, "19:45", 2), (WED, "20:00", 2))),
    "SEMI_FINALS": (range(33, 37), ((TUE, "20:00", 1), (WED, "20:00", 1))),
    "FINAL": (range(_LAST_WEEK + 1, _LAST_WEEK + 2), ((SAT, "17:30", 1),)),
}

_T = TypeVar("_T")


class Fixture(NamedTuple):
    """A match: kick-off in local wall time and the numbers (0 to 19) of the clubs."""

    kick_off: datetime
    home: int
    away: int


class Fixtures(NamedTuple):
    """A season: the league's matches by kick-off, and the cup's kick-offs (local wall time) by stage, in order."""

    league: list[Fixture]
    cup: dict[str, list[datetime]]


def draw_fixtures(rng: np.random.Generator, start_year: int) -> Fixtures:
    """Draw the season that starts in August of `start_year`: 380 league matches and 15 dates of the cup."""
    # The Friday before the first Saturday is 10 August at the earliest, the cup final 31 May at the latest.
    first_saturday = _saturday_from(date(start_year, 8, 11))
    cup_weeks = {stage: int(rng.choice(weeks)) for stage, (weeks, _) in _CUP.items()}
    calendar = _league_calendar(rng, set(cup_weeks.values()))
    rounds = [_kick_offs(first_saturday, week, slots) for week, slots in calendar]
    return Fixtures(
        league=_allocate(rng, _pairings(rng), sorted(rounds)),
        cup={stage: _kick_offs(first_saturday, cup_weeks[stage], slots) for stage, (_, slots) in _CUP.items()},
    )


def _saturday_from(day: date) -> date:
    return day + timedelta(days=(5 - day.weekday()) % 7)


def _kick_offs(first_saturday: date, week: int, slots: Slots) -> list[datetime]:
    saturday = first_saturday + timedelta(weeks=week)
    return sorted(
        datetime.combine(saturday + timedelta(days=day), time.fromisoformat(at))
        for day, at, matches in slots
        for _ in range(matches)
    )


def _deal(rng: np.random.Generator, weighted: Sequence[tuple[float, _T]], number: int) -> list[_T]:
    """Return `number` items, each as often as its weight says, rounded up or down at random, in their order."""
    shares = np.cumsum([weight for weight, _ in weighted])
    counts = np.diff(np.floor(shares / shares[-1] * number + rng.random()).astype(int), prepend=0)
    return [item for count, (_, item) in zip(counts, weighted, strict=True) for _ in range(count)]


def _shuffled(rng: np.random.Generator, items: list[_T]) -> list[_T]:
    return [items[i] for i in rng.permutation(len(items))]


def _league_calendar(rng: np.random.Generator, cup_weeks: set[int]) -> list[tuple[int, Slots]]:
    """Draw the week and the slots of each of the 38 rounds.

    Rest is kept by construction: no Monday match before a midweek, no Friday match after one, and after each
    Thursday match at least two on Sunday, so that neither club has to play on Saturday afternoon.
    """
    midweek_number = int(_MIDWEEK_ROUNDS + rng.random())
    midweeks = [int(w) for w in rng.choice([w for w in _LEAGUE_MIDWEEKS if w not in cup_weeks], midweek_number, False)]
    midweek_slots = dict(zip(midweeks, _deal(rng, _MIDWEEK, midweek_number), strict=True))

    free_number = _LAST_WEEK - len(_INTERNATIONAL_BREAKS) - (_ROUNDS - 1 - midweek_number)
    free = rng.choice([w for w in _CUP_SEASON if w not in _INTERNATIONAL_BREAKS], free_number, False)
    weekends = sorted(set(range(_LAST_WEEK)) - _INTERNATIONAL_BREAKS - set(free.tolist()))

    busy = cup_weeks | set(midweeks)
    mondays = set(rng.choice([w for w in weekends if w not in busy], _MONDAY_MATCHES, False).tolist())
    friday_number = int(_FRIDAY_MATCHES + rng.random())
    fridays = set(rng.choice([w for w in weekends if w - 1 not in busy], friday_number, False).tolist())

    def thursday_matches(week: int) -> int:
        return sum(matches for day, _, matches in midweek_slots.get(week - 1, ()) if day == THU)

    by_need = sorted(_shuffled(rng, weekends), key=thursday_matches, reverse=True)
    after_thursdays = sum(thursday_matches(week) > 1 for week in weekends)
    sundays = _deal(rng, _SUNDAY, len(weekends))
    sunday = dict(zip(by_need, sundays[:after_thursdays] + _shuffled(rng, sundays[after_thursdays:]), strict=True))
    early = _shuffled(rng, _deal(rng, _SATURDAY_EARLY, len(weekends)))
    late = _shuffled(rng, _deal(rng, _SATURDAY_LATE, len(weekends)))

    rounds = [(_LAST_WEEK, _LAST_DAY), *midweek_slots.items()]
    for week, saturday_early, saturday_late in zip(weekends, early, late, strict=True):
        slots: Slots = (
            *(((FRI, "20:00", 1),) if week in fridays else ()),
            *saturday_early,
            *saturday_late,
            *sunday[week],
            *(((MON, "20:00", 1),) if week in mondays else ()),
        )
        others = sum(matches for _, _, matches in slots)
        rounds.append((week, (*slots, (SAT, "15:00", _MATCHES_PER_ROUND - others))))
    return rounds


def _pairings(rng: np.random.Generator) -> list[list[tuple[int, int]]]:
    """Draw a double round robin (circle method): 38 rounds of 10 pairs (home, away); the second half mirrors."""
    club = rng.permutation(_CLUBS).tolist()
    others = _CLUBS - 1
    half = []
    for number in range(others):
        pairs = [(others, number)]
        pairs += [((number + k) % others, (number - k) % others) for k in range(1, _MATCHES_PER_ROUND)]
        half.append([(club[b], club[a]) if (k or number) % 2 else (club[a], club[b]) for k, (a, b) in enumerate(pairs)])
    return half + [[(away, home) for home, away in pairs] for pairs in half]


def _allocate(
    rng: np.random.Generator, pairings: list[list[tuple[int, int]]], rounds: list[list[datetime]]
) -> list[Fixture]:
    """Give each pair of each round a kick-off: those who must rest longest kick off last, the others at random."""
    rested = [rounds[0][0]] * _CLUBS
    league = []
    for pairs, kick_offs in zip(pairings, rounds, strict=True):
        by_rest = sorted(_shuffled(rng, pairs), key=lambda pair: max(rested[pair[0]], rested[pair[1]], kick_offs[0]))
        for kick_off, (home, away) in zip(kick_offs, by_rest, strict=True):
            league.append(Fixture(kick_off, home, away))
            rested[home] = rested[away] = kick_off + MINIMUM_REST
    return league
