import csv
import unicodedata
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pizza_assets import reference
from pizza_assets.reference import (
    AREAS,
    UNKNOWN_CITY,
    cities,
    city_of_location,
    city_of_team,
    country_of_nation,
    fold,
    teams,
)

TABLES = Path(reference.__file__).parent
CLUBS, CITIES, NATIONS = (
    list(csv.DictReader((TABLES / f"{name}.csv").read_text(encoding="utf-8").splitlines()))
    for name in ("teams", "cities", "nations")
)


def spelled(row: Mapping[str, str], key: str) -> list[str]:
    return [name for name in (row[key], *row["aliases"].split("|")) if name]


def test_every_team_plays_in_a_known_city_with_a_time_zone() -> None:
    assert {team.city for team in teams().values()} <= set(cities())
    assert all(ZoneInfo(city.time_zone).key == city.time_zone for city in cities().values())


def test_no_row_of_the_tables_is_there_twice() -> None:
    for rows, key in ((CLUBS, "team"), (CITIES, "city"), (NATIONS, "nation")):
        names = Counter(row[key] for row in rows)
        assert [name for name, count in names.items() if count > 1] == []


def test_a_clubs_name_is_of_one_club_in_its_country() -> None:
    owners = Counter((row["country"], name) for row in CLUBS for name in {fold(name) for name in spelled(row, "team")})
    assert [name for name, count in owners.items() if count > 1] == []


def test_a_citys_or_nations_spelling_is_of_one_row() -> None:
    for rows, key in ((CITIES, "city"), (NATIONS, "nation")):
        owners = Counter(name for row in rows for name in {fold(name) for name in spelled(row, key)})
        assert [name for name, count in owners.items() if count > 1] == []


def test_every_country_has_a_nation() -> None:
    countries = {row["country"] for row in NATIONS}
    assert {row["country"] for row in (*CLUBS, *CITIES)} - {"MC"} <= countries


def test_every_name_of_every_club_leads_to_its_city() -> None:
    nation_of = {row["country"]: row["nation"] for row in reversed(NATIONS)}
    wrong = [
        (name, row["city"], city_of_team(name, None, nation_of[row["country"]]))
        for row in CLUBS
        for name in spelled(row, "team")
        if city_of_team(name, None, nation_of[row["country"]]) != row["city"]
    ]
    assert wrong == []


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
        ("FC Barcelona", "Barcelona"),
        ("1. FC Koln", "Cologne"),
        ("Juventus", "Turin"),
        ("Leeds United A.F.C.", "Leeds"),
        ("Borussia Dortmund 1909", "Dortmund"),
        ("SC Hertha Berlin BSC", "Berlin"),
        ("HJK", UNKNOWN_CITY),
        ("FC", UNKNOWN_CITY),
        ("", UNKNOWN_CITY),
    ],
)
def test_a_team_is_known_by_its_names(name: str, city: str) -> None:
    assert city_of_team(name) == city


@pytest.mark.parametrize(
    ("name", "competition", "area", "city"),
    [
        ("Liverpool FC", "PL", "England", "Liverpool"),
        ("Liverpool FC", "CLI", "South America", "Montevideo"),
        ("Nacional", "PPL", None, "Funchal"),
        ("Nacional", "CLI", None, UNKNOWN_CITY),
        ("Club Nacional", "CLI", None, "Asunción"),
        ("Barcelona", "CLI", None, "Guayaquil"),
        ("Barcelona", "CL", None, "Barcelona"),
        ("Arsenal FC", "LPF", "Argentina", UNKNOWN_CITY),
        ("Arsenal FC", "CL", "England", "London"),
        ("AS Monaco FC", "FL1", "France", "Monaco"),
        ("Swansea City AFC", "ELC", "England", "Swansea"),
    ],
)
def test_clubs_of_one_name_are_told_apart_by_the_competition(
    name: str, competition: str, area: str | None, city: str
) -> None:
    assert city_of_team(name, competition, area) == city


def test_every_area_is_one_of_the_nations() -> None:
    areas = {name for row in NATIONS for name in (row["nation"], row["area"])}
    assert {*AREAS.values()} <= areas
    assert city_of_team("FK Crvena Zvezda", "CL") == "Belgrade"
    assert city_of_team("FK Crvena Zvezda", "CLI") == UNKNOWN_CITY


@pytest.mark.parametrize(
    ("location", "city"),
    [
        ("12 High St, NORWICH NR2", "Norwich"),
        ("Newcastle-upon-Tyne (Grey Street)", "Newcastle upon Tyne"),
        ("Yorkshire Street", UNKNOWN_CITY),
        ("Store 4711", UNKNOWN_CITY),
        ("Leopoldstraße 1, 80802 München", "Munich"),
        ("MUENCHEN", "Munich"),
        ("Pizza Torino", "Turin"),
        ("Napoli, Via Roma 3, 20121 Milano", "Milan"),
        ("Rua do Porto 4, 1000-001 Lisboa", "Lisbon"),
        ("Valencia, Venezuela", "Valencia (Venezuela)"),
        ("12 Valencia Road, Swindon", UNKNOWN_CITY),
        ("Nice Street", UNKNOWN_CITY),
        ("Napoli, 3 High St, Norwich", "Norwich"),
    ],
)
def test_a_location_names_its_city(location: str, city: str) -> None:
    assert city_of_location(location) == city


@given(city=st.sampled_from(sorted(row["city"] for row in CITIES)), upper=st.booleans(), plain=st.booleans())
@settings(max_examples=200)
def test_a_city_is_found_whatever_the_case_and_the_accents(city: str, upper: bool, plain: bool) -> None:
    text = city.upper() if upper else city
    if plain:
        text = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    assert city_of_location(text) == city


def test_folding_forgets_case_accents_and_punctuation() -> None:
    assert fold("  São  Paulo-F.C. ") == "sao paulo f c"
    assert fold("Bodø/Glimt, Łódź") == "bodo glimt lodz"
    assert fold("Nott\u2019m  Forest") == fold("Nott'm Forest")
    assert fold("Norwich 東京 NR2") == "norwich nr2"


@pytest.mark.parametrize(
    ("name", "country"),
    [
        ("England", "GB"),
        ("türkiye", "TR"),
        ("Côte d\u2019Ivoire", "CI"),
        ("FYR Macedonia", "MK"),
        ("United States", "US"),
        ("Arsenal FC", None),
        ("", None),
    ],
)
def test_a_nation_has_a_country(name: str, country: str | None) -> None:
    assert country_of_nation(name) == country
