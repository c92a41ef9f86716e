"""The commands of Delta tables of card transactions: ``pizza-assets delta``.

Belongs here: options and what is printed. Does not belong here: what the commands do.
"""

import click

from pizza_assets.cli.options import Group


@click.group(cls=Group)
def delta() -> None:
    """Card transactions as a Delta table, to ask with 'merchants --transactions TABLE' or TABLE@v3."""


@delta.command()
@click.argument("table")
@click.argument("transactions")
def append(table: str, transactions: str) -> None:
    """Append TRANSACTIONS (a Parquet file, folder or glob) to TABLE, a folder that is made where there is none."""
    from pizza_assets.merchants import delta as tables
    from pizza_assets.merchants.inputs import checked_files

    version = tables.append(table, checked_files(transactions))
    click.echo(f"{table}: version {version}")


@delta.command()
@click.argument("table")
def compact(table: str) -> None:
    """Rewrite the small files of TABLE as large ones; older versions stay readable."""
    from pizza_assets.merchants import delta as tables

    before, after = tables.compact(table)
    click.echo(f"{table}: {before} files, now {after}")


@delta.command()
@click.argument("table")
def versions(table: str) -> None:
    """List the versions of TABLE, the newest first."""
    from pizza_assets.merchants import delta as tables

    for number, at, what in tables.versions(table):
        click.echo(f"v{number}  {at:%Y-%m-%d %H:%M:%S}Z  {what}")
