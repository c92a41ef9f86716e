"""What must hold in a simulated world after each step, and at its end.

Belongs here: looking at the lake as it lies there, without faults, and comparing it with what was there and with what
is true. Does not belong here: making anything happen.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

import pyarrow
import pyarrow.parquet

from benchmarks.simulation.sales import WHERE as RAW_SALES
from benchmarks.simulation.stores import Lake
from benchmarks.simulation.world import COMPETITIONS, DAYS, SALES, World
from pizza_assets.dashboard.datasets import DATA_SETS
from pizza_assets.dashboard.publish import current_as_of
from pizza_assets.errors import LakeError, PizzaAssetsError
from pizza_assets.lake import formats, layout
from pizza_assets.lake.layout import ORDER_VOLUME, RAW_MATCHES, RAW_ORDERS, DailyLayout, SalesLayout
from pizza_assets.lake.store import CHECKSUM, Metadata, Store

_RAW = (RAW_MATCHES, RAW_ORDERS)
#: Something of which data are true: a competition, ``orders`` or ``sales``.
Source = str


@dataclass(frozen=True)
class RealDay:
    """A real day as the lake has it: revision and numbers of what is stored and rejected, by source."""

    sha256: str
    stored: Mapping[Source, tuple[int, frozenset[str]]]
    rejected: Mapping[Source, frozenset[str]]

    @property
    def known(self) -> frozenset[str]:
        """The numbers of all records that are not lost."""
        return frozenset().union(*(numbers for _, numbers in self.stored.values()), *self.rejected.values())


@dataclass
class Watch:
    """Compares the lake with what it was before.

    ``unfinished`` are days of data sets that a run was about to replace when it ended badly: they may have two
    variants, or another quarantine than their data tell, until a run stores them. ``unreadable`` are keys whose
    metadata was lost: until a run writes them, nobody can tell whether they are whole, but they must stay.
    """

    lake: Lake
    store: Store
    world: World
    unfinished: set[tuple[str, date]] = field(default_factory=set)
    unreadable: set[str] = field(default_factory=set)
    real: dict[tuple[str, date], RealDay] = field(default_factory=dict)
    _as_of: date | None = None

    def look(self) -> list[str]:
        """Return what is wrong now."""
        changed = {key for key in map(self.lake.key, self.lake.changed) if key is not None}
        self.lake.changed.clear()
        listed = {item.key for item in self.store.list("")}
        problems = list(self._whole(changed & listed))
        if problems:
            return problems  # what is damaged cannot be read
        for where in _RAW:
            problems += self._raw(where, listed, changed)
        problems += self._sales(listed, changed)
        is_known = not any(key.startswith("quicksight-ready/") for key in self.unreadable & listed)
        if is_known and any(key.startswith("quicksight-ready/") for key in changed):
            problems += self._current(listed)
        return problems

    def lose_metadata(self) -> None:
        """Take it that the metadata of all that is there is gone."""
        self.unreadable = {item.key for item in self.store.list("")}

    def _whole(self, keys: set[str]) -> Iterator[str]:
        for key in sorted(keys):
            try:
                self.store.read(key)
                self.store.metadata(key)
            except LakeError as error:
                if key not in self.unreadable:
                    yield f"not whole: {error}"
            else:
                self.unreadable.discard(key)

    def _raw(self, where: DailyLayout, listed: set[str], changed: set[str]) -> Iterator[str]:
        now: dict[date, list[str]] = {}
        for key in listed:
            day = layout.day_of(key) if key.startswith((f"{where.prefix}/real/", f"{where.prefix}/mock/")) else None
            if day:
                now.setdefault(day, []).append(key)
        for day, keys in sorted(now.items()):
            is_unfinished = (where.name, day) in self.unfinished
            if len(keys) > 1 and not is_unfinished:
                yield f"{where.name} {day} has {len(keys)} variants"
            if where.key(day, "real") in keys:
                yield from self._real_day(where, day, where.key(day, "real"), listed, changed)
        for name, day in self.real:
            if name == where.name and where.key(day, "real") not in now.get(day, ()):
                yield f"{where.name} {day} was real and is {'mock' if day in now else 'absent'}"

    def _sales(self, listed: set[str], changed: set[str]) -> Iterator[str]:
        for day in DAYS:
            key, was_real = RAW_SALES.key(day), (RAW_SALES.name, day) in self.real
            if key not in listed or key in self.unreadable:
                if was_real and key not in listed:
                    yield f"{RAW_SALES.name} {day} was real and is absent"
            elif self.store.metadata(key)["data-source"] == "real":
                yield from self._real_day(RAW_SALES, day, key, listed, changed)
            elif was_real:
                yield f"{RAW_SALES.name} {day} was real and is mock"

    def _real_day(
        self, where: DailyLayout | SalesLayout, day: date, key: str, listed: set[str], changed: set[str]
    ) -> Iterator[str]:
        parts = {key, where.rejected_key(day)} & listed
        if not (parts & changed or where.rejected_key(day) in changed) or parts & self.unreadable:
            return
        is_unfinished = (where.name, day) in self.unfinished
        facts = self.store.metadata(key)
        stored = _numbers(self.store.read(key), where.name)
        records = formats.read_ndjson(self.store.read(where.rejected_key(day))) if len(parts) == 2 else ()
        after = RealDay(facts[CHECKSUM], stored, _rejected(records))
        yield from _counted(where, day, facts, after, is_unfinished=is_unfinished)
        if before := self.real.get((where.name, day)):
            for source, (revision, _) in before.stored.items():
                if source not in stored:
                    yield f"{where.name} {day}: {source} is gone"
                elif stored[source][0] < revision:
                    yield f"{where.name} {day}: {source} is older than before"
            lost = before.known - after.known - self.world.removed
            if lost and not is_unfinished:
                yield f"{where.name} {day}: {', '.join(sorted(lost))} are neither stored nor rejected"
        self.real[where.name, day] = after

    def _current(self, listed: set[str]) -> Iterator[str]:
        as_of = current_as_of(self.store)
        if self._as_of and (as_of is None or as_of < self._as_of):
            yield f"current/ was of {self._as_of} and is of {as_of}"
        self._as_of = as_of
        for name in DATA_SETS:
            key = layout.current_key(name)
            if as_of and layout.manifest_key(name) not in listed:
                continue
            if as_of and key not in listed:
                yield f"the manifest is of {as_of}, and {key} is absent"
            elif as_of and date.fromisoformat(self.store.metadata(key)["as-of"]) < as_of:
                yield f"the manifest is of {as_of}, and {key} is older"

    def is_true(self, days: Sequence[date], names: Iterable[str]) -> Iterator[str]:
        """Say where days of raw data sets differ from what is true; they were collected without faults just now."""
        for where, sources in ((RAW_MATCHES, tuple(COMPETITIONS)), (RAW_ORDERS, ("orders",)), (RAW_SALES, (SALES,))):
            for day in days if where.name in names else ():
                found = self.real.get((where.name, day))
                if found is None:
                    yield f"{where.name} {day} was collected and is not real"
                    continue
                for source in sources:
                    visible = self.world.visible(source, day)
                    good = frozenset(record.number for record in visible if not record.is_broken)
                    bad = frozenset(record.number for record in visible if record.is_broken)
                    revision = self.world.revisions[source, day]
                    if found.stored.get(source, (revision, frozenset())) != (revision, good):
                        yield f"{where.name} {day}: {source} is {found.stored.get(source)}, true is {revision}, {good}"
                    if found.rejected.get(source, frozenset()) != bad:
                        yield f"{where.name} {day}: of {source} {found.rejected.get(source)} are rejected, not {bad}"

    def counts_all(self, days: Sequence[date]) -> Iterator[str]:
        """Say where the volume of days does not count their orders; a run made both just now."""
        for day in days:
            facts = self.store.metadata(ORDER_VOLUME.key(day, "real"))
            keys = [RAW_ORDERS.key(day, "real"), RAW_ORDERS.key(day, "mock")]
            rows = [self.store.metadata(key)["rows"] for key in keys if any(self.store.list(key))]
            if rows[:1] != [facts["orders"]]:
                yield f"order_volume {day} counts {facts['orders']} orders, raw_orders has {rows[:1]}"


def _counted(
    where: DailyLayout | SalesLayout, day: date, facts: Metadata, of: RealDay, *, is_unfinished: bool
) -> Iterator[str]:
    rows, received, rejected = (int(facts[name]) for name in ("rows", "received", "rejected"))
    if received != rows + rejected + int(facts.get("set-aside", "0")):
        yield f"{where.name} {day}: received {received} is not stored {rows} + rejected {rejected}"
    if sum(len(numbers) for _, numbers in of.stored.values()) != rows:
        yield f"{where.name} {day}: its metadata count {rows} rows, it has others"
    found = sum(map(len, of.rejected.values()))
    if found != rejected and not is_unfinished:
        yield f"{where.name} {day}: {rejected} records were rejected, the quarantine has {found}"


@lru_cache(maxsize=10_000)
def _numbers(data: bytes, name: str) -> Mapping[Source, tuple[int, frozenset[str]]]:
    """Return the revision and the numbers of a day's rows, by source."""
    if name == RAW_SALES.name:
        lines = [json.loads(line) for line in data.splitlines()]
        revision = min((round(float(line["unit_price"]) * 100) - 100 for line in lines), default=0)
        return {SALES: (revision, frozenset(line["transaction_id"] for line in lines))} if lines else {}
    of_matches = name == RAW_MATCHES.name
    columns = ["match_id", "home_team_id", "competition"] if of_matches else ["order_id", "order_total"]
    table = pyarrow.parquet.read_table(pyarrow.BufferReader(data), columns=columns)
    found: dict[Source, tuple[int, set[str]]] = {}
    for row in table.to_pylist():
        source = row["competition"] if of_matches else "orders"
        revision = int(row["home_team_id"]) if of_matches else round(row["order_total"]) - 10
        known = found.setdefault(source, (revision, set()))
        found[source] = min(known[0], revision), known[1] | {row["match_id" if of_matches else "order_id"]}
    return {source: (revision, frozenset(numbers)) for source, (revision, numbers) in found.items()}


