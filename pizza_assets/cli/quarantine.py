"""The commands of the quarantine: ``pizza-assets quarantine list|replay``.

Belongs here: options and what is printed. Does not belong here: what the commands do.
"""

import json
from datetime import datetime

import click

from pizza_assets.cli.options import DAY, Group, span
from pizza_assets.platform.printable import counted
from pizza_assets.platform.redaction import safe_text
from pizza_assets.settings import Settings

_REPLAYED = ("raw_matches", "raw_orders")
_DATA_SETS = (*_REPLAYED, "raw_retailer_1", "raw_retailer_2", "raw_retailer_3", "raw_dominos_sales")
_LONGEST_EXAMPLE = 300

_from = click.option("--from", "first", **DAY, help="First day (UTC); the earliest by default.")
_to = click.option("--to", "last", **DAY, help="Last day; the latest by default.")


@click.group(cls=Group)
def quarantine() -> None:
    """Look at the records that were rejected, and read them again after a fix."""


@quarantine.command("list")
@click.option("--data-set", type=click.Choice(_DATA_SETS), help="Only this data set; all by default.")
@_from
@_to
def list_rejects(data_set: str | None, first: datetime | None, last: datetime | None) -> None:
    """Count the rejected records by their reason, with an example of each."""
    from pizza_assets.lake import lake_to_read
    from pizza_assets.operations.quarantine import kinds

    days = span(first, last)
    store = lake_to_read(Settings.load())
    found = [kind for name in ([data_set] if data_set else _DATA_SETS) for kind in kinds(store, name, *days)]
    for kind in found:
        click.echo(safe_text(f"{kind.data_set}: {kind.count} x {kind.reason} ({kind.days[0]} to {kind.days[-1]})"))
        click.echo(safe_text(f"  e.g. {kind.newest['reason']}"))
        click.echo(safe_text(f"       {json.dumps(kind.newest['record'], ensure_ascii=False)[:_LONGEST_EXAMPLE]}"))
    click.echo(f"{counted(sum(kind.count for kind in found), 'record')} rejected.")


@quarantine.command()
@click.option("--data-set", type=click.Choice(_REPLAYED), help="Only this data set; both by default.")
@_from
@_to
@click.pass_obj
def replay(debug: bool, data_set: str | None, first: datetime | None, last: datetime | None) -> None:
    """Read the rejected records again, with today's code and settings.

    Those that are valid now are stored, and what depends on their days runs; the rest stays rejected. No source is
    asked.
    """
    from pizza_assets.lake import lake_to_read
    from pizza_assets.operations.dagster_replay import replay as run
    from pizza_assets.operations.quarantine import REPLAYED, rejects
    from pizza_assets.operations.rereading import gains

    days = span(first, last)
    settings = Settings.load()
    store = lake_to_read(settings)
    for name in [data_set] if data_set else _REPLAYED:
        where = REPLAYED[name]
        gained = gains(store, where, *days, settings)
        if gained:
            run(settings, store, name, sorted(gained), verbose=debug)
        left = sum(len(of_day) for _, of_day in rejects(store, where, *days))
        stored = f"{counted(sum(gained.values()), 'record')} stored on {counted(len(gained), 'day')}"
        click.echo(f"{name}: {stored}, {left:,} still rejected.")
