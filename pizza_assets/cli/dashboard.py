"""The commands of the dashboard: ``pizza-assets dashboard`` and ``pizza-assets quicksight``.

Belongs here: options and what is printed. Does not belong here: what the commands do.
"""

import json
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pizza_assets.cli.options import Group
from pizza_assets.settings import Settings

if TYPE_CHECKING:
    from pizza_assets.dashboard.quicksight.data_sources import Target
    from pizza_assets.dashboard.quicksight.deploy import Deployment
    from pizza_assets.lake.store import Store


def _store(settings: Settings) -> "Store":
    from pizza_assets.lake import lake_to_read

    return lake_to_read(settings)


def page_of(store: "Store") -> Path:
    """Return the lake's page as a file here."""
    from pizza_assets.dashboard.stored_page import page_file

    return page_file(store, Path(".dagster"))


@click.command()
@click.option("--serve", is_flag=True, help="Serve the lake's page on loopback; it reloads when it changes.")
@click.option("--port", default=8060, show_default=True, type=click.IntRange(0, 65535), help="Port of --serve; 0: any.")
@click.option("--open/--no-open", "opens", default=True, help="Open a browser.")
def dashboard(*, serve: bool, port: int, opens: bool) -> None:
    """Open the local page: one file that needs no network."""
    settings = Settings.load()
    store = _store(settings)
    if not serve:
        path = page_of(store)
        click.echo(str(path))
        if opens:
            webbrowser.open(path.as_uri())
        return
    from pizza_assets.dashboard.serve import server

    serving = server(store, settings, port)
    address = f"{serving.address}/"
    click.echo(f"{address}  (Ctrl-C ends)")
    if opens:
        webbrowser.open(address)
    serving.serve_forever()
    click.echo("Ended.")


def _target(settings: Settings) -> "Target":
    """Return the target; viewers first see real data where the lake's current data has any."""
    from pizza_assets.dashboard.page import read_csv
    from pizza_assets.dashboard.quicksight.data_sources import target
    from pizza_assets.lake import layout

    to = target(settings)
    store = _store(settings)
    if not any(store.list(layout.current_key("meta"))):
        return to
    meta = read_csv(store.read(layout.current_key("meta")), "meta")
    is_real = len(meta) > 0 and "real" in meta["data_source"].iloc[0]
    return target(settings, "real" if is_real else "mock")


def _deployment() -> "Deployment":
    from pizza_assets.dashboard.quicksight.api import quicksight_api
    from pizza_assets.dashboard.quicksight.deploy import Deployment

    settings = Settings.load()
    to = _target(settings)
    return Deployment(quicksight_api(settings), to, click.echo)


@click.group(cls=Group)
def quicksight() -> None:
    """Set up, look at and take down the dashboard in QuickSight."""


def _print_requests(*, teardown: bool) -> None:
    from pizza_assets.dashboard.quicksight.data_sources import target
    from pizza_assets.dashboard.quicksight.deploy import requests, teardown_requests

    # A dry run asks nobody: neither QuickSight nor the lake.
    to = target(Settings.load())
    count = 0
    for operation, request in teardown_requests(to) if teardown else requests(to):
        click.echo(f"{operation} {json.dumps(request, indent=2, default=str)}")
        count += 1
    click.echo(
        f"{count} requests, all valid by the service's model and with every reference resolved. Nothing was sent."
    )


@quicksight.command()
@click.option("--dry-run", is_flag=True, help="Print the requests; send nothing.")
def deploy(*, dry_run: bool) -> None:
    """Create or update data sources, data sets, schedules and the dashboard, and publish it."""
    if dry_run:
        _print_requests(teardown=False)
        return
    click.echo(_deployment().deploy())


@quicksight.command()
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
def backup(file: Path) -> None:
    """Copy data sets, schedules and the dashboard to a file, with what was changed in the console."""
    from pizza_assets.dashboard.quicksight import backup as copies

    deployment = _deployment()
    text = copies.backup(deployment.api, deployment.to)
    file.write_text(text, encoding="utf-8")
    click.echo(f"{file}: {len(text):,} bytes. To put it back: pizza-assets quicksight restore {file}")


@quicksight.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def put_back(file: Path) -> None:
    """Put a copy back, also in another account, region or bucket."""
    from pizza_assets.dashboard.quicksight.backup import steps_of

    deployment = _deployment()
    click.echo(deployment.deploy(steps_of(file.read_text(encoding="utf-8"), deployment.to)))


@quicksight.command()
def status() -> None:
    """Show what is there."""
    for line in _deployment().status():
        click.echo(line)


@quicksight.command()
@click.option("--dry-run", is_flag=True, help="Print the requests; send nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def teardown(*, dry_run: bool, yes: bool) -> None:
    """Delete everything that deploy makes; the lake stays."""
    if dry_run:
        _print_requests(teardown=True)
        return
    if not yes:
        click.confirm("Delete the dashboard, its data sets and data sources from QuickSight?", abort=True)
    _deployment().teardown()
