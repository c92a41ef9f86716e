"""Progress of days: a live line for each asset on a terminal, a line for each asset elsewhere.

Belongs here: showing the records of ``pizza_assets.progress``, one for each day that is stored or kept. Does not belong
here: storing. rich is imported where there is a terminal only.
"""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from time import monotonic
from typing import Protocol

import click

from pizza_assets.platform.kept import Kept, sentences
from pizza_assets.platform.printable import counted
from pizza_assets.platform.redaction import safe_text

#: Columns of a terminal that a bar, rate and time left need.
_WIDE = 60


class _Shows(Protocol):
    """Shows that a day of an asset is done."""

    def __call__(self, asset: str, day: date, done: int, kept: int) -> None:
        """Show it; `done` days of the asset are stored or kept by now, `kept` of them kept."""


class _Days(logging.Handler):
    """Calls a function for each day that is stored or kept."""

    def __init__(self, on_day: Callable[[str, date, str | None], None]) -> None:
        super().__init__(logging.INFO)
        self._on_day = on_day

    def emit(self, record: logging.LogRecord) -> None:
        self._on_day(record.__dict__["asset"], record.__dict__["day"], record.__dict__.get("reason"))


@contextmanager
def day_progress(days: int) -> Iterator[Mapping[str, Sequence[Kept]]]:
    """Show how many of the days of each asset are done, while a run lasts; after Ctrl-C say how many were stored.

    Yields the days that were kept, by asset; at the end it prints them.
    """
    kept: dict[str, list[Kept]] = {}
    done: dict[str, int] = {}
    logger = logging.getLogger("pizza_assets.progress")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    shown = _live(days) if sys.stderr.isatty() else _lines(days)
    with shown as show:

        def on_day(asset: str, day: date, reason: str | None) -> None:
            if reason is not None:
                kept.setdefault(asset, []).append(Kept(day, reason))
            done[asset] = done.get(asset, 0) + 1
            show(asset, day, done[asset], len(kept.get(asset, ())))

        handler = _Days(on_day)
        logger.addHandler(handler)
        try:
            yield kept
        except KeyboardInterrupt:
            stored = ", ".join(f"{asset} {count} of {days} days" for asset, count in done.items())
            click.echo(f"Stored: {stored or 'no day yet'}.", err=True)
            raise
        finally:
            logger.removeHandler(handler)
    for asset, of_asset in kept.items():
        for sentence in sentences(of_asset):
            click.secho(safe_text(f"{asset}: {sentence}"), fg="yellow", err=True)


@contextmanager
def _lines(days: int) -> Iterator[_Shows]:
    """Print a line when an asset has all its days."""
    started = monotonic()

    def show(asset: str, day: date, done: int, kept: int) -> None:
        nonlocal started
        if done == days:
            seconds, started = monotonic() - started, monotonic()
            click.echo(f"stored {asset}: {counted(done - kept, 'day')}, the last is {day} ({seconds:.0f} s)", err=True)

    yield show


@contextmanager
def _live(days: int) -> Iterator[_Shows]:
    """Draw a line for each asset: days, rate, time left."""
    from rich.console import Console  # noqa: PLC0415 see the module
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    class Rate(ProgressColumn):
        """Days a second."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:.0f}/s" if speed else "")

    console = Console(stderr=True)
    columns: list[ProgressColumn] = [
        TextColumn("{task.description}"),
        TextColumn("{task.completed:>3.0f}/{task.total:.0f} days"),
    ]
    if console.width >= _WIDE:
        columns += [BarColumn(bar_width=None), Rate(), TimeRemainingColumn(compact=True, elapsed_when_finished=True)]
    tasks = {}
    with Progress(*columns, console=console, refresh_per_second=5, expand=True) as progress:

        def show(asset: str, day: date, done: int, kept: int) -> None:
            del day, kept
            if asset not in tasks:
                tasks[asset] = progress.add_task(f"{asset:<20}", total=days)
            progress.update(tasks[asset], completed=done)

        yield show
