"""``CLUBS_FILE``: clubs and cities that a user adds to ours.

Belongs here: reading that file; what is wrong in it is said in sentences. Does not belong here: looking clubs up.
A CSV in UTF-8 with the columns club, city, country and time_zone; a row without a club adds a city only.
"""

import csv
import io
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from zoneinfo import available_timezones

from pizza_assets.errors import SettingsError

COLUMNS = ("club", "city", "country", "time_zone")
#: So many problems are told at a time.
_TOLD = 5


class KnownCity(Protocol):
    """What is asked of a city that is known already."""

    @property
    def name(self) -> str:
        """The name that we use."""

    @property
    def country(self) -> str:
        """The country (ISO 3166)."""

    @property
    def time_zone(self) -> str:
        """The IANA time zone."""


@dataclass(frozen=True)
class UserClub:
    """A club with its city, the country of its association (ISO 3166) and the city's IANA time zone."""

    club: str
    city: str
    country: str
    time_zone: str

    @property
    def name(self) -> str:
        """The city's name."""
        return self.city


def read_clubs_file(
    path: str | None, known: Mapping[str, KnownCity], countries: Collection[str], fold: Callable[[str], str]
) -> tuple[UserClub, ...]:
    """Return the rows of the file, each city under one name; none where `path` is None.

    Parameters
    ----------
    known
        The cities that are known, by their folded spellings.
    countries
        Codes that a country may have.
    fold
        Folds a name for comparison.

    Raises
    ------
    SettingsError
        When the file is not there, no CSV with the four columns, or a row of it cannot be: a sentence for each.
    """
    if path is None:
        return ()
    clubs: dict[tuple[str, str], UserClub] = {}
    cities: dict[str, KnownCity] = dict(known)
    rows, problems = [], []
    for line, club, city, country, time_zone in _lines(path):
        row = UserClub(club, city, country, time_zone)
        problem = _of_row(row, countries)
        if not problem:
            place = cities.setdefault(fold(city), row)
            row = UserClub(club, place.name, country, time_zone)
            before = clubs.setdefault((fold(club), country), row) if club else row
            problem = _of_city(row, place) or _of_club(row, before)
        if problem:
            problems.append(f"line {line}: {problem}")
        rows.append(row)
    if problems:
        more = f"; and {len(problems) - _TOLD} more" if len(problems) > _TOLD else ""
        raise SettingsError(f"CLUBS_FILE={path}: {'; '.join(problems[:_TOLD])}{more}. Correct these lines.")
    return tuple(rows)


def _of_row(row: UserClub, countries: Collection[str]) -> str | None:
    """Return what is wrong with a row by itself."""
    if not row.city:
        return "expected a city, found none"
    if row.country not in countries:
        return f"country: expected an ISO 3166 code of two letters such as GB, found '{row.country}'"
    if row.time_zone not in available_timezones():
        return f"time_zone: expected an IANA time zone such as Europe/London, found '{row.time_zone}'"
    return None


def _of_city(row: UserClub, place: KnownCity) -> str | None:
    """Return what a row says of its city that is not what is known of it."""
    if (row.country, row.time_zone) == (place.country, place.time_zone):
        return None
    return (
        f"{row.city} is a city in {place.country} with the time zone {place.time_zone}, found {row.country} and "
        f"{row.time_zone}; where another city of that name is meant, write '{row.city} ({row.country})'"
    )


def _of_club(row: UserClub, before: UserClub) -> str | None:
    if row.city == before.city:
        return None
    return f"{row.club} is in {before.city} on an earlier line, and in {row.city} on this one"


def _lines(path: str) -> list[tuple[int, str, str, str, str]]:
    """Return the number of each line and its cells in the order of ``COLUMNS``."""
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SettingsError(f"CLUBS_FILE={path} cannot be read ({error.strerror}). Correct the path.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"CLUBS_FILE={path} is not in UTF-8. Save it as CSV in UTF-8.") from None
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
    if not {*COLUMNS} <= {*(reader.fieldnames or ())}:
        raise SettingsError(
            f"CLUBS_FILE={path}: expected a CSV with the columns {','.join(COLUMNS)}, separated by commas, found "
            f"{','.join(reader.fieldnames or ()) or 'no line'}. Correct its first line."
        )
    club, city, country, time_zone = COLUMNS
    return [
        (reader.line_num, row[club].strip(), row[city].strip(), row[country].strip(), row[time_zone].strip())
        for row in reader
    ]
