"""A run of the match-day branch on days of a simulated world, with the code that the assets are made of.

Belongs here: in which order a run collects, stores, analyses and publishes. Does not belong here: Dagster, whose
machinery of runs is left out, and faults, which come from the store and the sources.
"""

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, partial
from random import Random
from typing import Any, TypeVar

import pandas as pd

from benchmarks.simulation import bugs
from benchmarks.simulation.bugs import Bug
from benchmarks.simulation.machine import Faults, Process
from benchmarks.simulation.stores import Lake
from benchmarks.simulation.world import COMPETITIONS, DAYS, Mode, Source, World, settings_of
from pizza_assets import contracts
from pizza_assets.analysis import transforms
from pizza_assets.analysis.analyse import analyse, prepare
from pizza_assets.dashboard.assets import history as history_of
from pizza_assets.dashboard.datasets import DATA_SETS, data_sets
from pizza_assets.dashboard.publish import newer_than, publish
from pizza_assets.errors import LakeError, RealDataError, SourceError
from pizza_assets.football import football_data
from pizza_assets.football.collect import collect_matches
from pizza_assets.football.stored import matches_around, matches_day, stored_matches
from pizza_assets.lake import formats, layout
from pizza_assets.lake.daily import AnyTable, Content, encoded_days, open_days
from pizza_assets.lake.layout import (
    CORRELATION_FILES,
    CORRELATION_PREFIX,
    DASHBOARD_HISTORY_FILE,
    MERGED_ORDERS,
    ORDER_VOLUME,
    RAW_MATCHES,
    RAW_ORDERS,
    DailyLayout,
)
from pizza_assets.lake.store import CHECKSUM, Store
from pizza_assets.lake.tables import DailyTable, DatedFiles, Day, Encoded, Files, days_with_note
from pizza_assets.lake.uncovered import unobserved
from pizza_assets.operations.rereading import reread
from pizza_assets.orders import dominos
from pizza_assets.orders.collect import collect_orders
from pizza_assets.platform.collected import Collected, day_of
from pizza_assets.platform.kept import Kept

_ONE_DAY = timedelta(days=1)
_MOST_KNOWN = 5_000
_FEW_DATA_SETS = 2

_K = TypeVar("_K")
_V = TypeVar("_V")
Item = tuple[date, Content | Kept]
Collect = Callable[[Sequence[date], Store], Iterator[Collected | Kept]]


@dataclass(frozen=True)
class Asked:
    """What a run is to do: which days, and what its sources do then (by competition, and ``orders``).

    ``replays`` names the raw data set whose quarantine is read again instead. With ``is_analysed`` the analysis is the
    product's, else a stand-in takes its place: it would take most of the time. Likewise all data sets of the dashboard
    are published only where ``is_verified``. With ``is_day_by_day`` the sources are asked for each day by itself.
    """

    days: Sequence[date]
    modes: Mapping[str, Mode]
    allows_mock: bool = True
    replays: str | None = None
    is_analysed: bool = False
    is_verified: bool = False
    is_day_by_day: bool = False


