"""The command ``pizza-assets athena``: the lake as Athena sees it.

Belongs here: options and what is printed. Does not belong here: the statements.
"""

import click

from pizza_assets.settings import Settings


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
