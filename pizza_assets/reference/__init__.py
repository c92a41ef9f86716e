"""Which club plays in which city, which time zone a city lives in, and which country a national team is of.

Belongs here: look-up tables that change by editing a CSV. Does not belong here: anything computed.
``teams.csv`` holds a club's name, the country of its association (ISO 3166), its city, its aliases (separated by
``|``) and whether it plays in the mock league; ``cities.csv`` a city's country, IANA time zone, number of mock stores
(0 = none) and other spellings; ``nations.csv`` national teams, their country and the area that they play in;
``postcode_areas.csv`` the towns that a postcode area of the United Kingdom is named after or holds.
``CLUBS_FILE`` adds to clubs and cities (``clubs_file.py``); it is read once in each process.

The facts are from openfootball's ``clubs`` and ``football.json`` and, of countries, from the IANA time zone database,
all in the public domain; some clubs that these do not have were added by hand.
"""

import csv
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from pizza_assets.reference.clubs_file import UserClub, read_clubs_file

#: The city of a record whose place we cannot tell. It takes no part in per-city analysis.
UNKNOWN_CITY = "unknown"
#: The area whose clubs play in a competition. Of any other competition its source tells the area.
AREAS = {
    "PL": "England",
    "ELC": "England",
    "BL1": "Germany",
    "SA": "Italy",
    "PD": "Spain",
    "FL1": "France",
    "DED": "Netherlands",
    "PPL": "Portugal",
    "BSA": "Brazil",
    "CL": "Europe",
    "CLI": "South America",
}
#: Countries whose cities a location names anywhere in it; the cities of others stand at a part's end.
_FOUND_ANYWHERE = ("GB", "IE")
#: Words of clubs' names that not every source writes, and numbers such as years.
_AFFIX = re.compile(
    "a[cjs]|acf|afc|bs?c|c[adfrs]|cfc|club|ec|f[ck]|fsv|gnk|hsc|kv|nk|ogc?|osc|ou|r[bc]|rcd|sad|s[cdekv]|sco|spvgg|"
    r"ssc?|tsg|u[ds]|vfb|vfl|\d+"
)
#: Letters that are no letter with an accent.
_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ł": "l", "Ł": "L", "ı": "i", "æ": "ae"})


@dataclass(frozen=True)
class Team:
    """A club under the name that its league uses, with the city it plays in and the country of its association."""

    name: str
    city: str
    in_mock_league: bool
    country: str = "GB"


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
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.translate(_LETTERS)) if not unicodedata.combining(c))
    words = "".join(c if c.isalnum() else " " for c in plain.casefold())
    return " ".join(words.encode("ascii", "ignore").decode().split())


@cache
def teams() -> Mapping[str, Team]:
    """Every club of ``teams.csv`` by its name."""
    return {
        row["team"]: Team(row["team"], row["city"], row["mock_league"] == "1", row["country"])
        for row in _rows("teams.csv")
    }


@cache
def cities() -> Mapping[str, City]:
    """Every known city by its name, those of ``CLUBS_FILE`` last.

    Raises
    ------
    SettingsError
        When ``CLUBS_FILE`` cannot be read, or says what is not so.
    """
    return {**own_cities(), **{club.city: City(club.city, club.country, club.time_zone, 0) for club in _new_cities()}}


@cache
def own_cities() -> Mapping[str, City]:
    """Every city of ``cities.csv`` by its name."""
    return {
        row["city"]: City(row["city"], row["country"], row["time_zone"], int(row["mock_stores"]))
        for row in _rows("cities.csv")
    }


@cache
def _own_spellings() -> Mapping[str, str]:
    """Return the city of every spelling of ``cities.csv``, folded."""
    return {
        fold(name): row["city"]
        for row in _rows("cities.csv")
        for name in (row["city"], *row["aliases"].split("|"))
        if name
    }


@cache
def _user_clubs() -> tuple[UserClub, ...]:
    """Return the rows of ``CLUBS_FILE``, their cities under the names that we use."""
    from pizza_assets.settings import Settings  # noqa: PLC0415 settings check names of clubs

    path = Settings.load().clubs_file
    countries = {row["country"] for row in _rows("nations.csv")}
    return read_clubs_file(path, {name: own_cities()[city] for name, city in _own_spellings().items()}, countries, fold)