class Run:
    """A run in a process, and what came of it: the days of each asset that it has stored or kept."""

    def __init__(
        self, asked: Asked, lake: Lake, world: World, process: Process, run_id: str, bug: Bug | None = None
    ) -> None:
        self.asked, self.process = asked, process
        self.stored: dict[str, list[date]] = {}
        self.kept: dict[str, list[date]] = {}
        #: What was collected, by raw data set.
        self.collected: dict[str, list[Item]] = {}
        self._world, self._bug, self._run_id = world, bug, run_id
        self._random = Random(run_id)
        self._store = bugs.planted_in_store(bug, lake.store(process))
        # What is skipped where it was made before must not meet faults: a seed always gives the same.
        self._calm = lake.store(Process(process.machine, Faults(), Random(0), is_observer=True))
        self._lock = lake.lock(process, self._store, bugs.lease_seconds(bug))
        modes = asked.modes
        self._settings = settings_of(
            has_matches=any(modes[name] != "unset" for name in modes if name != "orders"),
            has_orders=modes["orders"] != "unset",
            allows_mock=asked.allows_mock,
        )

    def make(self, collected: Mapping[str, list[Item]] | None = None) -> None:
        """Make all layers of the days, of what another run `collected` where it is given.

        Raises
        ------
        PizzaAssetsError
            As the product does.
        """
        try:
            self._lock.acquire()
            if collected is None:
                self._raw()
            else:
                for asset, items in collected.items():
                    self._put(asset, items)
            self._made_of_raw()
            self._analysed()
        finally:
            self._lock.release()

    def _table(self, asset: str, store: Store | None = None) -> AnyTable:
        return bugs.planted(self._bug, open_days(store or self._store, asset))

    def _put(self, asset: str, items: Iterable[Item]) -> None:
        """Make days, then store them one after another, as the IO manager does."""
        target = self._table(asset)
        made = list(items)
        encoded = encoded_by_content(asset, {day: of for day, of in made if not isinstance(of, Kept)}, self._run_id)
        for day, content in made:
            self._lock.acquire()  # it is still ours
            kept = content if isinstance(content, Kept) else replaced(target, encoded[day])
            if kept is None:
                self.stored.setdefault(asset, []).append(day)
            else:
                target.keep(kept, self._run_id)
                self.kept.setdefault(asset, []).append(day)

    def _raw(self) -> None:
        if self.asked.replays is not None:
            where = RAW_MATCHES if self.asked.replays == RAW_MATCHES.name else RAW_ORDERS
            again = ((day, reread(self._store, where, day, self._settings)) for day in self.asked.days)
            self._put(self.asked.replays, again)
            return
        days = self.asked.days
        for asset, collect in (
            (RAW_MATCHES.name, self._collected_matches),
            (RAW_ORDERS.name, self._collected_orders),
        ):
            parts = [[day] for day in days] if self.asked.is_day_by_day else [days]
            self.collected[asset] = [item for part in parts for item in self._items(asset, collect, part)]
            self._put(asset, self.collected[asset])

    def _items(self, asset: str, collect: Collect, days: Sequence[date]) -> list[Item]:
        """Collect days; what was collected before, of the same answers and stored days, is known."""
        sources = tuple(COMPETITIONS) if asset == RAW_MATCHES.name else ("orders",)
        modes = tuple(self.asked.modes[source] for source in sources)
        if set(modes) != {"up"}:
            self.process.sleep(self.process.random.choice([0, 0, 10]))  # who is away takes longer
        where = RAW_MATCHES if asset == RAW_MATCHES.name else RAW_ORDERS
        # Mock orders lie around the matches that are there.
        matches = tuple(self._versions(RAW_MATCHES, DAYS)) if modes not in {("up",), ("up", "up")} else ()
        stored = tuple(self._versions(where, days))
        told = self._world.told(sources, days)
        key = self._bug, asset, told, stored, matches, modes, self.asked.allows_mock
        if key not in _collected_before:
            self._random = Random(repr(key))
            try:
                to_store = matches_day if asset == RAW_MATCHES.name else day_of
                items: list[Item] | SourceError = [
                    (item.day, item if isinstance(item, Kept) else to_store(item, is_set_up=True))
                    for item in collect(days, self._calm)
                ]
            except SourceError as error:
                items = error.with_traceback(None)
            _bounded(_collected_before)[key] = items
        known = _collected_before[key]
        if isinstance(known, SourceError):
            raise SourceError(str(known), final=known.final)
        return known

    def _versions(self, where: DailyLayout, days: Sequence[date]) -> Iterator[tuple[str, str]]:
        """Yield each object of days, with the checksum of its bytes, which is not known where its metadata is lost."""
        for item in self._store.list(f"{where.prefix}/"):
            if layout.day_of(item.key) in days:
                yield item.key, _checksum(self._store, item.key)

    def _collected_matches(self, days: Sequence[date], store: Store) -> Iterator[Collected | Kept]:
        table, settings = self._days(RAW_MATCHES.name, store), self._settings
        stored = partial(stored_matches, table)
        if settings.football_api_key is None:
            return collect_matches(days, settings, stored)
        return collect_matches(days, settings, stored, session=self._session(football_data.open_session(settings)))

    def _collected_orders(self, days: Sequence[date], store: Store) -> Iterator[Collected | Kept]:
        settings = self._settings
        around = partial(matches_around, self._days(RAW_MATCHES.name, store), settings)
        real_rows = self._days(RAW_ORDERS.name, store).real_rows
        if settings.dominos_api_key is None:
            return collect_orders(days, settings, around, real_rows)
        session = self._session(dominos.open_session(settings))
        return collect_orders(days, settings, around, real_rows, session=session)

    def _session(self, of_product: Any) -> Source:  # noqa: ANN401 only its API is of interest
        return Source(of_product.api, self._settings, self._world, self.asked.modes, self._random)

    def _days(self, asset: str, store: Store | None = None) -> DailyTable:
        table = self._table(asset, store)
        if not isinstance(table, DailyTable):
            raise TypeError(f"{asset} is no daily table")
        return table

    def _made_of_raw(self) -> None:
        days, matches, orders = self.asked.days, self._days(RAW_MATCHES.name), self._days(RAW_ORDERS.name)
        if self.asked.replays != RAW_ORDERS.name:
            self._put("match_events", ((day, self._made(transforms.events, [(matches, day)], day)) for day in days))
        if self.asked.replays != RAW_MATCHES.name:
            self._put(ORDER_VOLUME.name, ((day, self._made(transforms.volume, [(orders, day)], day)) for day in days))
        beside: set[date] = set()
        if self.asked.replays == RAW_MATCHES.name:
            beside = {days[0] - _ONE_DAY, days[-1] + _ONE_DAY} & set(self._days(MERGED_ORDERS.name))
        self._put(MERGED_ORDERS.name, ((day, self._merged(orders, matches, day)) for day in sorted({*days, *beside})))

    def _made(self, recipe: Callable[..., Day], reads: Sequence[tuple[DailyTable, date]], day: date) -> Day:
        """Return what a recipe makes of a day; where it was made before of the same bytes, only these are read."""
        if any(of not in table.stored for table, of in reads):
            return recipe(*{id(table): table for table, _ in reads}.values(), day)
        key = recipe.__name__, day, tuple(table.store.read(table.stored[of].key) for table, of in reads)
        if key not in _made_before:
            names = dict.fromkeys(table.layout.name for table, _ in reads)
            _bounded(_made_before)[key] = recipe(*(self._days(name, self._calm) for name in names), day)
        return _made_before[key]

    def _merged(self, orders: DailyTable, matches: DailyTable, day: date) -> Day:
        near = [of for of in (day - _ONE_DAY, day, day + _ONE_DAY) if of in matches]
        return self._made(transforms.merged, [(orders, day), *((matches, of) for of in near)], day)

    def _analysed(self) -> None:
        days, window = self.asked.days, self._settings.analysis_window_days
        volume, matches = self._days(ORDER_VOLUME.name), self._days(RAW_MATCHES.name)
        as_of, first = days[-1], days[0] - timedelta(days=window - 1)
        if self.asked.is_analysed:
            inputs = _window(volume, matches, first, as_of)
            unknown = days_with_note(self._store, RAW_MATCHES, "unknown")
            prepared = prepare(*inputs[:3], unknown, inputs[3])
            self._put("correlation_results", ((day, transforms.analysed(prepared, window, (), day)) for day in days))
            results = DatedFiles(self._store, CORRELATION_PREFIX)
            self._put("dashboard_data", ((day, history_of(results, day)) for day in days))
        else:
            self._put("correlation_results", ((day, _stand_in(volume, day)) for day in days))
            history = Files({DASHBOARD_HISTORY_FILE: b"{}"}, {"rows": 0})
            self._put("dashboard_data", ((day, history) for day in days))
        if newer_than(self._store, as_of) is not None:
            return
        if self.asked.is_analysed:
            analysis = analyse(*inputs[:3], as_of, window, unknown, unobserved=inputs[3])
            # The day alone: the run that a model or a copy of the lake is compared with came earlier.
            built_at = datetime.combine(self._world.machine.wall_clock, time(), UTC)
            frames = data_sets(analysis, *inputs[:3], built_at)
        else:
            frames = _stand_in_frames(as_of, volume, is_whole=self.asked.is_verified)
        publish(self._store, frames, as_of, self._run_id, {})


