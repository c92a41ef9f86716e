"""The command ``pizza-assets roll-up``: the order volume of a lake that one machine's memory does not hold.

Belongs here: options, reading and writing. Does not belong here: the roll-up (``analysis.volume``), which daily runs
do on arrays, with the same bytes.
"""

from pathlib import Path

import click

from pizza_assets.settings import Settings


@click.command("roll-up")
@click.option("--orders", required=True, help="Parquet file, folder or glob of orders; s3://... with Spark.")
@click.option("--output", default="order_volume.parquet", show_default=True, help="Where the volume is written.")
@click.option("--engine", type=click.Choice(["duckdb", "spark"]), default="duckdb", show_default=True)
@click.option("--master", help="Spark's master: local[*], spark://host:7077 ...")
def roll_up(orders: str, output: str, engine: str, master: str | None) -> None:
    """Count orders per city and 15 minutes, over any number of days, on DuckDB or Spark."""
    from pizza_assets import contracts
    from pizza_assets.analysis.volume import roll_up_expression
    from pizza_assets.lake import formats
    from pizza_assets.merchants.engines import open_engine
    from pizza_assets.merchants.inputs import is_remote, parquet_files

    settings = Settings.load(
        merchants_engine="spark" if master else engine, **({"merchants_spark_master": master} if master else {})
    )
    files = [orders] if is_remote(orders) else [str(path) for path in parquet_files(orders, "orders")]
    click.echo(f"rolling up {len(files)} files on {settings.merchants_engine}", err=True)
    with open_engine(settings) as opened:
        table = opened.run(roll_up_expression(opened.parquet(files))).table
    schema = contracts.arrow_schema(contracts.ORDER_VOLUME)
    volume = contracts.validate(
        contracts.from_arrow(table.cast(schema), contracts.ORDER_VOLUME), contracts.ORDER_VOLUME
    )
    Path(output).write_bytes(formats.parquet_bytes(volume, contracts.ORDER_VOLUME))
    click.echo(f"{volume['orders'].sum():,} orders in {len(volume):,} bins: {output}")
