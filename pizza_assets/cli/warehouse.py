"""The commands of the warehouse: ``pizza-assets warehouse``.

Belongs here: options and what is printed. Does not belong here: what the commands do.
"""

import csv
import re
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pizza_assets.cli.options import DAY, Group, span
from pizza_assets.errors import PizzaAssetsError, SettingsError, UseError
from pizza_assets.platform.printable import cell, counted
from pizza_assets.platform.redaction import safe_text
from pizza_assets.settings import Settings

if TYPE_CHECKING:
    from pizza_assets.lake.store import Store


def _store(settings: Settings) -> "Store":
    from pizza_assets.lake import lake_to_read

    return lake_to_read(settings)


def _table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows in columns; numbers and what is empty to the right."""
    texts = [["" if value is None else safe_text(str(value)) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(names, *texts, strict=True)]
    for row in (names, *texts):
        click.echo("  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _two_places(number: Decimal) -> Decimal:
    """Return a number without zeros after its second decimal place: money is stored with four."""
    return Decimal(re.sub(r"(\.\d\d\d*?)0+$", r"\1", f"{number:f}"))


@click.group(cls=Group)
def warehouse() -> None:
    """The retail warehouse: load it, look at it, ask it."""


@warehouse.command()
def migrate() -> None:
    """Bring the database's schema and roles to this version; makes them in an empty database."""
    from pizza_assets.warehouse import migrations
    from pizza_assets.warehouse.connection import address, connect, explained
    from pizza_assets.warehouse.roles import missing_roles

    with connect(address(Settings.load())) as connection, explained():
        before = migrations.current(connection)
        migrations.migrate(connection)
        missing = missing_roles(connection)
    click.echo(f"The schema is at revision {migrations.HEAD} (was: {before or 'none'}).")
    if missing:
        click.echo(
            f"Missing roles: {', '.join(missing)}; this user may not make them. Have an administrator run "
            f"{' '.join(f'CREATE ROLE {role} NOLOGIN;' for role in missing)} and run this again.",
            err=True,
        )


@warehouse.command()
def status() -> None:
    """Show what each retailer has: days, facts, duplicates, rejects, freshness."""
    from pizza_assets.warehouse.connection import reading
    from pizza_assets.warehouse.status import retailers, stale_days

    with reading(Settings.load()) as connection:
        found = retailers(connection)
        stale = stale_days(connection)
    names = ["retailer", "days", "real", "missing", "facts", "duplicates", "corrected", "rejects", "failed"]
    names += ["newest", "loaded"]
    rows = [
        (r.retailer_id, r.days, r.real_days, r.missing_days, r.facts, r.duplicates, r.corrected, r.rejected,
         r.failed, r.last_day or "-", f"{r.loaded_at:%Y-%m-%d %H:%M}Z" if r.loaded_at else "-")
        for r in found
    ]  # fmt: skip
    _table(names, rows)
    newest = max((r.last_day for r in found if r.last_day), default=None)
    behind = [r.retailer_id for r in found if newest and (r.last_day is None or r.last_day < newest)]
    if behind:
        click.echo(f"Behind the others, who have {newest}: {', '.join(behind)}")
    click.echo("The views are up to date." if not stale else f"The views have yet to take in {stale} retailer-days.")


@warehouse.command()
@click.option("--from", "first", **DAY, help="First day; the first one that the lake has by default.")
@click.option("--to", "last", **DAY, help="Last day; yesterday (UTC) by default.")
@click.option("--retailer", "only", multiple=True, help="Only this retailer; may be given several times.")
@click.option("--replace", is_flag=True, help="Replace loaded days.")
def load(first: datetime | None, last: datetime | None, only: tuple[str, ...], *, replace: bool) -> None:
    """Load what the lake has and the warehouse does not, check it, and refresh the views."""
    from pizza_assets.retail.business_days import time_zone_of
    from pizza_assets.retail.contract import RETAILER_IDS
    from pizza_assets.warehouse import intake
    from pizza_assets.warehouse.calendar import mark_match_dates
    from pizza_assets.warehouse.connection import warehouse as opened
    from pizza_assets.warehouse.marts import refresh as refresh_marts
    from pizza_assets.warehouse.quality import check_day

    unknown = set(only) - set(RETAILER_IDS)
    if unknown:
        raise UseError(f"--retailer {', '.join(sorted(unknown))}: expected one of {', '.join(RETAILER_IDS)}.")
    since, until = span(first, last, default=(date.min, datetime.now(UTC).date() - timedelta(days=1)))
    settings = Settings.load()
    store = _store(settings)
    all_days: set[date] = set()
    failed = []
    with opened(settings) as connection:
        for retailer in only or RETAILER_IDS:
            days = intake.days_to_load(connection, store, retailer, since, until, replace=replace)
            facts = 0
            zone = time_zone_of(settings, retailer)
            for done in intake.load_from_lake(connection, store, retailer, days, time_zone=zone, replace=replace):
                facts += done.inserted + done.corrected
                checks = check_day(connection, retailer, done.source_day)
                failed += [(retailer, name, found) for name, found in checks.items() if found.status != "passed"]
            click.echo(f"{retailer}: {counted(len(days), 'day')} loaded, {counted(facts, 'fact')}")
            all_days |= set(days)
        if all_days:
            mark_match_dates(connection, intake.match_dates(store, min(all_days), max(all_days)))
            refresh_marts(connection)
    for retailer, name, found in failed:
        kind = "error" if found.status == "error" else "warning"
        click.echo(safe_text(f"{kind}: {retailer} {found.day} {name}: {found.message}"), err=True)
    if any(found.status == "error" for _, _, found in failed):
        raise PizzaAssetsError("Checks failed; pizza-assets warehouse load --replace loads the days again.")


