"""Mock orders around matches of national teams."""

from datetime import UTC, date, datetime

import numpy as np

from pizza_assets.orders.mock import planted_log_uplift
from pizza_assets.settings import Settings
from pizza_assets_tests.frames import match_row, matches_frame

DAY = date(2024, 7, 14)
KICK_OFF = datetime(2024, 7, 14, 19, tzinfo=UTC)
TOWNS = ["London", "Norwich", "Berlin"]


def _planted(home: str, away: str, cities: tuple[str, str] = ("unknown", "unknown")) -> list[float]:
    settings = Settings.load(
        mock_uplift_pre_match=0,
        mock_uplift_during_match=float(np.log(1.25)),
        mock_uplift_post_match=0,
        mock_goal_effect=0,
        mock_win_effect=0,
    )
    row = match_row("n", KICK_OFF, cities, home_team=home, away_team=away)
    planted = np.expm1(planted_log_uplift(DAY, matches_frame([row]), TOWNS, settings))
    assert (planted[: 19 * 60] == 0).all()
    return [round(float(value), 6) for value in planted[20 * 60]]


def test_a_nations_match_plants_in_all_cities_of_its_country_that_sell() -> None:
    assert _planted("Spain", "England") == [0.25, 0.25, 0.0]
    assert _planted("England", "Germany") == [0.25, 0.25, 0.0]  # no mock store is in Germany
    assert _planted("Spain", "France") == [0.0, 0.0, 0.0]


def test_a_country_that_plays_against_itself_plants_once() -> None:
    assert _planted("England", "Scotland") == [0.25, 0.25, 0.0]


def test_a_club_whose_city_is_not_known_plants_nowhere() -> None:
    assert _planted("Some Town FC", "Norwich City FC", ("unknown", "Norwich")) == [0.0, 0.25, 0.0]
