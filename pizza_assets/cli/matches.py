"""``pizza-assets matches``: looking at files of fixtures.

Belongs here: options and printing. Does not belong here: reading (``files.py``), what is one match (``book.py``).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from pizza_assets.platform.printable import counted

if TYPE_CHECKING:
    from pizza_assets.football.fixtures.book import Aside, FixtureBook
    from pizza_assets.football.fixtures.files import FixtureFile


@click.group()
def matches() -> None:
    """Look at files of fixtures."""


@matches.command()
@click.argument("files", nargs=-1, required=True)
def inspect(files: Sequence[str]) -> None:
    """Say what the files of fixtures FILES are: format, competition, period, clubs that are not known, rejected rows.

    FILES are files, folders or patterns: tables of football-data.co.uk, openfootball's JSON and text, or a table of
    your own with date, time, home_team, away_team, competition, home_score and away_score.
    """
    from pizza_assets.football.fixtures.book import FixtureBook  # pandas takes a second
    from pizza_assets.football.fixtures.files import read_fixtures

    read = read_fixtures(files)
    for line in report(read, FixtureBook(read)):
        click.echo(line)
    shown = ",".join(files)
    click.echo(f"\nNext: MATCHES_FILES='{shown}', or pizza-assets answer --orders ... --matches '{shown}'")


def report(files: "Sequence[FixtureFile]", book: "FixtureBook") -> Iterator[str]:
    """Yield what some files of fixtures are, for people."""
    rows = Counter[str]()
    for file in files:
        rows.update({file.source: len(file.entries)})
        fixtures = file.fixtures
        days = [fixture.day for fixture in fixtures]
        competitions = ", ".join(sorted({fixture.competition for fixture in fixtures}))
        yield f"{file.source}"
        yield f"  {file.description}; {competitions}; {len(fixtures):,} matches from {min(days)} to {max(days)}"
        yield f"  Times: {_clock(file)}."
    yield ""
    for season in book.seasons:
        end = "whole" if season.is_whole else "others may follow its last day, which are unknown"
        yield (f"{season.competition}, season from {season.first} to {season.last}: {season.matches:,} matches; {end}.")
    untimed = sum(not match.is_timed for match in book.matches.values())
    if untimed:
        yield f"{untimed:,} matches without a time: they are not analysed, and their days are in no baseline."
    rejected = [aside for aside in book.aside if aside.is_rejected]
    again = [aside for aside in book.aside if not aside.is_rejected]
    yield (
        f"{rows.total():,} rows = {len(book.matches):,} matches + {len(again):,} that tell of a match again + "
        f"{len(rejected):,} rejected."
    )
    for name, those in (("Told again", again), ("Rejected", rejected)):
        if those:
            yield f"{name}, for example {_in_words(those[0])}"
    unknown = book.unknown_clubs()
    if unknown:
        yield f"{len(unknown)} clubs without a city: their matches are not analysed. Add them by CLUBS_FILE:"
        for club, count in unknown.most_common(20):
            yield f"  {club}: {counted(count, 'match')}"
    else:
        yield "Every club has a city."


def _clock(file: "FixtureFile") -> str:
    zones = {fixture.zone for fixture in file.fixtures if fixture.clock is not None}
    if not zones:
        return "none"
    return ", ".join(sorted(_zone_in_words(zone) for zone in zones))


def _zone_in_words(zone: str | timedelta | None) -> str:
    if isinstance(zone, timedelta):
        return f"{zone / timedelta(hours=1):+g} h from UTC"
    return zone or "the clock of the home club's city"


def _in_words(aside: "Aside") -> str:
    return f"row {aside.fixture.row} of {aside.fixture.source}: {aside.reason}."
