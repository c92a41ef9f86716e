"""Compact months: what an analysis reads of a table, a month in one object, so that a year is a dozen reads.

Belongs here: making and reading them. Does not belong here: when (``tables``). A month repeats what its days hold, and
says of each which version of its object that is: a day that was replaced since is read by itself, until its month is
made again. Nothing is lost with a month.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow
import pyarrow.parquet as pq

from pizza_assets.errors import LakeError
from pizza_assets.lake import formats
from pizza_assets.lake.layout import DailyLayout
from pizza_assets.lake.store import Metadata, Store

_DAYS = b"days"


@dataclass(frozen=True)
class DayOfMonth:
    """A day as a month repeats it: its rows, the metadata of its object, and the version that a listing showed."""

    table: pyarrow.Table
    facts: Metadata
    version: str


def months_of(days: Iterable[date]) -> list[date]:
    """Return the first days of the months that these days are in, in order."""
    return sorted({day.replace(day=1) for day in days})


def month_bytes(days: Mapping[date, DayOfMonth]) -> bytes:
    """Return days of one month, in order, as Parquet; its footer tells the rows, facts and version of each."""
    told = {str(day): {"rows": len(of.table), "facts": of.facts, "version": of.version} for day, of in days.items()}
    together = pyarrow.concat_tables([of.table for of in days.values()], promote_options="default")
    return formats.table_bytes(together.combine_chunks().replace_schema_metadata({_DAYS: json.dumps(told).encode()}))


def days_in(data: bytes, where: DailyLayout, key: str, columns: Iterable[str] | None = None) -> dict[date, DayOfMonth]:
    """Return the days that a month repeats, decoding only `columns`.

    Raises
    ------
    LakeError
        When the bytes are no month of this table.
    """
    table = formats.read_table(data, where.contract, key, list(columns) if columns else None)
    told = (pq.read_metadata(pyarrow.BufferReader(data)).metadata or {}).get(_DAYS)
    if told is None:
        raise LakeError(f"{key} does not say which days it repeats. Remove it: it is made again.")
    days, start = {}, 0
    for day, of in json.loads(told).items():
        days[date.fromisoformat(day)] = DayOfMonth(table.slice(start, of["rows"]), of["facts"], of["version"])
        start += of["rows"]
    return days


def write_month(store: Store, key: str, days: Mapping[date, DayOfMonth]) -> None:
    """Put a month in place whole."""
    data = month_bytes(days)
    store.write(key, data, {"days": str(len(days)), "rows": str(sum(len(of.table) for of in days.values()))})