@warehouse.command()
@click.option("--full", is_flag=True, help="Recompute every day from the facts, not just what changed.")
def refresh(*, full: bool) -> None:
    """Bring the views up to date with the facts."""
    from pizza_assets.warehouse.connection import warehouse as opened
    from pizza_assets.warehouse.marts import refresh as refresh_marts

    with opened(Settings.load()) as connection:
        done = refresh_marts(connection, full=full)
    click.echo(
        f"{done.days} retailer-days rolled up in {done.roll_up_seconds:.1f} s, views in {done.view_seconds:.1f} s."
    )


@warehouse.command()
@click.argument("query", required=False)
@click.option("--list", "lists", is_flag=True, help="List the questions that have a name.")
@click.option("--show", is_flag=True, help="Print the query of a named question instead of asking it.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
def sql(query: str | None, *, lists: bool, show: bool, as_csv: bool) -> None:
    """Answer QUERY, the name of a question (--list) or SQL, as bi_reader, who may only read."""
    from pizza_assets.warehouse.queries import QUESTIONS

    if lists or not query:
        for name, question in QUESTIONS.items():
            click.echo(f"{name:<20}{question.asks}")
        return
    if query not in QUESTIONS and re.fullmatch(r"[\w-]+", query):
        near = get_close_matches(query, QUESTIONS, 1)
        raise UseError(
            f"'{query}': expected SQL or the name of a question{f', such as {near[0]}' if near else ''}. The names are "
            f"{', '.join(QUESTIONS)}."
        )
    text = QUESTIONS[query].sql if query in QUESTIONS else query
    if show:
        click.echo(text)
        return
    from pizza_assets.warehouse.connection import reader
    from pizza_assets.warehouse.status import ask

    with reader(Settings.load()) as connection:
        names, rows = ask(connection, text)
    shown = [[_two_places(value) if isinstance(value, Decimal) else value for value in row] for row in rows]
    if as_csv:
        guarded = [[cell(value) if isinstance(value, str) else value for value in row] for row in shown]
        csv.writer(sys.stdout, lineterminator="\n").writerows([names, *guarded])
    else:
        _table(names, shown)


@warehouse.command()
def serve() -> None:
    """Keep the embedded PostgreSQL running for psql and other tools on this machine, until Ctrl-C."""
    from psycopg.conninfo import make_conninfo

    from pizza_assets.warehouse.connection import address, reader
    from pizza_assets.warehouse.roles import READER_LOGIN

    settings = Settings.load()
    if settings.warehouse_url:
        raise SettingsError("WAREHOUSE_URL is set: that server runs by itself; connect psql to it.")
    ended = threading.Event()
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda *_: ended.set())
    with reader(settings):
        there = address(settings)
    click.echo(f'To read:    psql "{make_conninfo(there, user=READER_LOGIN)}"')
    click.echo(f'To change:  psql "{make_conninfo(there)}"')
    click.echo("Ctrl-C ends.")
    ended.wait()
    click.echo("Ended.")


@warehouse.command()
@click.option("--keep-months", type=click.IntRange(1), help="Whole months to keep; WAREHOUSE_KEEP_MONTHS by default.")
@click.option("--dry-run", is_flag=True, help="Say what would be archived; change nothing.")
def retention(keep_months: int | None, *, dry_run: bool) -> None:
    """Move old months of facts to the lake, as Parquet, verified before they are deleted."""
    from pizza_assets.warehouse import retention as keeping
    from pizza_assets.warehouse.connection import reading
    from pizza_assets.warehouse.connection import warehouse as opened
    from pizza_assets.warehouse.marts import refresh as refresh_marts

    settings = Settings.load()
    months = keep_months or settings.warehouse_keep_months
    if months is None:
        raise SettingsError("Expected --keep-months or WAREHOUSE_KEEP_MONTHS: how many whole months of facts to keep.")
    before = keeping.cutoff(datetime.now(UTC).date(), months)
    with reading(settings) as connection:
        due = keeping.due(connection, before)
    if dry_run or not due:
        for retailer, _, month, facts in due:
            click.echo(f"{retailer} {month:%Y-%m}: {facts} facts would be archived")
        click.echo(f"{len(due)} months of facts from before {before} are due.")
        return
    with opened(settings) as connection:
        store = _store(settings)
        for item in keeping.archive(connection, store, before):
            click.echo(f"{item.retailer_id} {item.month:%Y-%m}: {item.facts} facts archived in {store.uri(item.key)}")
        refresh_marts(connection)


@warehouse.command()
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    """Write the whole warehouse to FILE, in pg_dump's custom format."""
    from pizza_assets.warehouse import backup as backups
    from pizza_assets.warehouse.connection import warehouse as opened

    with opened(Settings.load()) as connection:
        size = backups.backup(connection, file)
    click.echo(f"{file}: {size:,} bytes. Restore it with: pizza-assets warehouse restore {file}")


@warehouse.command()
@click.argument("file", type=click.Path(path_type=Path))
def restore(file: Path) -> None:
    """Fill an empty warehouse from FILE, a backup of this or an older version."""
    from pizza_assets.warehouse import backup as backups
    from pizza_assets.warehouse import migrations
    from pizza_assets.warehouse.connection import address, connect

    with connect(address(Settings.load())) as connection:
        found = backups.restore(connection, file)
    click.echo(f"Restored from {file}: revision {found}, now {migrations.HEAD}.")