def _rejected(records: Sequence[Mapping[str, object]]) -> Mapping[Source, frozenset[str]]:
    found: dict[Source, set[str]] = {}
    for item in records:
        record = item["record"]
        if isinstance(record, Mapping):
            competition = record.get("competition")
            other = SALES if "receipt" in record else "orders"
            source = str(competition["code"]) if isinstance(competition, Mapping) else other
            number = record.get("id", record.get("order_id", record.get("receipt")))
            found.setdefault(source, set()).add(str(number))
    return {source: frozenset(numbers) for source, numbers in found.items()}


def differences(store: Store, model: Store) -> Iterator[str]:
    """Say where a lake differs from a model's."""
    ours, expected = ({item.key for item in lake.list("")} for lake in (store, model))
    for key in sorted(ours ^ expected):
        yield f"{key} is {'left over' if key in ours else 'missing'} after the last run"
    for key in sorted(ours & expected):
        try:
            if store.read(key) != model.read(key) or store.metadata(key) != model.metadata(key):
                yield f"{key} differs from the model's: {_difference(store, model, key)}"
        except PizzaAssetsError as error:
            yield str(error)


def _difference(store: Store, model: Store, key: str) -> str:
    ours, expected = dict(store.metadata(key)), dict(model.metadata(key))
    facts = {name: (ours.get(name), expected.get(name)) for name in ours.keys() | expected.keys()}
    return json.dumps({name: pair for name, pair in facts.items() if pair[0] != pair[1]})
