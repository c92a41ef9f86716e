"""Daily tables over a store: one frame a day, read lazily, replaced whole.

Belongs here: what a day of a data set consists of (bytes, quarantine, attachments) and the order in which
its parts change. Encoding a day is a function of the day; only ``replace`` writes. Does not belong here: computing
frames. Memory holds a few days at a time.
"""

import copy
import gzip
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, ClassVar, TypeVar, get_args

import pandas as pd
import pandera.pandas as pa
import pyarrow

from pizza_assets import contracts
from pizza_assets.errors import LakeError, MissingDayError, RealDataError
from pizza_assets.lake import formats, layout
from pizza_assets.lake.layout import DailyLayout, Note, SalesLayout
from pizza_assets.lake.months import Months
from pizza_assets.lake.store import Metadata, Store
from pizza_assets.platform.columns import Source
from pizza_assets.platform.kept import Kept
from pizza_assets.platform.redaction import safe_text
from pizza_assets.platform.upgrades import version_of

Got = TypeVar("Got")

#: The fact of a day that tells the version of its contract.
VERSION = "schema-version"
#: S3 holds 2 KB of metadata on an object.
_LONGEST_VALUE = 600
#: Days that a table holds decoded: those beside a day are asked for with it.
_FRAMES = 4


@dataclass(frozen=True)
class Day:
    """One day of a data set, as an asset makes it.

    ``facts`` go into the object's metadata, ``rejected`` records into the quarantine, ``raw`` objects (the source's
    own JSON), records ``set_aside`` (voids, refunds, tests, totals) and ``notes`` beside the data. ``received`` counts
    what the source gave.
    """

    frame: pd.DataFrame
    data_source: Source
    received: int | None = None
    rejected: Sequence[Mapping[str, object]] = ()
    raw: Sequence[Mapping[str, object]] | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    notes: Mapping[Note, str] = field(default_factory=dict)
    set_aside: Sequence[Mapping[str, object]] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Rows stored, received and rejected, and set aside where some are: received is the sum of the others."""
        stored, rejected = len(self.frame), len(self.rejected)
        counts = {
            "rows": stored,
            "received": stored if self.received is None else self.received,
            "rejected": rejected,
        }
        return {**counts, "set-aside": len(self.set_aside)} if self.set_aside else counts

    def head(self, rows: int) -> pd.DataFrame:
        """Return the first rows."""
        return self.frame.head(rows)


@dataclass(frozen=True)
class Files:
    """The files of one day that have no table of their own, by the end of their names."""

    content: Mapping[str, bytes]
    facts: Mapping[str, object] = field(default_factory=dict)
    #: Files do not tell real from mock as a whole.
    data_source: ClassVar[None] = None

    @property
    def counts(self) -> dict[str, int]:
        """The fact ``rows``, where it is told."""
        rows = self.facts.get("rows")
        return {"rows": rows if isinstance(rows, int) else 0, "rejected": 0}


@dataclass(frozen=True)
class Encoded:
    """One day as the lake keeps it: its objects by key, in the order in which they are written, and their metadata.

    ``key`` is the one that stands for the day.
    """

    day: date
    key: str
    objects: Mapping[str, bytes]
    facts: Metadata

    @property
    def size(self) -> int:
        """Bytes of all objects."""
        return sum(map(len, self.objects.values()))


@dataclass(frozen=True)
class StoredDay:
    """Where a day lies; the source is None for data sets that have no folder per source.

    The version is the listing's, and empty of a day that was replaced since.
    """

    key: str
    source: Source | None
    version: str = ""


def as_metadata(facts: Mapping[str, object]) -> Metadata:
    """Return facts as object metadata: ASCII text, each value shortened to what S3 takes."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in facts.items()}
    return {name: safe_text(text).encode("ascii", "replace").decode()[:_LONGEST_VALUE] for name, text in texts.items()}


class _Listing:
    """The dated keys below a prefix, each with its version, as they were when first asked for; views share it."""

    def __init__(self, store: Store, prefix: str) -> None:
        self._store, self._prefix = store, prefix

    @cached_property
    def keys(self) -> dict[date, dict[str, str]]:
        keys: dict[date, dict[str, str]] = {}
        for item in self._store.list(f"{self._prefix}/"):
            day = layout.day_of(item.key)
            if day:
                keys.setdefault(day, {})[item.key] = item.version
        return keys

    def renew(self) -> None:
        """List again when the keys are asked for."""
        self.__dict__.pop("keys", None)


