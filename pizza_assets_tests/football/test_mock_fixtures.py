from collections import Counter, defaultdict
from datetime import date, datetime
from itertools import pairwise, permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.football.mock_fixtures import MINIMUM_REST, Fixtures, draw_fixtures


def drawn(seed: int, start_year: int) -> Fixtures:
    return draw_fixtures(np.random.default_rng(seed), start_year)


@given(seed=st.integers(0, 2**63), start_year=st.integers(1993, 2036))
def test_every_club_meets_every_other_home_and_away_with_two_days_of_rest(seed: int, start_year: int) -> None:
    fixtures = drawn(seed, start_year)
    assert Counter((match.home, match.away) for match in fixtures.league) == Counter(permutations(range(20), 2))
    kick_offs: dict[int, list[datetime]] = defaultdict(list)
    for match in fixtures.league:
        kick_offs[match.home].append(match.kick_off)
        kick_offs[match.away].append(match.kick_off)
    cup = sorted(set().union(*fixtures.cup.values()))
    for of_club in kick_offs.values():
        assert all(later - earlier >= MINIMUM_REST for earlier, later in pairwise(sorted(of_club)))
        # Any club may be drawn for any tie.
        assert all(abs(at - tie) >= MINIMUM_REST for at in of_club for tie in cup)


@given(seed=st.integers(0, 2**63), start_year=st.integers(1993, 2036))
def test_the_season_runs_from_mid_august_to_may_and_the_cup_from_november(seed: int, start_year: int) -> None:
    fixtures = drawn(seed, start_year)
    league = [match.kick_off.date() for match in fixtures.league]
    assert date(start_year, 8, 10) <= min(league)
    assert max(league) <= date(start_year + 1, 5, 25)
    assert {stage: len(ties) for stage, ties in fixtures.cup.items()} == {
        "LAST_16": 8,
        "QUARTER_FINALS": 4,
        "SEMI_FINALS": 2,
        "FINAL": 1,
    }
    ties = [kick_off.date() for stage in fixtures.cup.values() for kick_off in stage]
    assert ties == sorted(ties)
    assert date(start_year, 11, 1) <= ties[0]
    assert max(league) < ties[-1] <= date(start_year + 1, 5, 31)


def test_clubs_alternate_between_home_and_away() -> None:
    fixtures = drawn(1, 2024)
    at_home = Counter(match.home for match in fixtures.league[:100])
    assert all(3 <= at_home[club] <= 7 for club in range(20))
