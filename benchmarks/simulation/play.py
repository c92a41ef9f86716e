"""Plays a schedule in a world of its own, and says what is wrong.

Belongs here: making each step happen, and asking the checks after it. Does not belong here: the steps themselves, and
what must hold.
"""

import random as global_random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from benchmarks.simulation import sales as retail
from benchmarks.simulation.bugs import Bug
from benchmarks.simulation.checks import Watch, differences
from benchmarks.simulation.machine import START, EndlessWaitError, Faults, Killed, Machine, Process
from benchmarks.simulation.pipeline import Asked, Run
from benchmarks.simulation.sales import Facts, SalesRun, Warehouse
from benchmarks.simulation.schedule import Schedule, Step
from benchmarks.simulation.spice import QuickSight
from benchmarks.simulation.stores import Bucket, Folder, Lake
from benchmarks.simulation.world import DAYS, SALES, UP, WORLDS, Mode, World, settings_of
from pizza_assets.dashboard.publish import current_rows
from pizza_assets.dashboard.quicksight.deploy import QuickSightError
from pizza_assets.dashboard.quicksight.refresh import Refresh
from pizza_assets.errors import LakeError, PizzaAssetsError
from pizza_assets.lake import layout
from pizza_assets.lake.layout import RAW_MATCHES, RAW_ORDERS
from pizza_assets.lake.sales import SalesTable
from pizza_assets.lake.store import CHECKSUM, Store
from pizza_assets.lake.tables import DailyTable
from pizza_assets.lake.verify import verify
from pizza_assets.operations.dagster_automation import decide
from pizza_assets.operations.expected_partitions import days_of_refresh
from pizza_assets.platform.dagster_active_runs import RANGE_TAGS

_ONE_DAY = timedelta(days=1)
_LAST_RUN = "last-run"
_AWAY: Mapping[str, Mode] = dict.fromkeys(UP, "away")
#: Tries of a refresh of QuickSight, as its asset has them, and rejections that end it at once.
_REFRESH_TRIES, _FINAL = 3, {"AccessDeniedException", "LimitExceededException", "ResourceNotFoundException"}
#: A folder on a file system in memory, where there is one.
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 below it is a folder of our own
#: When the last run starts: all days have ended.
_END = datetime.combine(DAYS[-1] + 2 * _ONE_DAY, time(12), START.tzinfo)


@dataclass
class _Ended:
    """What became of a run: the error that it ended with, if any, and whether that was a kill."""

    run: Run | SalesRun
    error: BaseException | None = None


@dataclass
class Outcome:
    """What a schedule showed. ``problems`` are of the step number ``step`` (0: the last run, or after it)."""

    problems: Sequence[str] = ()
    step: int = 0
    runs: int = 0
    failed: int = 0
    killed: int = 0
    kept_days: int = 0
    loads: int = 0
    refreshes: int = 0
    copies: int = 0