class Days:
    """The dated keys below a prefix; a day's objects are replaced together.

    Of data sets that tell real from mock in the lake, mock never replaces real: ``replace`` is the only way to write a
    day, and holds the rule.
    """

    layout: DailyLayout | SalesLayout | None = None

    def __init__(self, store: Store, prefix: str) -> None:
        self.store, self.prefix = store, prefix
        self._listing = _Listing(store, prefix)

    @property
    def _keys(self) -> dict[date, dict[str, str]]:
        return self._listing.keys

    def replace(self, encoded: Encoded) -> str:
        """Write a day's objects in their order, then remove what it had before: a reader always finds some.

        Raises
        ------
        RealDataError
            When the day is mock, and real in the lake; nothing is written then.
        """
        if encoded.facts.get("data-source") == "mock" and self.is_real(encoded.day):
            raise RealDataError(
                f"{self.store.uri(encoded.key)}: mock data never replaces the real data of {encoded.day}. "
                "To remove that first: pizza-assets lake remove."
            )
        for key, data in encoded.objects.items():
            self.store.write(key, data, encoded.facts)
        for stale in self._keys.get(encoded.day, {}).keys() - set(encoded.objects):
            self.store.delete(stale)
        self._keys[encoded.day] = dict.fromkeys(encoded.objects, "")
        self._forget(encoded.day)
        return encoded.key

    def _forget(self, day: date) -> None:
        """Take it that a day is another from now on."""
        del day

    def is_real(self, day: date) -> bool:
        """Tell whether the lake has real data of a day now; False where the data set does not tell real from mock."""
        del day
        return False

    def real_rows(self, day: date) -> int | None:
        """Return how many real rows the lake has of a day now; None where it has no real data of it."""
        return int(self.facts(day)["rows"]) if self.is_real(day) else None

    def remove(self, day: date) -> int:
        """Remove all objects of a day, real or mock, its data first; return how many there were."""
        keys = sorted(self._keys.pop(day, {}), key=layout.is_beside)
        for key in keys:
            self.store.delete(key)
        self._forget(day)
        return len(keys)

    def keep(self, kept: Kept, run_id: str) -> Metadata:
        """Leave a real day as it is, and note beside it why, until the next ``replace``; return the day's metadata.

        Mock data that a killed run left beside the real data goes.

        Raises
        ------
        LakeError
            When the lake has no real data of the day.
        """
        if self.layout is None or not self.is_real(kept.day):
            raise LakeError(f"{self.prefix} has no real day {kept.day}, so there is nothing to keep. Collect it first.")
        key = self.layout.note_key(kept.day, "kept")
        self.store.write(key, _note(kept.day, kept.reason), as_metadata({"run-id": run_id, "reason": kept.reason}))
        of_day = self._keys.setdefault(kept.day, {})
        of_day[key] = ""
        if isinstance(self.layout, DailyLayout) and (left := self.layout.key(kept.day, "mock")) in of_day:
            self.store.delete(left)
            del of_day[left]
        return self.facts(kept.day)

    def facts(self, day: date) -> Metadata:
        """Return the metadata of a stored day."""
        raise NotImplementedError


