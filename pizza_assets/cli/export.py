"""The command ``pizza-assets export``."""

from datetime import datetime
from pathlib import Path
from typing import get_args

import click

from pizza_assets.cli.options import DAY, span
from pizza_assets.settings import Settings

_FORMATS = ("csv", "json")
_DATA_SETS = ("raw_orders", "raw_matches", "merged_orders", "correlation_results")


@click.command()
@click.option("--from", "first", **DAY, required=True, help="First day.")
@click.option("--to", "last", **DAY, required=True, help="Last day.")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="csv", show_default=True)
@click.option("--data-set", "names", type=click.Choice(_DATA_SETS), multiple=True, help="By default all of these.")
@click.option("--output", default="export", show_default=True, type=click.Path(file_okay=False, path_type=Path))
def export(first: datetime, last: datetime, form: str, names: tuple[str, ...], output: Path) -> None:
    """Write days of the lake as CSV or JSON files.

    Folders and names are the lake's own, such as
    raw-data/dominos-orders/real/2024/03/09/20240309_000000_orders.csv. The lake stays as it is.
    """
    from pizza_assets.lake import lake_to_read
    from pizza_assets.lake.export import Format
    from pizza_assets.lake.export import export as export_days

    since, until = span(first, last)
    store = lake_to_read(Settings.load())
    chosen: Format = get_args(Format)[_FORMATS.index(form)]
    files = 0
    for name in names or _DATA_SETS:
        exported = list(export_days(store, name, since, until, chosen, output))
        files += len(exported)
        click.echo(f"{name}: {len(exported)} files, {sum(rows for _, rows in exported):,} rows")
    click.echo(f"{files} files below {output}")