@dataclass
class _Play:
    schedule: Schedule
    bug: Bug | None
    folder: Path
    warehouse: Warehouse | None
    machine: Machine = field(default_factory=Machine)
    outcome: Outcome = field(default_factory=Outcome)
    cursor: str | None = None
    quicksight: QuickSight = field(default_factory=QuickSight)
    copies: list[Lake] = field(default_factory=list)
    facts: Facts = field(default_factory=dict)

    def __post_init__(self) -> None:
        random = Random(self.schedule.seed)
        self.world = World(self.schedule.seed % WORLDS, self.machine)
        self.lake = self._new_lake("lake")
        self.observer = Process(self.machine, Faults(), random, is_observer=True)
        self.watch = Watch(self.lake, self.lake.store(self.observer), self.world)
        kinds = {step.kind for step in self.schedule.steps}
        self.has_sales, self.has_quicksight = "sales" in kinds, "QuickSight" in kinds
        if not self.schedule.is_loaded:
            self.warehouse = None
        if self.warehouse is not None and self.has_sales:
            self.warehouse.clear()

    def _new_lake(self, name: str) -> Lake:
        return Bucket() if self.schedule.is_on_s3 else Folder(self.folder / name)

    def problems(self) -> Iterator[tuple[int, str]]:
        """Yield what is wrong, with the number of the step; whoever asks stops when something is."""
        for number, step in enumerate(self.schedule.steps, 1):
            # A step depends on its own seed only, so that others can be left out.
            self.machine.random = Random(step.seed)
            global_random.seed(step.seed)  # pauses before another try on S3
            for problem in self._step(step):
                yield number, problem
        for problem in self._last():
            yield 0, problem

    def _step(self, step: Step) -> Iterator[str]:
        last = self.machine.wall_clock.date() - step.ago * _ONE_DAY
        days = [day for day in DAYS if last - step.length * _ONE_DAY < day <= last]
        if step.kind == "correction":
            for day in days:
                self.world.correct(step.what, day)
        elif step.kind == "clock":
            self.machine.shift = timedelta() if self.machine.shift else -_ONE_DAY
        elif step.kind == "lost metadata" and isinstance(self.lake, Folder):
            self.lake.lose_metadata()
            self.watch.lose_metadata()
        elif step.kind == "QuickSight":
            yield from self._refreshed(f"spice-{step.seed}", step.faults.failing)
        elif step.kind == "daily refresh":
            yield from self._refresh(step)
        elif step.kind == "catch-up":
            yield from self._catch_up(step)
        elif step.kind == "sales" and days:
            yield from self._sold(step, days)
        elif days:
            writers = [step.faults, step.other] if step.kind == "two writers" else [step.faults]
            yield from self._runs(step, days, writers)

    def _refresh(self, step: Step) -> Iterator[str]:
        now = self.machine.true_time
        at = datetime.combine(now.date(), time(18), now.tzinfo)
        at += _ONE_DAY if at <= now else timedelta()
        first, last = days_of_refresh(at + self.machine.shift)
        if at > _END or last > DAYS[-1] or last < DAYS[0]:
            return
        self.machine.sleep((at - now).total_seconds())
        yield from self._runs(step, [day for day in (first, last) if day >= DAYS[0]], [step.faults])

    def _catch_up(self, step: Step) -> Iterator[str]:
        now = self.machine.true_time
        at = min(now + timedelta(hours=self.machine.random.randint(1, 40)), _END)
        self.machine.sleep(max((at - now).total_seconds(), 0))
        try:
            asked = self._asked_for()
        except LakeError:
            if not self.watch.unreadable:
                raise
            return
        for days in asked:
            yield from self._runs(step, days, [step.faults])
        if asked and step.is_up and not step.faults and not self.watch.unreadable and (again := self._asked_for()):
            yield f"catch-up collected {asked} without faults, and asks for {again} again"

    def _asked_for(self) -> list[list[date]]:
        result = decide(self.watch.store, settings_of(), self.cursor, set(), self.machine.wall_clock)
        self.cursor = result.cursor
        spans = [[date.fromisoformat(request.tags[tag]) for tag in RANGE_TAGS] for request in result.run_requests or ()]
        asked = [[day for day in DAYS if first <= day <= last] for first, last in spans]
        return [days for days in asked if days]

    def _runs(self, step: Step, days: Sequence[date], faults: Sequence[Faults]) -> Iterator[str]:
        """Run as many writers at a time as there are `faults`, and check the lake after them."""
        replays = step.what if step.kind == "replay" else None
        asked = Asked(days, step.modes, step.allows_mock, replays, self.schedule.is_analysed, self.schedule.is_verified)
        if asked.replays and (asked.replays, days[0]) not in self.watch.real:
            return
        ended = self._ended(asked, faults, step)
        for one in ended:
            self._note(one, days, (RAW_MATCHES.name, RAW_ORDERS.name))
            yield from self._judged(one, step, faults)
        if self.machine.overlaps:
            yield "two runs wrote at the same time"
        yield from self.watch.look()
        if all(one.error is None for one in ended):
            yield from self._finished(asked)

    def _ended(
        self, asked: Asked, faults: Sequence[Faults], step: Step, run_id: str = "", lake: Lake | None = None
    ) -> list[_Ended]:
        """Run writers at the same time; during a step that copies the lake, it is copied meanwhile."""
        ended = []
        for number, of_process in enumerate(faults):
            rate = step.clock_rate if number == 0 else 1.0
            process = Process(self.machine, of_process, Random(step.seed + number), clock_rate=rate)
            self.outcome.runs += 1
            name = run_id or f"run-{step.seed}-{self.outcome.runs}"
            ended.append(_Ended(Run(asked, lake or self.lake, self.world, process, name, self.bug)))
        tasks = [partial(_made, one) for one in ended]
        if step.kind == "copy" and lake is None:
            self.copies.append(self._new_lake(f"copy-{len(self.copies)}"))
            copier = Process(self.machine, Faults(), Random(step.seed))
            tasks.append(partial(self.lake.copy, copier, self.copies[-1]))
            self.outcome.copies += 1
        self.machine.run(tasks)
        return ended

    def _note(self, one: _Ended, days: Sequence[date], names: Sequence[str]) -> None:
        self.outcome.failed += isinstance(one.error, PizzaAssetsError)
        self.outcome.killed += isinstance(one.error, Killed)
        for name in names:
            stored = set(one.run.stored.get(name, ()))
            self.watch.unfinished -= {(name, day) for day in stored}
            if one.error is not None:
                kept = set(one.run.kept.get(name, ()))
                self.watch.unfinished |= {(name, day) for day in set(days) - stored - kept}
        self.outcome.kept_days += sum(map(len, one.run.kept.values()))

    def _sold(self, step: Step, days: Sequence[date], run_id: str = "") -> Iterator[str]:
        """Collect sales and load them, and check the lake and the warehouse after it."""
        self.outcome.runs += 1
        process = Process(self.machine, step.faults, Random(step.seed))
        run_id = run_id or f"run-{step.seed}-{self.outcome.runs}"
        asked = Asked(days, step.modes, step.allows_mock)
        run = SalesRun(asked, self.lake, self.world, process, run_id, self.warehouse)
        one = _Ended(run)
        self.machine.run([partial(_made, one)])
        self._note(one, days, [retail.WHERE.name])
        self.outcome.loads += len(run.loads)
        yield from self._judged(one, step, [step.faults])
        yield from self.watch.look()
        if self.warehouse is not None:
            yield from self._loaded(run, self.warehouse)
            if one.error is None and {load.source_day for load in run.loads} != {*days} & {*self._sales().stored}:
                yield f"of {days} only {[load.source_day for load in run.loads]} were loaded, without an error"
        if one.error is None and step.is_up:
            yield from self.watch.is_true(days, [retail.WHERE.name])

    def _sales(self) -> SalesTable:
        return SalesTable(self.watch.store, retail.WHERE)

    def _loaded(self, run: SalesRun, warehouse: Warehouse) -> Iterator[str]:
        """Say where the warehouse has other facts than before and than the lake; loads that ended are the lake's."""
        before, self.facts = self.facts, warehouse.facts()
        audits, table = warehouse.loaded(), self._sales()
        ended = {load.source_day for load in run.loads}
        for day in sorted({*before, *self.facts, *ended}):
            found = self.facts.get(day, frozenset())
            if found != before.get(day, frozenset()) or day in ended:
                expected = retail.facts_of(table[day])
                if found != expected:
                    yield f"the warehouse has {sorted(found)} of {day}, the lake {sorted(expected)}"
            received, rejected = audits.get(day, (0, 0))
            if received != len(found) + rejected:
                yield f"the audit tells of {received} lines of {day}, {rejected} rejected; there are {len(found)}"
        for load in run.loads:
            made = load.inserted + load.corrected + load.duplicate + load.ignored
            if load.received != load.rejected + made:
                yield f"of {load.source_day} {load.received} were received, {load.rejected} rejected, {made} loaded"

    def _refreshed(self, refresh_id: str, failing: float) -> Iterator[str]:
        """Refresh QuickSight, and check what it shows after a refresh that ended well."""
        store = self.watch.store
        if self.watch.unreadable or not any(store.list(layout.MANIFEST_KEY)):
            return
        self.outcome.refreshes += 1
        api = self.quicksight.api(store, self.machine.random, failing)
        names = [*current_rows(store)]
        for number in range(1, _REFRESH_TRIES + 1):
            process = Process(self.machine, Faults(), self.machine.random)
            refresh = Refresh(api, "123456789012", sleep=process.sleep, clock=process.monotonic)
            try:
                refresh.run(names, refresh_id, number)
            except QuickSightError as error:
                if not failing:
                    yield f"a refresh of QuickSight without faults failed: {error}"
                if error.code in _FINAL:
                    return
                self.machine.sleep(60.0 * 2**number)
            else:
                yield from self._shown(names)
                return

    def _shown(self, names: Sequence[str]) -> Iterator[str]:
        for name in names:
            facts = self.watch.store.metadata(layout.current_key(name))
            if (expected := (facts[CHECKSUM], int(facts["rows"]))) != self.quicksight.shown.get(name):
                yield f"QuickSight shows {self.quicksight.shown.get(name)} of {name}, current/ has {expected}"

    def _judged(self, one: _Ended, step: Step, faults: Sequence[Faults]) -> Iterator[str]:
        error = one.error
        if isinstance(error, EndlessWaitError):
            yield "a run waits for ever for another one, which is dead"
        elif error is not None and not isinstance(error, (PizzaAssetsError, Killed)):
            yield f"a run ended with {type(error).__name__}: {error}"
        elif isinstance(error, PizzaAssetsError) and step.is_up and not any(faults) and step.kind != "replay":
            # What cannot be read fails those that need it.
            yield from () if self.watch.unreadable else [f"a run without faults failed: {error}"]

    def _finished(self, asked: Asked) -> Iterator[str]:
        if asked.replays is None:
            yield from self.watch.counts_all(asked.days)
        if asked.modes == UP and asked.replays is None:
            yield from self.watch.is_true(asked.days, [RAW_MATCHES.name, RAW_ORDERS.name])

    def _last(self) -> Iterator[str]:
        """Collect all days without faults, and compare the lake with a model's."""
        self.machine.shift = timedelta()
        self.machine.sleep(max((_END - self.machine.true_time).total_seconds(), 0))
        of = self.schedule
        asked = Asked(DAYS, UP, is_analysed=of.is_analysed, is_verified=of.is_verified, is_day_by_day=True)
        step = Step("backfill", 0)
        (one,) = self._ended(asked, [Faults()], step, _LAST_RUN)
        if isinstance(one.error, LakeError) and self._remove_unreadable(self.watch.store):
            (one,) = self._ended(asked, [Faults()], step, _LAST_RUN)
        self._note(one, DAYS, (RAW_MATCHES.name, RAW_ORDERS.name))
        if one.error is not None:
            yield f"the last run failed: {one.error!r}"
        yield from self.watch.look()
        if one.error is not None or not isinstance(one.run, Run):
            return
        yield from self._finished(asked)
        process = Process(self.machine, Faults(), Random(0), is_observer=True)
        model = self._new_lake("model")
        Run(asked, model, self.world, process, _LAST_RUN).make(one.run.collected)
        for copy in self.copies:
            yield from self._mended_copy(copy, asked, model.store(process))
        if self.has_sales:
            yield from self._sold(Step("sales", 0, modes={SALES: "up"}), DAYS, _LAST_RUN)
            SalesRun(Asked(DAYS, {SALES: "up"}), model, self.world, process, _LAST_RUN).make()
        if self.has_quicksight:
            yield from self._refreshed(f"spice-{_LAST_RUN}", 0.0)
        if self.watch.unreadable & {item.key for item in self.watch.store.list("")}:
            yield f"after the last run the metadata of {sorted(self.watch.unreadable)[0]} is still lost"
        if self.schedule.is_verified:
            yield from verify(self.watch.store).problems
        yield from differences(self.watch.store, model.store(process))

    def _remove_unreadable(self, store: Store) -> int:
        """Remove real days of matches that cannot be read, as the run's message says; return how many."""
        table, count = DailyTable(store, RAW_MATCHES), 0
        for day, of in [*table.stored.items()]:
            try:
                store.read(of.key)
            except LakeError:
                table.remove(day)
                if store is self.watch.store:
                    self.watch.real.pop((RAW_MATCHES.name, day), None)
                count += 1
        return count

    def _mended_copy(self, copy: Lake, asked: Asked, model: Store) -> Iterator[str]:
        """Run in a copy while all sources are away, then without faults: real days stay, and all is as in the model."""
        store, step = copy.store(self.observer), Step("backfill", 1)
        before = {item.key for item in store.list("") if "/real/" in item.key}
        (one,) = self._ended(replace(asked, modes=_AWAY), [Faults()], step, _LAST_RUN, copy)
        if one.error is not None and not isinstance(one.error, PizzaAssetsError):
            yield f"a run in a copy of the lake ended with {one.error!r}"
        if lost := before - {item.key for item in store.list("")}:
            yield f"a copy of the lake lost {sorted(lost)[0]}"
        (one,) = self._ended(asked, [Faults()], step, _LAST_RUN, copy)
        if isinstance(one.error, LakeError) and self._remove_unreadable(store):
            (one,) = self._ended(asked, [Faults()], step, _LAST_RUN, copy)
        if one.error is not None:
            yield f"a run without faults in a copy of the lake ended with {one.error!r}"
        is_of_sales = f"{retail.WHERE.prefix}/"
        yield from (text for text in differences(store, model) if not text.startswith(is_of_sales))


def _made(one: _Ended) -> None:
    try:
        one.run.make()
    except BaseException as error:  # noqa: BLE001 it is judged
        one.error = error


def play(schedule: Schedule, bug: Bug | None = None, warehouse: Warehouse | None = None) -> Outcome:
    """Play a schedule up to the first step after which something is wrong."""
    with TemporaryDirectory(prefix="simulation-", dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None) as folder:
        of = _Play(schedule, bug, Path(folder), warehouse)
        for step, problem in of.problems():
            of.outcome.step, of.outcome.problems = step, [problem]
            break
        return of.outcome
