"""The commands of the lake: ``pizza-assets lake`` and ``pizza-assets athena``.

Belongs here: options and what is printed. Does not belong here: what the commands do.
"""

from datetime import datetime

import click

from pizza_assets.options import DAY
from pizza_assets.settings import Settings

_COLLECTED = ("raw_matches", "raw_orders", "raw_retailer_1", "raw_retailer_2", "raw_retailer_3", "raw_dominos_sales")


@click.group()
def lake() -> None:
    """Take days out of the lake."""


@lake.command()
@click.option("--from", "first", **DAY, required=True, help="First day.")
@click.option("--to", "last", **DAY, required=True, help="Last day.")
@click.option("--data-set", type=click.Choice(_COLLECTED), required=True, help="What was collected of these days.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(first: datetime, last: datetime, data_set: str, *, yes: bool) -> None:
    """Remove what was collected of some days, real data, too; no other command does that.

    What was made of these days stays until it is made again.
    """
    from pizza_assets.lake import lake_of
    from pizza_assets.lake.layout import DAILY_TABLES, SALES_TABLES
    from pizza_assets.lake.lock import WriterLock
    from pizza_assets.lake.sales import SalesTable
    from pizza_assets.lake.tables import DailyTable

    store = lake_of(Settings.load())
    lock = WriterLock(store)
    lock.acquire()
    try:
        sales = SALES_TABLES.get(data_set)
        table = SalesTable(store, sales) if sales else DailyTable(store, DAILY_TABLES[data_set])
        days = [day for day in table.stored if first.date() <= day <= last.date()]
        real = sum(table.is_real(day) for day in days)
        if not days:
            click.echo(f"{data_set} has no day from {first.date()} to {last.date()}; nothing to do.")
            return
        told = f"{len(days)} days of {data_set} from {days[0]} to {days[-1]}, {real} of them real"
        if not yes:
            click.confirm(f"Remove {told}, from {store.uri(table.prefix)}? Only a copy brings them back", abort=True)
        count = sum(table.remove(day) for day in days)
        click.echo(f"Removed {told}: {count} objects. What was made of them stays until it is made again.")
    finally:
        lock.release()


@click.group()
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