def _checksum(store: Store, key: str) -> str:
    try:
        return store.metadata(key)[CHECKSUM]
    except LakeError:
        return "unknown"


#: What was collected before, by planted bug, data set, all that its sources told and what was stored.
_collected_before: dict[tuple[object, ...], list[Item] | SourceError] = {}
#: What was made before, by the recipe, the day and the bytes that it reads: the same few days are made again and again.
_made_before: dict[tuple[str, date, tuple[bytes, ...]], Day] = {}


def _bounded(known: dict[_K, _V]) -> dict[_K, _V]:
    """Empty what is known when it is too much."""
    if len(known) > _MOST_KNOWN:
        known.clear()
    return known


def replaced(target: AnyTable, encoded: Encoded) -> Kept | None:
    """Store a day as the IO manager does; return why it is kept instead, where it would be mock and is real."""
    try:
        target.replace(encoded)
    except RealDataError:
        return Kept(encoded.day, "the source now gives mock data for it")
    return None


#: What was pickled, by its identity; it is held, so that no other object gets the same one.
_pickles: dict[int, tuple[Content, bytes]] = {}
#: Days that were encoded before, by asset and content: most of them are made again and again.
_known: dict[tuple[str, date, bytes], Encoded] = {}


def encoded_by_content(asset: str, days: Mapping[date, Content], run_id: str) -> Mapping[date, Encoded]:
    """Encode days with the product's code, those that are not known."""
    keys = {day: (asset, day, _pickled(content)) for day, content in days.items()}
    new = {day: days[day] for day in days if keys[day] not in _known}
    if new:
        _bounded(_known).update({keys[of.day]: of for of in encoded_days(asset, new, run_id)})
    return {day: _of_run(_known[keys[day]], run_id) for day in days}


