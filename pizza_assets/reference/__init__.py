"""Which club plays in which city, and which time zone a city lives in.

Belongs here: look-up tables that change by editing a CSV. Does not belong here: anything computed.
``teams.csv`` holds a club's name, its city, its aliases (separated by ``|``) and whether it plays in the
mock league; ``cities.csv`` a city's country, IANA time zone and number of mock stores (0 = none).
"""

import csv
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

#: The city of a record whose place we cannot tell. It takes no part in per-city analysis.
UNKNOWN_CITY = "unknown"


@dataclass(frozen=True)
class Team:
    """A club under the name that its league uses, with the city it plays in."""

    name: str
    city: str
    in_mock_league: bool


@dataclass(frozen=True)
class City:
    """A city with its IANA time zone; ``mock_stores`` is the number of stores that mock orders come from."""

    name: str
    country: str
    time_zone: str
    mock_stores: int


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((files(__name__) / name).read_text(encoding="utf-8").splitlines()))


def fold(name: str) -> str:
    """Fold a name for comparison: case, accents, punctuation and repeated blanks do not count."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return " ".join("".join(c if c.isalnum() else " " for c in plain.casefold()).split())


@cache
def teams() -> Mapping[str, Team]:
    """Every known club by its name."""
    return {row["team"]: Team(row["team"], row["city"], row["mock_league"] == "1") for row in _rows("teams.csv")}


@cache
def cities() -> Mapping[str, City]:
    """Every known city by its name."""
    return {
        row["city"]: City(row["city"], row["country"], row["time_zone"], int(row["mock_stores"]))
        for row in _rows("cities.csv")
    }


@cache
def _teams_by_alias() -> Mapping[str, Team]:
    return {
        fold(alias): teams()[row["team"]]
        for row in _rows("teams.csv")
        for alias in (row["team"], *row["aliases"].split("|"))
    }


@cache
def city_of_team(name: str) -> str:
    """Return the city of the club called `name` (any alias), or ``UNKNOWN_CITY``."""
    team = _teams_by_alias().get(fold(name))
    return team.city if team else UNKNOWN_CITY


def name_of_team(name: str) -> str | None:
    """Return the club called `name` (any alias) by the name that its league uses; None for an unknown one."""
    team = _teams_by_alias().get(fold(name))
    return team.name if team else None


@cache
def city_of_location(location: str) -> str:
    """Return the city that a store's location names, or ``UNKNOWN_CITY``.

    The location may be longer than the city ("12 High St, Norwich NR2"): the longest city name that
    stands in it as whole words wins.
    """
    words = f" {fold(location)} "
    found = [city for city in cities() if f" {fold(city)} " in words]
    return max(found, key=len, default=UNKNOWN_CITY)
