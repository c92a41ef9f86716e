"""Compact months: what an analysis reads of many days, a month in one object, so that a year is a dozen reads.

Belongs here: making and reading them. Does not belong here: what a day's object holds. A month repeats what its days
hold, and says of each which version of its object that is: a day that was replaced since is read by itself, until its
month is made again. Nothing is lost with a month.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import pyarrow
import pyarrow.parquet as pq

from pizza_assets.errors import LakeError
from pizza_assets.lake import formats
from pizza_assets.lake.layout import month_key
from pizza_assets.lake.store import Metadata, Store, read_all

_LOGGER = logging.getLogger("pizza_assets.lake")
_DAYS = b"days"


@dataclass(frozen=True)
class DayOfMonth:
    """A day as a month repeats it: its rows, the metadata of its object, and the version that a listing showed."""

    table: pyarrow.Table
    facts: Metadata
    version: str


@dataclass(frozen=True)
class Months:
    """The compact months of one data set.

    ``stored`` tells the key and version of each day's object (the version is empty where it is not known), and
    ``decode`` makes a table of an object's bytes, a day's or a month's; ``version`` is that of its tables' contract.
    """

    store: Store
    name: str
    stored: Mapping[date, tuple[str, str]]
    decode: Callable[[bytes, str], pyarrow.Table]
    version: int = 1

    def read(self, days: Sequence[date], *, compacts: bool = False) -> dict[date, DayOfMonth]:
        """Return stored days: from their months where these repeat them as they are, else from their own objects.

        With `compacts` months that do not are made again, as a whole. From a bucket some objects are read at a time.
        """
        months = {month: month_key(self.name, month) for month in sorted({day.replace(day=1) for day in days})}
        there = [month for month, key in months.items() if key in self._keys] if len(days) > 1 else []
        read = read_all(self.store, self._days_in, [months[month] for month in there])
        lies = dict(zip(there, read, strict=True))
        wanted = [day for day in self.stored if day.replace(day=1) in months] if compacts else days
        found = {
            day: of
            for day in wanted
            if (of := lies.get(day.replace(day=1), {}).get(day)) and of.version == self.stored[day][1] != ""
        }
        alone = [day for day in wanted if day not in found]
        objects = read_all(self.store, self.store.read_with_metadata, [self.stored[day][0] for day in alone])
        for day, (data, facts) in zip(alone, objects, strict=True):
            key, version = self.stored[day]
            found[day] = DayOfMonth(self.decode(data, key), facts, version)
        for month, key in months.items() if compacts else ():
            of_month = {day: found[day] for day in sorted(wanted) if day.replace(day=1) == month}
            is_current = lies.get(month, {}).keys() == of_month.keys() and of_month.keys().isdisjoint(alone)
            if not is_current and all(of.version for of in of_month.values()):
                self.store.write(key, month_bytes(of_month, self.version), {"days": str(len(of_month))})
        return {day: found[day] for day in days}

    @cached_property
    def _keys(self) -> set[str]:
        return {item.key for item in self.store.list(month_key(self.name))}

    def _days_in(self, key: str) -> dict[date, DayOfMonth]:
        try:
            return days_in(self.store.read(key), key, self.decode)
        except LakeError as error:
            _LOGGER.warning("%s Its days are read one by one.", error)
            return {}


def month_bytes(days: Mapping[date, DayOfMonth], version: int = 1) -> bytes:
    """Return days of one month, in order, as Parquet; its footer tells the rows, facts and version of each."""
    facts = {str(day): {"rows": len(of.table), "facts": of.facts, "version": of.version} for day, of in days.items()}
    together = pyarrow.concat_tables([of.table for of in days.values()], promote_options="default")
    table = together.combine_chunks().replace_schema_metadata({_DAYS: json.dumps(facts).encode()})
    return formats.table_bytes(table, version)


def days_in(data: bytes, key: str, decode: Callable[[bytes, str], pyarrow.Table]) -> dict[date, DayOfMonth]:
    """Return the days that a month repeats.

    Raises
    ------
    LakeError
        When the bytes are no month.
    """
    table = decode(data, key).replace_schema_metadata()
    facts = (pq.read_metadata(pyarrow.BufferReader(data)).metadata or {}).get(_DAYS)
    if facts is None:
        raise LakeError(f"{key} does not say which days it repeats. Remove it: it is made again.")
    days, start = {}, 0
    for day, of in json.loads(facts).items():
        days[date.fromisoformat(day)] = DayOfMonth(table.slice(start, of["rows"]), of["facts"], of["version"])
        start += of["rows"]
    return days
