"""Days on their way to the lake: measured by their checks and encoded, many at once.

Belongs here: all that happens to a day between its asset and the lake. Does not belong here: what an asset makes of a
day, writing, and Dagster.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from time import monotonic
from typing import Any

import pandas as pd

from pizza_assets.errors import ContractError
from pizza_assets.lake.daily import Content, encoded_days
from pizza_assets.lake.tables import Encoded, Files
from pizza_assets.platform.kept import Kept
from pizza_assets.platform.quality.results import AnyCheck
from pizza_assets.platform.quality.structure import SCHEMA

#: A day, and what its asset made of it, or that it stays as it is stored.
Item = tuple[date, Content | Kept]

#: Rows of a day that a preview shows.
PREVIEW_ROWS = 3
#: Days are judged and encoded together, up to this many of them or of rows: much of the work on a day does not depend
#: on its rows.
_DAYS_AT_ONCE, _ROWS_AT_ONCE = 31, 100_000


@dataclass(frozen=True)
class MadeDay:
    """A day that is ready for the lake.

    ``encoded`` is what the lake keeps of ``content``, ``measured`` what each check measured, by its name, and
    ``seconds`` how long making, measuring and encoding took.
    """

    content: Content
    encoded: Encoded
    measured: Mapping[str, Any]
    seconds: float

    @property
    def day(self) -> date:
        """The day."""
        return self.encoded.day

    @property
    def first_rows(self) -> pd.DataFrame | None:
        """The first few rows, for a preview; None of files."""
        return None if isinstance(self.content, Files) else self.content.head(PREVIEW_ROWS)


def made_days(asset: str, checks: Sequence[AnyCheck], run_id: str, items: Iterable[Item]) -> Iterator[MadeDay | Kept]:
    """Yield days of an asset, in order, ready for the lake; days that are kept are handed on.

    Raises
    ------
    ContractError
        When a blocking check, or the contract, rejects a day: it notes both in `rejected`, and the days before it were
        yielded. Likewise whatever `items` raises.
    """
    for batch in _batches(checks, items):
        if isinstance(batch, Kept):
            yield batch
            continue
        started = monotonic()
        encoded = encoded_days(asset, {day: content for day, content, _, _ in batch}, run_id)
        for day, content, measured, seconds in batch:
            with _rejecting(day, SCHEMA):
                objects = next(encoded)
            yield MadeDay(content, objects, measured, seconds + monotonic() - started)
            started = monotonic()


#: A day, its content, what each check measured of it, and the seconds that all of this took.
_Measured = tuple[date, Content, Mapping[str, Any], float]


def _batches(checks: Sequence[AnyCheck], items: Iterable[Item]) -> Iterator[list[_Measured] | Kept]:
    """Yield days in batches, each measured; when making or measuring one fails, those before it come first."""
    batch: list[_Measured] = []
    rows, started = 0, monotonic()
    try:
        for day, content in items:
            kept = content if isinstance(content, Kept) else None
            if not isinstance(content, Kept):
                batch.append((day, content, _measured(checks, day, content), monotonic() - started))
                rows += content.counts["rows"]
            if batch and (kept or len(batch) == _DAYS_AT_ONCE or rows >= _ROWS_AT_ONCE):
                yield batch
                batch, rows = [], 0
            if kept:
                yield kept
            started = monotonic()
    except Exception:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _measured(checks: Sequence[AnyCheck], day: date, content: Content) -> Mapping[str, Any]:
    measured = {}
    for check in checks:
        with _rejecting(day, check.name):
            measured[check.name] = check.measure(day, content)
    return measured


@contextmanager
def _rejecting(day: date, check: str) -> Iterator[None]:
    """Note which check rejects which day in the ContractError that its context raises."""
    try:
        yield
    except ContractError as error:
        error.rejected = day, check
        raise