class DailyTable(Days, Mapping[date, pd.DataFrame]):
    """The days of one data set in the lake: ``table[day]`` reads a frame, ``table.put(day, ...)`` replaces it.

    A reader sees the days that were there when it first looked, whole, old or new, and decodes only `columns`.
    """

    def __init__(self, store: Store, where: DailyLayout, columns: Sequence[str] | None = None) -> None:
        super().__init__(store, where.prefix)
        self.layout: DailyLayout = where
        self.columns = columns
        self._frames: dict[date, pd.DataFrame] = {}
        self._facts: dict[date, Metadata] = {}
        self._stored: dict[date, StoredDay] = {}
        self._range: dict[tuple[object, ...], pd.DataFrame] = {}

    def view(self, columns: Sequence[str] | None) -> "DailyTable":
        """Return a table that decodes only `columns`, and shares with this one what is known of the lake."""
        view = copy.copy(self)
        view.columns, view._frames = columns, {}
        return view

    @property
    def stored(self) -> Mapping[date, StoredDay]:
        """Every stored day, in order. Of two variants, left by a killed run, the real one counts."""
        if not self._stored:
            for day, keys in sorted(self._keys.items()):
                for key in sorted(key for key in keys if key.endswith(".parquet")):  # real comes after mock
                    self._stored[day] = StoredDay(key, self.layout.source_of(key), keys[key])
        return self._stored

    def remove(self, day: date) -> int:
        """Remove all objects of a day, real or mock, its data first, and the month that repeats it; return how many."""
        if self.layout.has_months:
            self.store.delete(layout.month_key(self.layout.name, day))
        return super().remove(day)

    def _forget(self, day: date) -> None:
        self._stored.clear()
        self._facts.pop(day, None)
        self._frames.pop(day, None)
        self._range.clear()

    def __getitem__(self, day: date) -> pd.DataFrame:
        if day not in self._frames:
            self._frames[day] = contracts.from_arrow(self.arrow(day), self.layout.contract)
            if len(self._frames) > _FRAMES:
                self._frames.pop(next(iter(self._frames)))
        return self._frames[day]

    def __iter__(self) -> Iterator[date]:
        return iter(self.stored)

    def __contains__(self, day: object) -> bool:
        return day in self.stored

    def __len__(self) -> int:
        return len(self.stored)

    def arrow(self, day: date, dictionaries: Sequence[str] = ()) -> pyarrow.Table:
        """Return a day as an Arrow table; texts of the columns in `dictionaries` come as dictionaries."""
        data, self._facts[day] = self._now(day, self.store.read_with_metadata)
        return formats.read_table(data, self.layout.contract, self.stored[day].key, self.columns, dictionaries)

    def _now(self, day: date, get: Callable[[str], Got]) -> Got:
        """Get something of a stored day. Where its variant was replaced since the listing, the other one counts."""
        listed = self.stored.get(day)
        if listed is None:
            raise MissingDayError(
                f"{self.layout.name} has no day {day}. Collect it first: pizza-assets backfill --from {day} --to {day}."
            )
        try:
            return get(listed.key)
        except LakeError as error:
            other: Source = "mock" if listed.source == "real" else "real"
            key = self.layout.key(day, other)
            if not error.is_missing or not any(item.key == key for item in self.store.list(key)):
                raise
            self._stored[day] = StoredDay(key, other, "")
            return get(key)

    def by_day(self, first: date, last: date, *, compacts: bool = False) -> dict[date, pyarrow.Table]:
        """Return the stored days from `first` to `last` (both included) as Arrow tables, in order; see `Months.read`.

        With `compacts` months are made again where they have to, which only the run that holds the lake's lock may do.
        """
        if compacts and self.columns is not None:
            raise ValueError(f"{self.layout.name}: months are made of whole days, not of the columns {self.columns}")
        if compacts and not all(of.version for of in self.stored.values()):
            self._listing.renew()  # it tells the versions of what was stored since
            self._stored.clear()
        days = [day for day in self.stored if first <= day <= last]
        if self.layout.has_months:
            keys = {day: (of.key, of.version) for day, of in self.stored.items()}
            found = Months(self.store, self.layout.name, keys, self._decode, version_of(self.layout.contract)).read(
                days, compacts=compacts
            )
            self._facts |= {day: of.facts for day, of in found.items()}
            return {day: of.table for day, of in found.items()}
        return {day: self.arrow(day) for day in days}

    def _decode(self, data: bytes, key: str) -> pyarrow.Table:
        return formats.read_table(data, self.layout.contract, key, self.columns)

    def between(self, first: date, last: date, *, compacts: bool = False) -> pd.DataFrame:
        """Return the stored days from `first` to `last` (both included) as one frame, not to be changed; see `by_day`.

        It is held until another range is asked for: the assets of a run ask for the same one.
        """
        asked = (first, last, tuple(self.columns or ()))
        if asked not in self._range:
            # One frame of all days costs a third of a frame for each of them.
            nothing = contracts.arrow_schema(self.layout.contract).empty_table()
            days = self.by_day(first, last, compacts=compacts).values()
            together = pyarrow.concat_tables(
                [nothing.select(self.columns or nothing.column_names), *days],
                promote_options="default",  # what may be null differs between versions of a contract
            )
            self._range.clear()
            self._range[asked] = contracts.from_arrow(together.combine_chunks(), self.layout.contract)
        return self._range[asked]

    def is_real(self, day: date) -> bool:
        """Tell whether the lake has real data of a day now; False where the data set does not tell real from mock."""
        if not self.layout.by_source:
            return False
        key = self.layout.key(day, "real")
        return any(item.key == key for item in self.store.list(key))

    def facts(self, day: date) -> Metadata:
        """Return the metadata of a stored day."""
        if day not in self._facts:
            self._facts[day] = self._now(day, self.store.metadata)
        return self._facts[day]

    def put(self, day: date, content: Day, run_id: str) -> str:
        """Store a day whole and return its key. What it replaces goes last: a reader always finds one.

        Raises
        ------
        ContractError
            When the frame breaks the contract; nothing is written then.
        """
        return self.replace(next(encoded_frames(self.layout, {day: content}, run_id)))


def _note(day: date, reason: str) -> bytes:
    return json.dumps({"day": str(day), "reason": reason}, ensure_ascii=False).encode()


def days_with_note(store: Store, where: DailyLayout | SalesLayout, note: Note) -> list[date]:
    """Return the days of a data set that have a note, in order; it reads the listing."""
    return sorted(day for day in (layout.day_of(item.key) for item in store.list(f"{where.prefix}/{note}/")) if day)


def noted(store: Store, where: DailyLayout | SalesLayout, note: Note) -> dict[date, str]:
    """Return what the notes about days of a data set say, by day, in order."""
    found = {day: read_if_there(store, where.note_key(day, note)) for day in days_with_note(store, where, note)}
    return {day: str(json.loads(data)["reason"]) for day, data in found.items() if data is not None}


