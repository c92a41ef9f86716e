"""The command ``pizza-assets simulate``: the outside world, its faults included.

Belongs here: options and what is printed. Does not belong here: what is simulated.
"""

import click

from pizza_assets.cli.options import Group
from pizza_assets.settings import Settings


@click.group(cls=Group)
def simulate() -> None:
    """Simulate the outside world. All data that comes of it says that it is mock."""


class _Fault(click.ParamType[str]):
    """A fault's name, or ``retailer_2:`` and the name."""

    name = "fault"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the fault when it is one."""
        from pizza_assets.retail.mock_apis import FAULTS, RETAILERS

        retailer_id, _, fault = value.rpartition(":")
        if fault not in FAULTS or (retailer_id and retailer_id not in RETAILERS):
            meanings = "\n".join(f"  {name:<16}{meaning}" for name, meaning in FAULTS.items())
            self.fail(f"'{value}' is none. The faults, each alone or behind 'retailer_2:', are\n{meanings}", param, ctx)
        return value


@simulate.command()
@click.option("--port", default=8808, show_default=True, type=click.IntRange(0, 65535), help="Port; 0: any.")
@click.option("--fault", "faults", multiple=True, type=_Fault(), help="A fault, such as down or retailer_2:slow.")
@click.option("--lines", type=click.FloatRange(0, min_open=True), help="Mean lines of a retailer on a day.")
def retailers(port: int, faults: tuple[str, ...], lines: float | None) -> None:
    """Serve the three retailers on loopback until Ctrl-C, and print the settings with which they are asked."""
    from pizza_assets.retail.mock_apis import RetailerApis

    settings = Settings.load(**({} if lines is None else {"retail_mock_lines_per_day": lines}))
    server = RetailerApis(settings, faults, port)
    for name, value in server.environment().items():
        click.echo(f"export {name}={value}")
    click.echo(f"# Serving{' with ' + ', '.join(faults) if faults else ''}; Ctrl-C ends.", err=True)
    server.serve_forever()
    click.echo("Ended.", err=True)


@simulate.command()
@click.option("--rows", default=1_000_000, show_default=True, type=click.IntRange(1), help="Number of transactions.")
@click.option("--seed", type=click.IntRange(0), help="The same seed gives the same rows.  [default: MOCK_SEED]")
@click.option("--output", default="mock-merchants", show_default=True, help="A folder, or s3://bucket[/prefix].")
def merchants(rows: int, seed: int | None, output: str) -> None:
    """Write card transactions, as Parquet by year and month, and a CSV of their merchants."""
    from pizza_assets.cli.merchants import step_progress
    from pizza_assets.lake import lake_of
    from pizza_assets.merchants.mock import Simulation
    from pizza_assets.merchants.mock_files import write

    settings = Settings.load()
    store = lake_of(settings, output)
    simulation = Simulation(rows, settings.mock_seed if seed is None else seed)
    with step_progress(len(simulation.months), "simulating") as on_progress:
        transactions, listed = write(simulation, store, on_progress)
    click.echo(f"{rows:,} mock transactions in {store.uri(transactions)}, their merchants in {store.uri(listed)}.")
    click.echo(
        f"Ask them: pizza-assets merchants all --transactions {store.uri(transactions)} --merchants {store.uri(listed)}"
    )
