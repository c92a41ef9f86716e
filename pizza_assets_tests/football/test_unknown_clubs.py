"""Clubs whose city is not known: listed, then added by a user's file."""

import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pizza_assets import reference
from pizza_assets.cli import main
from pizza_assets.errors import SettingsError
from pizza_assets.lake import open_lake
from pizza_assets.lake.layout import RAW_MATCHES
from pizza_assets.lake.tables import DailyTable
from pizza_assets_tests.platform.fake_api import Answer, FakeApi, envelope, match, running
from pizza_assets_tests.platform.test_pipeline import shown

DAY = date(2025, 9, 6)
COLLECT = ("backfill", "--from", str(DAY), "--to", str(DAY), "--select", "key:raw_matches")
HEADER = "club,city,country,time_zone\n"


def forget() -> None:
    """Forget what this process knows of CLUBS_FILE."""
    for table in vars(reference).values():
        if hasattr(table, "cache_clear"):
            table.cache_clear()


@pytest.fixture
def _api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    """A football API with two matches of clubs that we do not know, and one of a nation."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with running() as server:
        for name, value in {
            "FOOTBALL_API_URL": str(server.url),
            "FOOTBALL_API_KEY": "0123456789abcdef",
            "MAX_API_RETRIES": "0",
            "MAX_REQUESTS_PER_MINUTE": "1000",
        }.items():
            monkeypatch.setenv(name, value)
        sides = [("Łomża United", "Arsenal FC"), ("Chelsea FC", "Łomża United"), ("England", "Hamlet FC")]
        matches = [
            match(number, f"{DAY}T14:00:00Z", homeTeam={"id": None, "name": home}, awayTeam={"id": None, "name": away})
            for number, (home, away) in enumerate(sides)
        ]
        server.answers(Answer(body=envelope(*matches)))
        yield server
    forget()


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def use(monkeypatch: pytest.MonkeyPatch, content: str | bytes) -> str:
    path = Path("clubs.csv").absolute()
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    monkeypatch.setenv("CLUBS_FILE", str(path))
    forget()
    return str(path)


@pytest.mark.usefixtures("_api")
def test_unknown_clubs_are_listed_until_a_users_file_adds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert invoke(*COLLECT).exit_code == 0
    told = invoke("status").output
    assert f"raw_matches: 2 clubs whose city is not known, in days from {DAY} to {DAY}." in told
    assert "  Łomża United (PL): 2\n  Hamlet FC (PL): 1\n" in told
    assert "England" not in told
    assert shown("raw_matches", DAY)["unknown_clubs"].value == "Hamlet FC (PL); Łomża United (PL)"

    use(monkeypatch, HEADER + "Łomża United,Łomża,GB,Europe/London\nHamlet F.C.,LONDON,GB,Europe/London\n")
    assert invoke(*COLLECT).exit_code == 0
    assert "not known" not in invoke("status").output
    frame = DailyTable(open_lake("lake"), RAW_MATCHES)[DAY]
    assert frame["home_city"].tolist() == ["Łomża", "London", "unknown"]
    assert frame["away_city"].tolist() == ["London", "Łomża", "London"]


@pytest.mark.usefixtures("_api")
def test_a_users_city_has_its_clock_and_is_found_in_locations(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "\ufeff" + HEADER + ",Düsseldorf,DE,Europe/Berlin\n")
    assert reference.cities()["Düsseldorf"].time_zone == "Europe/Berlin"
    assert reference.city_of_location("Königsallee 1, 40212 DUSSELDORF") == "Düsseldorf"
    assert [name for name, city in reference.cities().items() if city.mock_stores] == [
        name for name, city in reference.own_cities().items() if city.mock_stores
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("club;city;country;time_zone\n", "expected a CSV with the columns club,city,country,time_zone, separated by"),
        (HEADER + "A FC,,GB,Europe/London\n", "line 2: expected a city, found none"),
        (HEADER + "A FC,Hull,UK,Europe/London\n", "line 2: country: expected an ISO 3166 code of two letters"),
        (HEADER + "A FC,Ayr,GB,London\n", "line 2: time_zone: expected an IANA time zone such as Europe/London"),
        (
            HEADER + "A FC,Munchen,DE,Europe/London\n",
            "line 2: Munich is a city in DE with the time zone Europe/Berlin, found DE and Europe/London",
        ),
        (
            HEADER + "A FC,Valencia,VE,America/Caracas\n",
            "Valencia is a city in ES with the time zone Europe/Madrid, found VE and America/Caracas; where another",
        ),
        (
            HEADER + "A FC,Ayr,GB,Europe/London\na fc,Hull,GB,Europe/London\n",
            "line 3: a fc is in Ayr on an earlier line, and in Hull on this one",
        ),
        (HEADER + "A FC,,GB,Europe/London\n" * 7, "; and 2 more. Correct these lines."),
        ((HEADER + "A FC,Köln,DE,Europe/Berlin\n").encode("latin-1"), "is not in UTF-8"),
    ],
)
@pytest.mark.usefixtures("_api")
def test_what_is_wrong_in_a_users_file_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, content: str | bytes, expected: str
) -> None:
    path = use(monkeypatch, content)
    with pytest.raises(SettingsError) as error:
        reference.cities()
    assert str(error.value).startswith(f"CLUBS_FILE={path}")
    assert expected in str(error.value)


@pytest.mark.usefixtures("_api")
def test_a_users_file_that_is_not_there_ends_the_command_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUBS_FILE", "none.csv")
    forget()
    result = invoke(*COLLECT)
    assert result.exit_code != 0
    assert "CLUBS_FILE=none.csv cannot be read (No such file or directory). Correct the path." in result.output
