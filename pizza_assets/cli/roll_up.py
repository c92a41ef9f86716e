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
    """Count orders per city and 15 minutes, over any number of days, on DuckDB or Spark.

    Files may have several versions of the contract; those at an address, which only Spark reads, have today's.
    """
    import ibis

    from pizza_assets import contracts
    from pizza_assets.analysis.volume import COLUMNS, roll_up_expression
    from pizza_assets.lake import formats
    from pizza_assets.merchants.engines import open_engine
    from pizza_assets.merchants.inputs import is_remote, parquet_files
    from pizza_assets.platform.upgrades import upgraded_expression, version_of

    settings = Settings.load(
        merchants_engine="spark" if master else engine, **({"merchants_spark_master": master} if master else {})
    )
    versions: dict[int, list[str]] = {}
    if is_remote(orders):
        versions[version_of(contracts.DOMINOS_ORDERS)] = [orders]
    else:
        for path in parquet_files(orders, "orders"):
            versions.setdefault(formats.version_in(path, contracts.DOMINOS_ORDERS), []).append(str(path))
    click.echo(f"rolling up {sum(map(len, versions.values()))} files on {settings.merchants_engine}", err=True)
    with open_engine(settings) as opened:
        rows = [
            upgraded_expression(opened.parquet(files), contracts.DOMINOS_ORDERS, version, COLUMNS)
            for version, files in versions.items()
        ]
        table = opened.run(roll_up_expression(ibis.union(*rows) if len(rows) > 1 else rows[0])).table
    schema = contracts.arrow_schema(contracts.ORDER_VOLUME)
    volume = contracts.validate(
        contracts.from_arrow(table.cast(schema), contracts.ORDER_VOLUME), contracts.ORDER_VOLUME
    )
    Path(output).write_bytes(formats.parquet_bytes(volume, contracts.ORDER_VOLUME))
    click.echo(f"{volume['orders'].sum():,} orders in {len(volume):,} bins: {output}")
