"""Days on their way to the lake: made, measured by their checks and encoded, here or on all cores.

Belongs here: all that happens to a day before it is written; nothing here writes. Does not belong here: what an asset
makes of a day (``analysis/transforms``), and Dagster.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import groupby
from time import monotonic
from typing import Any

import pandas as pd

from pizza_assets.contracts.columns import Source
from pizza_assets.errors import ContractError
from pizza_assets.lake.daily import Content, encoded_days
from pizza_assets.lake.tables import Encoded, Files
from pizza_assets.platform.kept import Kept
from pizza_assets.platform.processes import on_all_cores
from pizza_assets.platform.quality.results import AnyCheck
from pizza_assets.platform.quality.structure import SCHEMA

#: Makes a day apart from all others, in any process: a partial of a module's function, of what can be pickled.
Recipe = Callable[[], Content]
#: A day, and what was made of it or how to.
Made = tuple[date, Content | Recipe]
#: The same, or that the day stays as it is stored.
Item = Made | tuple[date, Kept]

#: Rows of a day that a preview shows.
PREVIEW_ROWS = 3
#: Days are judged and encoded together, up to this many of them or of rows: much of the work on a day does not depend
#: on its rows.
_DAYS_AT_ONCE, _ROWS_AT_ONCE = 31, 100_000


@dataclass(frozen=True)
class MadeDay:
    """A day that is ready for the lake: its bytes, and what is known of it.

    Attributes
    ----------
    encoded
        What the lake keeps.
    counts
        Rows, received and rejected; of files, their fact ``rows``.
    data_source
        None of files.
    facts
        As its asset told them.
    first_rows
        The first few, for a preview; None of files.
    measured
        What each check measured, by its name.
    seconds
        How long making, measuring and encoding took.
    """

    encoded: Encoded
    counts: Mapping[str, int]
    data_source: Source | None
    facts: Mapping[str, object]
    first_rows: pd.DataFrame | None
    measured: Mapping[str, Any]
    seconds: float

    @property
    def day(self) -> date:
        """The day."""
        return self.encoded.day


def made_days(
    asset: str, checks: Sequence[AnyCheck], run_id: str, items: Iterable[Item], processes: int = 1
) -> Iterator[MadeDay | Kept]:
    """Yield days of an asset, in order, ready for the lake; recipes are followed on all cores, kept days handed on.

    Raises
    ------
    ContractError
        When a blocking check, or the contract, rejects a day: it notes both in `rejected`, and the days before it were
        yielded. Likewise what a recipe raises.
    """
    make = partial(_made, asset, checks, run_id)
    for kind, group in groupby(
        items, key=lambda item: type(item[1]) if isinstance(item[1], Kept) else callable(item[1])
    ):
        if kind is Kept:
            yield from (kept for _, kept in group if isinstance(kept, Kept))
        else:
            yield from on_all_cores(make, group, processes if kind else 1)


@dataclass(frozen=True)
class _Measured:
    content: Content
    by_check: Mapping[str, Any]
    seconds: float


def _made(asset: str, checks: Sequence[AnyCheck], run_id: str, items: Iterable[Made]) -> Iterator[MadeDay]:
    for batch in _batches(_measured(checks, items)):
        started = monotonic()
        encoded = encoded_days(asset, {day: of.content for day, of in batch.items()}, run_id)
        for day, of in batch.items():
            with _rejecting(day, SCHEMA):
                objects = next(encoded)
            content, seconds = of.content, of.seconds + monotonic() - started
            if isinstance(content, Files):
                rows = content.facts.get("rows")
                counts = {"rows": rows if isinstance(rows, int) else 0, "rejected": 0}
                yield MadeDay(objects, counts, None, content.facts, None, of.by_check, seconds)
            else:
                first = content.head(PREVIEW_ROWS)
                yield MadeDay(objects, content.counts, content.data_source, content.facts, first, of.by_check, seconds)
            started = monotonic()


def _measured(checks: Sequence[AnyCheck], items: Iterable[Made]) -> Iterator[tuple[date, _Measured]]:
    started = monotonic()
    for day, made in items:
        content = made() if callable(made) else made
        measured = {}
        for check in checks:
            with _rejecting(day, check.name):
                measured[check.name] = check.measure(day, content)
        yield day, _Measured(content, measured, monotonic() - started)
        started = monotonic()


@contextmanager
def _rejecting(day: date, check: str) -> Iterator[None]:
    """Note which check rejects which day in the ContractError that its context raises."""
    try:
        yield
    except ContractError as error:
        error.rejected = day, check
        raise


def _batches(days: Iterable[tuple[date, _Measured]]) -> Iterator[dict[date, _Measured]]:
    """Yield days in batches; when making one fails, those before it come first."""
    batch: dict[date, _Measured] = {}
    rows = 0
    try:
        for day, of in days:
            batch[day] = of
            rows += 0 if isinstance(of.content, Files) else of.content.counts["rows"]
            if len(batch) == _DAYS_AT_ONCE or rows >= _ROWS_AT_ONCE:
                yield batch
                batch, rows = {}, 0
    except Exception:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
