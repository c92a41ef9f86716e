"""``pizza-assets orders``: looking at exports, and asking what the files do not tell.

Belongs here: options, questions at a terminal, printing, writing the profile. Does not belong here: what is found
(``evidence.py``), its words (``inspection.py``).
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pizza_assets.cli.options import Group
from pizza_assets.errors import SettingsError

if TYPE_CHECKING:
    from pizza_assets.orders.till.columns import Question
    from pizza_assets.orders.till.evidence import Findings
    from pizza_assets.orders.till.profile import Profile
    from pizza_assets.orders.till.tables import Table

#: The profile beside which everything is written.
PROFILE = "orders.toml"

OnProgress = Callable[[str, int], None]


@click.group(cls=Group)
def orders() -> None:
    """Look at the exports of a till."""


def reading_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what may be said about exports on the command line; it wins over a profile."""
    for option in (
        click.option("--currency", help="Currency of the amounts, such as GBP."),
        click.option("--time-zone", help="Time zone of the till's clock, such as Europe/London."),
        click.option("--decimal", type=click.Choice([".", ","]), help="The decimal sign of the amounts."),
        click.option("--date-order", type=click.Choice(["dmy", "mdy", "ymd"]), help="04/05/24: what comes first."),
        click.option("--minor-units", is_flag=True, default=None, help="The amounts are in pence or cents."),
        click.option("--city", help="City of the one shop."),
        click.option("--shop", help="Name of the one shop, where no column names it."),
    ):
        command = option(command)
    return command


@orders.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--profile", "name", default=PROFILE, show_default=True, help="Profile to read, or to write when new.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@reading_options
@click.pass_context
def inspect(ctx: click.Context, /, files: Sequence[str], name: str, *, yes: bool, **said: Any) -> None:  # noqa: ANN401  # options
    """Say what the exports FILES are, and write a profile of them: what their columns mean.

    FILES are files, folders or patterns such as 'exports/*.csv'. A profile that is there is read; options are added to
    it, and what the files show otherwise is printed.
    """
    from pizza_assets.orders.till import inspection
    from pizza_assets.orders.till.book import Book

    path = Path(name)
    has_answers = any(value is not None for value in said.values())
    given, is_new = known_profile(name, said)
    with reading_progress() as on_progress:
        tables = all_tables(files)
        findings = answered(tables, given, on_progress, asks=not yes and _is_terminal())
        is_open = any(question.is_needed for question in findings.questions)
        book = None if is_open else Book(findings.tables, findings.profile, on_progress)
    try:
        for line in inspection.report(findings, book):
            click.echo(line)
        places = {shop: place.city for shop, place in book.places.items()} if book else {}
        click.echo("")
        if is_new or has_answers:
            path.write_text(inspection.profile_text(findings, places), encoding="utf-8")
            click.echo(
                f"Written: {path}{'' if is_new else ', with your answers'}. Correct it where something is wrong."
            )
            shops = path.with_name("shops.csv")
            if places and not shops.exists():
                shops.write_text(inspection.shops_text(places), encoding="utf-8")
                click.echo(f"Written: {shops}. It says where each shop is; fill in the city of those without one.")
        else:
            from pizza_assets.orders.till.evidence import find_out

            fresh = find_out(findings.tables, replace(given, rows=None, date_order=None, decimal=None)).profile
            found = list(inspection.differences(given, fresh, list(places)))
            click.echo(f"Read: {path}. " + (f"What differs: {'; '.join(found)}." if found else "The files fit it."))
        if not is_open:
            click.echo(f"Next: pizza-assets answer --orders '{','.join(files)}' --profile {path}")
        else:
            click.echo(f"Next: run this again with your answers, as options or in {path}; or export what is missing.")
    finally:
        if book:
            book.close()
    ctx.exit(1 if is_open else 0)


