"""``pizza-assets serve``: the page, answers for programs, and tonight.

Belongs here: options, and where alerts go. Does not belong here: answering (``service``).
"""

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

import click

from pizza_assets.cli.options import DAY
from pizza_assets.platform.redaction import safe_text
from pizza_assets.settings import Settings

if TYPE_CHECKING:
    from pizza_assets.forecast.tonight import Tonight
    from pizza_assets.lake.store import Store


@click.command()
@click.option("--port", default=8061, show_default=True, type=click.IntRange(0, 65535), help="Port; 0: any.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address; other than loopback: SERVICE_TOKEN.")
@click.option("--replay", **DAY, help="Show this stored day as tonight, from noon (UTC) on.")
@click.option("--speed", default=60.0, show_default=True, type=click.FloatRange(1, 3600), help="Speed of --replay.")
def serve(port: int, host: str, replay: datetime | None, speed: float) -> None:
    """Serve the page, JSON and GraphQL of what is published, and tonight against the forecast. Read-only.

    /api/v1/openapi.json describes the answers. Tonight needs TONIGHT_FILES, or --replay.
    """
    from pizza_assets.lake import lake_to_read
    from pizza_assets.service.app import LOOK_SECONDS, server

    settings = Settings.load()
    store = lake_to_read(settings)
    tonight = _tonight(store, settings, replay, speed)
    seconds = max(LOOK_SECONDS / speed, 1.0) if replay else LOOK_SECONDS
    serving = server(store, settings, port, host, tonight=tonight, look_seconds=seconds)
    click.echo(f"{serving.address}/  (Ctrl-C ends)")
    serving.serve_forever()
    click.echo("Ended.")


def _tonight(store: "Store", settings: Settings, replay: datetime | None, speed: float) -> "Tonight | None":
    from pizza_assets.forecast.tonight import ExportsArriving, ReplayClock, Replayed, Tonight

    if replay is not None:
        noon = datetime.combine(replay.date(), time(12), UTC)
        return Tonight(store, Replayed(store), ReplayClock(noon, speed), _alert)
    return Tonight(store, ExportsArriving(settings), alert=_alert) if settings.tonight_files else None


def _alert(sentence: str) -> None:
    click.secho(f"ALERT {safe_text(sentence)}", fg="red", err=True)
