from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.football.kick_offs import KickOffsPlausible, problems
from pizza_assets.lake.layout import RAW_MATCHES
from pizza_assets.lake.tables import Day
from pizza_assets_tests.frames import match_row, matches_frame
from pizza_assets_tests.platform.quality.backgrounds import background

SATURDAY, MONDAY = date(2025, 9, 6), date(2025, 9, 8)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def test_a_usual_match_day_has_no_problem() -> None:
    matches = matches_frame(
        [
            match_row("1", at(SATURDAY, 14), ("Leeds", "Norwich")),
            match_row("2", at(SATURDAY, 19), ("London", "Liverpool"), score=None),
            match_row("3", at(MONDAY, 19), ("Manchester", "Brighton"), score=(9, 0)),
        ]
    )
    assert problems(matches).empty


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"kick_off": at(SATURDAY, 3)}, "kicks off at 4 h local time"),
        ({"kick_off": at(SATURDAY, 22, 30)}, "kicks off at 23 h local time"),
        ({"score": (16, 0)}, "more than 15 home goals"),
        ({"score": (1, 0), "away_half_time_score": 1}, "more away goals at half-time than at the end"),
    ],
)
def test_what_football_does_not_have_is_a_sentence(changes: dict[str, object], expected: str) -> None:
    row = match_row(**{"match_id": "1", "kick_off": at(SATURDAY, 14), "cities": ("Leeds", "Norwich"), **changes})  # type: ignore[arg-type]
    assert problems(matches_frame([row])).tolist() == [f"Leeds FC - Norwich FC: {expected}"]


def test_a_city_whose_clock_we_do_not_know_has_no_odd_hour() -> None:
    row = match_row("1", at(SATURDAY, 3), ("Leeds", "Norwich"), home_city="unknown")
    assert problems(matches_frame([row])).empty


@pytest.mark.parametrize("status", ["POSTPONED", "SCHEDULED"])
def test_a_time_that_does_not_hold_is_not_judged(status: str) -> None:
    rows = [
        match_row("1", at(SATURDAY, 14), ("Leeds", "Norwich"), score=None, status=status),
        match_row("2", at(SATURDAY, 0), ("Leeds", "London"), score=None, status=status),
    ]
    assert problems(matches_frame(rows)).empty


@given(st.integers(1, 120), st.booleans())
def test_a_team_that_kicks_off_twice_within_48_hours_is_named(hours: int, is_at_home: bool) -> None:
    first, second = (
        datetime(2025, 9, 1, 12, tzinfo=UTC),
        datetime(2025, 9, 1 + hours // 24, (12 + hours) % 24, tzinfo=UTC),
    )
    second = second if second > first else second.replace(day=second.day + 1)
    pair = ("Leeds", "London") if is_at_home else ("London", "Leeds")
    rows = [match_row("1", first, ("Leeds", "Norwich")), match_row("2", second, pair, home_city="unknown")]
    found = problems(matches_frame(rows)).tolist()
    is_soon = (second - first).total_seconds() < 48 * 3600
    assert found == ([f"{pair[0]} FC - {pair[1]} FC: Leeds FC kicked off less than 48 h before"] if is_soon else [])


def test_the_days_before_the_run_are_looked_at_and_only_its_own_days_judged(tmp_path: Path) -> None:
    saturday = Day(matches_frame([match_row("1", at(SATURDAY, 20), ("Leeds", "Norwich"), score=(20, 0))]), "real")
    monday = Day(matches_frame([match_row("2", at(MONDAY, 19), ("Brighton", "Leeds"))]), "real")
    check = KickOffsPlausible()
    found = background(tmp_path, RAW_MATCHES, {SATURDAY: saturday}, MONDAY, date(2025, 9, 9))
    (result,) = check.judge({MONDAY: check.measure(MONDAY, monday)}, found)
    assert (result.day, result.status) == (MONDAY, "warn")
    assert result.message == "Brighton FC - Leeds FC: Leeds FC kicked off less than 48 h before"
    assert result.figures == {"matches": 1, "implausible": 1}


def test_days_without_matches_pass(tmp_path: Path) -> None:
    check = KickOffsPlausible()
    found = background(tmp_path, RAW_MATCHES, {}, SATURDAY, MONDAY)
    (result,) = check.judge({SATURDAY: check.measure(SATURDAY, Day(matches_frame([]), "real"))}, found)
    assert (result.status, result.figures["matches"]) == ("passed", 0)
