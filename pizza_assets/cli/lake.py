"""The commands of the lake: ``pizza-assets lake``, ``restore`` and ``athena``.

Belongs here: options and what is printed. Does not belong here: what the commands do.
"""

from datetime import datetime

import click

from pizza_assets.cli.options import DAY, Group, span
from pizza_assets.platform.printable import counted
from pizza_assets.settings import Settings

_COLLECTED = ("raw_matches", "raw_orders", "raw_retailer_1", "raw_retailer_2", "raw_retailer_3", "raw_dominos_sales")


@click.group(cls=Group)
def lake() -> None:
    """Take days, or what has expired, out of the lake."""


@lake.command()
@click.option("--from", "first", **DAY, required=True, help="First day.")
@click.option("--to", "last", **DAY, required=True, help="Last day.")
@click.option("--data-set", type=click.Choice(_COLLECTED), required=True, help="What was collected of these days.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(first: datetime, last: datetime, data_set: str, *, yes: bool) -> None:
    """Remove what was collected of some days, real data, too; no other command does that.

    What was made of these days stays until it is made again.
    """
    from pizza_assets.lake import lake_to_read
    from pizza_assets.lake.layout import DAILY_TABLES, SALES_TABLES
    from pizza_assets.lake.lock import WriterLock
    from pizza_assets.lake.sales import SalesTable
    from pizza_assets.lake.tables import DailyTable

    since, until = span(first, last)
    store = lake_to_read(Settings.load())
    lock = WriterLock(store)
    lock.acquire()
    try:
        sales = SALES_TABLES.get(data_set)
        table = SalesTable(store, sales) if sales else DailyTable(store, DAILY_TABLES[data_set])
        days = [day for day in table.stored if since <= day <= until]
        real = sum(table.is_real(day) for day in days)
        if not days:
            click.echo(f"{data_set} has no day from {since} to {until}; nothing to do.")
            return
        what = f"{counted(len(days), 'day')} of {data_set} from {days[0]} to {days[-1]}, {real} of them real"
        if not yes:
            click.confirm(f"Remove {what}, from {store.uri(table.prefix)}? Only a copy brings them back", abort=True)
        count = sum(table.remove(day) for day in days)
        click.echo(
            f"Removed {what}: {counted(count, 'object')}. What was computed from them stays until it is computed again."
        )
    finally:
        lock.release()


@lake.command()
@click.option("--dry-run", is_flag=True, help="Say what would be removed; remove nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def expire(*, dry_run: bool, yes: bool) -> None:
    """Remove from a lake in a folder what is older than is kept; a bucket does so by its own lifecycle.

    Raw data is kept for 90 days after it was written, what analyses read for 365, the dashboard's history for 30; what
    viewers see, quality and the archive for ever. Real data goes, too.
    """
    from pizza_assets.lake import lake_to_read, retention

    store = lake_to_read(Settings.load())
    retention.check_is_folder(store)
    due = retention.by_rule(store)
    for rule, items in due.items():
        click.echo(
            f"{rule.name:<20}{len(items):>7} objects, {sum(item.size for item in items) / 1e6:>9,.1f} MB: {rule.why}"
        )
    if not due:
        click.echo("Nothing has expired.")
        return
    if dry_run:
        click.echo("Nothing was removed.")
        return
    count = sum(map(len, due.values()))
    if not yes:
        click.confirm(f"Remove {count} objects from {store.uri('')}? Only a copy brings them back", abort=True)
    removed = retention.expire(store)
    click.echo(f"Removed {sum(map(len, removed.values()))} objects.")


@click.group(cls=Group)
def athena() -> None:
    """Query the lake on S3 with Athena."""


@athena.command()
@click.option("--lake", help="s3://bucket[/prefix]; PIZZA_LAKE by default.")
@click.option("--database", default="pizza", show_default=True, help="Name of the Athena database.")
def ddl(lake: str | None, database: str) -> None:
    """Print the statements that make every daily data set a table; run them once, days need no registration."""
    from pizza_assets.lake import athena as statements

    settings = Settings.load()
    click.echo(statements.ddl(lake or settings.pizza_lake, database, settings.pizza_start_date), nl=False)


@click.command()
@click.option("--data-set", type=click.Choice(_COLLECTED), required=True, help="What was collected of the day.")
@click.option("--day", "asked", **DAY, required=True, help="The day.")
@click.option("--run", "run_id", help="The run whose data to bring back. Without it, the runs are listed.")
def restore(data_set: str, asked: datetime, run_id: str | None) -> None:
    """Bring a day back as a run wrote it, from the versions that a bucket keeps."""
    from pizza_assets.lake import lake_to_read
    from pizza_assets.lake import versions as older
    from pizza_assets.lake.daily import open_days
    from pizza_assets.lake.lock import WriterLock

    stored, day = lake_to_read(Settings.load()), asked.date()
    days = open_days(stored, data_set)
    if run_id is None:
        _, found = older.versions_of_day(stored, days.prefix, day)
        for run, version in {version.metadata.get("run-id"): version for version in found}.items():
            facts = f"{version.metadata.get('data-source')}, {version.metadata.get('rows')} rows"
            click.echo(f"{version.at:%Y-%m-%d %H:%M:%S} UTC: run {run}, {facts}")
        click.echo(f"To bring one back: pizza-assets restore --data-set {data_set} --day {day} --run RUN")
        return
    lock = WriterLock(stored)
    lock.acquire()
    try:
        store, found = older.versions_of_day(stored, days.prefix, day)
        count = older.restore(store, found, run_id, is_real=days.is_real(day))
    finally:
        lock.release()
    click.echo(f"{data_set} {day} is what the run {run_id} wrote: {counted(count, 'object')}.")
    click.echo(f"To make what follows from it: {_again(data_set, str(day))}")


def _again(data_set: str, day: str) -> str:
    if data_set in {"raw_matches", "raw_orders"}:
        follows = "order_volume+ or merged_orders" if data_set == "raw_orders" else "match_events+ or merged_orders"
        return f"pizza-assets backfill --from {day} --to {day} --select '{follows}'"
    return f"pizza-assets warehouse load --from {day} --to {day} --replace"