def notes_of(store: Store, where: DailyLayout, day: date) -> dict[Note, str]:
    """Return the notes about one day."""
    found: dict[Note, bytes | None] = {note: read_if_there(store, where.note_key(day, note)) for note in get_args(Note)}
    return {note: json.loads(data)["reason"] for note, data in found.items() if data is not None}


def objects_beside(
    where: DailyLayout | SalesLayout,
    day: date,
    rejected: Sequence[Mapping[str, object]],
    received: Mapping[str, object] | None,
    notes: Mapping[Note, str] | None = None,
) -> dict[str, bytes]:
    """Return what lies beside a day's data, by key: its quarantine, what its source's API gave as it came, notes."""
    objects = {where.note_key(day, note): _note(day, reason) for note, reason in (notes or {}).items()}
    if rejected:
        objects[where.rejected_key(day)] = formats.ndjson_bytes(rejected)
    if received is not None:
        document = json.dumps({"day": str(day), **received}, ensure_ascii=False).encode()
        objects[where.received_key(day)] = gzip.compress(document, mtime=0)
    return objects


def read_if_there(store: Store, key: str) -> bytes | None:
    """Return an object's bytes; None where it is not there, or not any more."""
    try:
        return store.read(key)
    except LakeError as error:
        if error.is_missing:
            return None
        raise


def records_at(store: Store, key: str) -> Sequence[Mapping[str, Any]]:
    """Return the records of an NDJSON object beside a day's data; none where it is not there."""
    data = read_if_there(store, key)
    return () if data is None else formats.read_ndjson(data)


def received_objects(store: Store, where: DailyLayout, day: date) -> Sequence[Mapping[str, object]] | None:
    """Return the source's own objects of a real day; None where none are kept."""
    data = read_if_there(store, where.received_key(day))
    if data is None:
        return None
    objects: list[Mapping[str, object]] = json.loads(gzip.decompress(data))["objects"]
    return objects


def standard_facts(
    contract: pa.DataFrameSchema, run_id: str, data_source: Source, counts: Mapping[str, int]
) -> dict[str, object]:
    """Return what the metadata of every day of a table holds."""
    return {"data-source": data_source, "run-id": run_id, VERSION: str(version_of(contract)), **counts}


def encoded_frames(where: DailyLayout, days: Mapping[date, Day], run_id: str) -> Iterator[Encoded]:
    """Yield days as the lake keeps them; their frames are judged together.

    Raises
    ------
    ContractError
        When a frame breaks the contract; the days before it were yielded.
    """
    tables = contracts.valid_tables([content.frame for content in days.values()], where.contract)
    for (day, content), table in zip(days.items(), tables, strict=True):
        received = None if content.raw is None else {"objects": content.raw}
        objects = objects_beside(where, day, content.rejected, received, content.notes)
        if content.set_aside:
            objects[where.set_aside_key(day)] = formats.ndjson_bytes(content.set_aside)
        facts = {**standard_facts(where.contract, run_id, content.data_source, content.counts), **content.facts}
        key = where.key(day, content.data_source)
        objects[key] = formats.table_bytes(table, version_of(where.contract))
        yield Encoded(day, key, objects, as_metadata(facts))


class DatedFiles(Days):
    """Dated files below one prefix: reports and snapshots, one set a day."""

    def days(self, file: str) -> list[date]:
        """Return the days that have `file`, in order."""
        return sorted(day for day, keys in self._keys.items() if any(key.endswith(f"_{file}") for key in keys))

    def read(self, day: date, file: str) -> bytes:
        """Return the bytes of a day's file."""
        return self.store.read(layout.dated_key(self.prefix, day, file))

    def months(self, file: str, name: str, decode: Callable[[bytes, str], pyarrow.Table]) -> Months:
        """Return compact months of one file of each day."""
        self._listing.renew()  # it tells the versions of what was stored since
        keys = {day: (layout.dated_key(self.prefix, day, file), keys) for day, keys in self._keys.items()}
        return Months(self.store, name, {day: (key, of[key]) for day, (key, of) in keys.items() if key in of}, decode)

    def put(self, day: date, files: Files, run_id: str) -> str:
        """Replace the day's files and return the key of the first one."""
        return self.replace(next(encoded_files(self.prefix, {day: files}, run_id)))


def encoded_files(prefix: str, days: Mapping[date, Files], run_id: str) -> Iterator[Encoded]:
    """Yield days as the lake keeps them; the first file stands for its day."""
    for day, files in days.items():
        objects = {layout.dated_key(prefix, day, name): data for name, data in files.content.items()}
        yield Encoded(day, next(iter(objects)), objects, as_metadata({"run-id": run_id, **files.facts}))
