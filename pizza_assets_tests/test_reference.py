from zoneinfo import ZoneInfo

import pytest

from pizza_assets.reference import UNKNOWN_CITY, cities, city_of_location, city_of_team, fold, teams


def test_every_team_plays_in_a_known_city_with_a_time_zone() -> None:
    assert {team.city for team in teams().values()} <= set(cities())
    assert all(ZoneInfo(city.time_zone).key == city.time_zone for city in cities().values())


def test_the_mock_league_has_twenty_clubs_and_the_mock_stores_control_cities() -> None:
    clubs = {team.city for team in teams().values() if team.in_mock_league}
    assert sum(team.in_mock_league for team in teams().values()) == 20
    assert len([city for city in cities().values() if city.mock_stores and city.name not in clubs]) == 4


@pytest.mark.parametrize(
    ("name", "city"),
    [
        ("Tottenham Hotspur FC", "London"),
        ("Spurs", "London"),
        ("nott'm  forest", "Nottingham"),
        ("Brighton and Hove Albion", "Brighton"),
        ("FC Barcelona", UNKNOWN_CITY),
        ("", UNKNOWN_CITY),
    ],
)
def test_a_team_is_known_by_its_names(name: str, city: str) -> None:
    assert city_of_team(name) == city


@pytest.mark.parametrize(
    ("location", "city"),
    [
        ("12 High St, NORWICH NR2", "Norwich"),
        ("Newcastle-upon-Tyne (Grey Street)", "Newcastle upon Tyne"),
        ("Yorkshire Street", UNKNOWN_CITY),
        ("Store 4711", UNKNOWN_CITY),
    ],
)
def test_a_location_names_its_city_in_whole_words(location: str, city: str) -> None:
    assert city_of_location(location) == city


def test_folding_forgets_case_accents_and_punctuation() -> None:
    assert fold("  São  Paulo-F.C. ") == "sao paulo f c"