def _pickled(content: Content) -> bytes:
    """Return content as bytes; that of one object, which nobody changes, is known."""
    known = _pickles.get(id(content))
    if known is None:
        known = _bounded(_pickles)[id(content)] = content, pickle.dumps(content)
    return known[1]


def _of_run(encoded: Encoded, run_id: str) -> Encoded:
    return replace(encoded, facts={**encoded.facts, "run-id": run_id})


def _window(volume: DailyTable, matches: DailyTable, first: date, last: date) -> tuple[Any, Any, Any, Any]:
    facts = {day: volume.facts(day) for day in volume if first <= day <= last}
    counted = volume.between(first, last)
    sources = {day: of_day["data-source"] for day, of_day in facts.items()}
    return counted, matches.between(first, last), sources, unobserved(facts, counted["city"].unique())


@cache
def _no_results() -> bytes:
    return formats.csv_bytes(contracts.empty(contracts.CORRELATION_RESULTS))


def _stand_in(volume: DailyTable, day: date) -> Files:
    """Return files in the place of an analysis, which depend on the day's orders."""
    orders = volume.facts(day)["orders"] if day in volume.stored else None
    summary = formats.json_bytes({"as_of": str(day), "orders": orders})
    content = (_no_results(), _no_results(), summary)
    return Files(dict(zip(CORRELATION_FILES, content, strict=True)), {"rows": 0, "as-of": str(day)})


def _stand_in_frames(as_of: date, volume: DailyTable, *, is_whole: bool) -> Mapping[str, pd.DataFrame]:
    orders = int(volume.facts(as_of)["orders"]) if as_of in volume.stored else 0
    meta = pd.DataFrame({name: [orders if name == "orders" else str(as_of)] for name in DATA_SETS["meta"].columns})
    names = [*DATA_SETS][: None if is_whole else _FEW_DATA_SETS]
    return {name: meta if name == "meta" else _empty_frames()[name] for name in names}


@cache
def _empty_frames() -> Mapping[str, pd.DataFrame]:
    return {name: contracts.empty(schema) for name, schema in DATA_SETS.items()}