@cache
def _spellings() -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the city of every spelling, folded: of names that a location may have anywhere, and of all."""
    known = cities()
    anywhere = {fold(name): name for name, city in known.items() if city.country in _FOUND_ANYWHERE}
    return anywhere, {**{fold(name): name for name in known}, **_own_spellings()}


def spellings() -> Mapping[str, str]:
    """Return the city of every spelling that we or ``CLUBS_FILE`` know, folded."""
    return _spellings()[1]


@cache
def postcode_areas() -> Mapping[str, tuple[str, ...]]:
    """Return the towns of each postcode area of the United Kingdom: the letters that its postcodes begin with."""
    return {row["area"]: tuple(row["towns"].split("|")) for row in _rows("postcode_areas.csv")}


def _new_cities() -> Collection[UserClub]:
    return [club for club in _user_clubs() if club.city not in own_cities()]


def _core(folded: str) -> str:
    """Return a folded name without affixes ("fc", "f c") and numbers; all of it where nothing else is left."""
    joined = re.sub(r"\b(\w) (?=\w\b)", r"\1", folded)
    words = [word for word in joined.split() if not _AFFIX.fullmatch(word)]
    return " ".join(words) or folded


@dataclass(frozen=True)
class Club:
    """A club under the name that its league uses, and its city."""

    name: str
    city: str


Clubs = Mapping[str, Mapping[str, set[Club]]]


def _by_name(clubs: Iterable[tuple[str, str, Club]]) -> Clubs:
    """Return clubs by name and country."""
    by_name: dict[str, dict[str, set[Club]]] = {}
    for name, country, club in clubs:
        by_name.setdefault(name, {}).setdefault(country, set()).add(club)
    return by_name


@cache
def _clubs() -> tuple[Clubs, Clubs, Clubs]:
    """Return clubs by folded name and country: of full names, of aliases, of both without affixes.

    What a user says of a name in a country replaces what we say.
    """
    full = {(fold(row["team"]), row["country"]): Club(row["team"], row["city"]) for row in _rows("teams.csv")}
    full |= {(fold(club.club), club.country): Club(club.club, club.city) for club in _user_clubs() if club.club}
    aliases = [
        (fold(alias), row["country"], Club(row["team"], row["city"]))
        for row in _rows("teams.csv")
        for alias in row["aliases"].split("|")
        if alias and (fold(alias), row["country"]) not in full
    ]
    names = [(name, country, club) for (name, country), club in full.items()]
    cores = ((_core(name), country, club) for name, country, club in (*names, *aliases))
    return _by_name(names), _by_name(aliases), _by_name(cores)


@cache
def _countries_of(area: str | None) -> Collection[str] | None:
    """Return the countries of an area as football-data.org names it; None where any country is meant."""
    wanted = fold(area or "")
    nations = _rows("nations.csv")
    return {row["country"] for row in nations if fold(row["area"]) == wanted != ""} or (
        {country} if (country := country_of_nation(area or "")) else None
    )


@cache
def _clubs_named(name: str, competition: str | None, area: str | None) -> Collection[Club]:
    """Return the clubs that a name may mean in a competition."""
    countries = _countries_of(AREAS.get(competition or "", area))
    for clubs, key in zip(_clubs(), (fold(name), fold(name), _core(fold(name))), strict=True):
        of_country = clubs.get(key, {})
        found = set().union(*(of_country[its] for its in of_country if countries is None or its in countries))
        if found:
            return found
    return ()


def city_of_team(name: str, competition: str | None = None, area: str | None = None) -> str:
    """Return the city of the club called `name` (any alias), or ``UNKNOWN_CITY``.

    Parameters
    ----------
    competition
        Code of the competition: clubs of other countries than those that play in it are not meant.
    area
        The same, as the source names the competition's area; asked for where we do not know the competition.

    A name that clubs of several cities have there is not known.
    """
    found = {club.city for club in _clubs_named(name, competition, area)}
    return found.pop() if len(found) == 1 else UNKNOWN_CITY


def name_in_league(name: str, competition: str | None = None, area: str | None = None) -> str:
    """Return the club or nation called `name` (any alias) by the name that we use; `name` where one is not known.

    The parameters are those of ``city_of_team``.
    """
    found = {club.name for club in _clubs_named(name, competition, area)}
    return found.pop() if len(found) == 1 else _nations().get(fold(name), name)


@cache
def _nations() -> Mapping[str, str]:
    return {
        fold(name): row["nation"]
        for row in _rows("nations.csv")
        for name in (row["nation"], *row["aliases"].split("|"))
        if name
    }


@cache
def _countries_by_nation() -> Mapping[str, str]:
    return {
        fold(name): row["country"]
        for row in _rows("nations.csv")
        for name in (row["nation"], *row["aliases"].split("|"))
        if name
    }


def country_of_nation(name: str) -> str | None:
    """Return the country (ISO 3166) of a national team, or None where the name is none of a nation."""
    return _countries_by_nation().get(fold(name))


@cache
def name_of_team(name: str, competitions: tuple[str, ...] = ()) -> str | None:
    """Return the club called `name` (any alias) by the name that its league uses.

    Of clubs of one name in several countries, the one whose country plays in one of `competitions` is meant. None where
    no club, or still several, have the name.
    """
    found = {
        row["team"]: row["country"]
        for row in _rows("teams.csv")
        if fold(name) in {fold(alias) for alias in (row["team"], *row["aliases"].split("|")) if alias}
    }
    if len(found) > 1:
        countries = {country for code in competitions for country in _countries_of(AREAS.get(code)) or ()}
        found = {team: country for team, country in found.items() if country in countries}
    return next(iter(found)) if len(found) == 1 else None


@cache
def city_of_location(location: str) -> str:
    """Return the city that a store's location names, in any spelling, or ``UNKNOWN_CITY``.

    Addresses of till exports and of the orders API are read by ``orders.places.place_of``.

    The location may be longer than the city ("12 High St, Norwich NR2"): of the cities of the United Kingdom and
    Ireland the longest that stands in it as whole words wins. Streets have names of cities, too; so any other city
    has to be all of the location, or of a part between commas, words with digits aside ("Via Roma 3, 20121 Milano");
    of several such parts the last wins. In a location without commas it stands at the end ("Pizza München").
    """
    words = f" {fold(location)} "
    anywhere, spellings = _spellings()
    found = [city for name, city in anywhere.items() if f" {name} " in words]
    if found:
        return max(found, key=len)
    parts = [_without_digits(fold(part)) for part in location.split(",")]
    named = [spellings[part] for part in (*parts, _without_digits(words)) if part in spellings]
    if named or len(parts) > 1:
        return named[-1] if named else UNKNOWN_CITY
    ends = [name for name in spellings if f" {parts[0]}".endswith(f" {name}")]
    return spellings[max(ends, key=len)] if ends else UNKNOWN_CITY


def _without_digits(folded: str) -> str:
    return " ".join(word for word in folded.split() if not any(c.isdigit() for c in word))
