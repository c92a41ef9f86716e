"""The command ``pizza-assets simulate``: the outside world on this machine's loopback, its faults included.

Belongs here: options and what is printed. Does not belong here: what is simulated.
"""

import click

from pizza_assets.settings import Settings


@click.group()
def simulate() -> None:
    """Simulate the outside world. All data that comes of it says that it is mock."""


@simulate.command()
@click.option("--rows", default=1_000_000, show_default=True, type=click.IntRange(1), help="Number of transactions.")
@click.option("--seed", type=click.IntRange(0), help="The same seed gives the same rows.  [default: MOCK_SEED]")
@click.option("--output", default="mock-merchants", show_default=True, help="A folder, or s3://bucket[/prefix].")
def merchants(rows: int, seed: int | None, output: str) -> None:
    """Write card transactions, as Parquet by year and month, and a CSV of their merchants."""
    from pizza_assets.lake import is_on_s3, open_lake, s3_client
    from pizza_assets.merchants.commands import step_progress
    from pizza_assets.synthetic.merchant_files import write
    from pizza_assets.synthetic.merchants import Simulation

    settings = Settings.load()
    store = open_lake(output, s3_client(settings) if is_on_s3(output) else None)
    simulation = Simulation(rows, settings.mock_seed if seed is None else seed)
    with step_progress(len(simulation.months), "simulating") as told:
        transactions, listed = write(simulation, store, told)
    click.echo(f"{rows:,} mock transactions in {store.uri(transactions)}, their merchants in {store.uri(listed)}.")
    click.echo(
        f"Ask them: pizza-assets merchants all --transactions {store.uri(transactions)} --merchants {store.uri(listed)}"
    )