def inspected(ctx: click.Context, files: str, name: str, said: dict[str, Any], *, asks: bool) -> "tuple[str, Findings]":
    """Return the profile of exports, written first where it is new, and what it says of them.

    Ends the command where questions stay open.
    """
    if not Path(name).exists() and not name_of_ready_made(name):
        try:
            ctx.invoke(inspect, files=(files,), name=name, yes=not asks, **said)
        except click.exceptions.Exit as ended:
            if ended.exit_code:
                raise
    given, _ = known_profile(name, dict(said))
    with reading_progress() as on_progress:
        findings = answered(all_tables([files]), given, on_progress, asks=asks and _is_terminal())
    findings.check()
    return name, findings


def name_of_ready_made(name: str) -> bool:
    """Tell whether this is the name of a ready-made profile."""
    from pizza_assets.orders.till.profile import ready_made

    return name in ready_made()


def _is_terminal() -> bool:
    return sys.stdin.isatty()


@contextmanager
def reading_progress() -> Iterator[OnProgress]:
    """Give a function that shows which file is read, and how far: at a terminal only."""
    if not sys.stderr.isatty():
        yield lambda source, rows: None
        return

    def show(source: str, rows: int) -> None:
        click.echo(f"\r\x1b[Kreading {Path(source).name[:50]}: {rows:,} rows", nl=False, err=True)

    try:
        yield show
    finally:
        click.echo("\r\x1b[K", nl=False, err=True)


def all_tables(files: Sequence[str]) -> "list[Table]":
    """Return the tables of all files, from the oldest file to the newest.

    Raises
    ------
    SourceError
        When one cannot be read: a sentence for each.
    """
    from pizza_assets.orders.till.files import matching, tables_by_path

    paths = dict.fromkeys(path for item in files for path in matching(item))
    return [table for of_file in tables_by_path(paths).values() for table in of_file]


def known_profile(name: str, said: dict[str, Any]) -> "tuple[Profile, bool]":
    """Return the profile of this name with what was said on the command line, and whether it is new.

    Raises
    ------
    SettingsError
        When the profile cannot be read, or the city is not known.
    """
    from pizza_assets.orders.till.evidence import merged
    from pizza_assets.orders.till.profile import Profile, read_profile, ready_made

    path = Path(name)
    is_new = not path.exists()
    if is_new and name in ready_made():
        below = ready_made()[name]
    elif is_new and path.suffix != ".toml":
        raise SettingsError(
            f"--profile {name} must be a file such as orders.toml, or one of {', '.join(ready_made())}. Found neither."
        )
    else:
        below = Profile() if is_new else read_profile(path)
    city = said.pop("city", None)
    options = {key: value for key, value in said.items() if value is not None}
    above = replace(Profile(), **options)
    profile = merged(below, above)
    shop = profile.shop or city
    if city and shop:
        profile = replace(profile, shop=shop, shops={**profile.shops, shop: city})
    return profile, is_new


def answered(tables: "Sequence[Table]", given: "Profile", on_progress: OnProgress, *, asks: bool) -> "Findings":
    """Find out what the exports are; at a terminal ask what they do not tell."""
    from pizza_assets.orders.till.evidence import find_out, merged

    findings = find_out(tables, given, on_progress)
    while asks and findings.questions:
        answers = {question.key: _ask(question) for question in findings.questions}
        said = _as_profile({key: value for key, value in answers.items() if value})
        if said is None:
            return findings
        given = merged(given, said)
        findings = find_out(tables, given, on_progress)
    return findings


def _ask(question: "Question") -> str:
    kind = click.Choice(question.answers) if 0 < len(question.answers) < 8 else None
    answer: str = click.prompt(question.text, type=kind, default="", show_default=False, err=True)
    return answer


def _as_profile(answers: dict[str, str]) -> "Profile | None":
    """Return answers as a profile; None where there is none."""
    from pizza_assets.orders.till.profile import parsed_profile, quoted

    if not answers:
        return None
    lines = [
        f"{key} = {value}" if key == "minor_units" else f"{key} = {quoted(value)}" for key, value in answers.items()
    ]
    return parsed_profile("\n".join(lines), "that your answers make")
