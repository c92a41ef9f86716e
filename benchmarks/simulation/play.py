"""Plays a schedule in a world of its own, and says what is wrong.

Belongs here: making each step happen, and asking the checks after it. Does not belong here: the steps themselves, and
what must hold.
"""

import random as global_random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from benchmarks.simulation.bugs import Bug
from benchmarks.simulation.checks import Watch, differences
from benchmarks.simulation.machine import START, EndlessWaitError, Faults, Killed, Machine, Process
from benchmarks.simulation.pipeline import Asked, Run
from benchmarks.simulation.schedule import Schedule, Step
from benchmarks.simulation.stores import Bucket, Folder, Lake
from benchmarks.simulation.world import DAYS, UP, WORLDS, World, settings_of
from pizza_assets.errors import PizzaAssetsError
from pizza_assets.lake.layout import RAW_MATCHES, RAW_ORDERS
from pizza_assets.lake.verify import verify
from pizza_assets.operations.dagster_automation import decide
from pizza_assets.operations.expected_partitions import days_of_refresh
from pizza_assets.platform.dagster_active_runs import RANGE_TAGS

_ONE_DAY = timedelta(days=1)
_LAST_RUN = "last-run"
#: A folder on a file system in memory, where there is one.
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 below it is a folder of our own
#: When the last run starts: all days have ended.
_END = datetime.combine(DAYS[-1] + 2 * _ONE_DAY, time(12), START.tzinfo)


@dataclass
class _Ended:
    """What became of a run: the error that it ended with, if any, and whether that was a kill."""

    run: Run
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
    operations_retried: int = 0


@dataclass
class _Play:
    schedule: Schedule
    bug: Bug | None
    folder: Path
    machine: Machine = field(default_factory=Machine)
    outcome: Outcome = field(default_factory=Outcome)
    cursor: str | None = None

    def __post_init__(self) -> None:
        random = Random(self.schedule.seed)
        self.world = World(self.schedule.seed % WORLDS, self.machine)
        self.lake: Lake = Bucket() if self.schedule.is_on_s3 else Folder(self.folder / "lake")
        observer = Process(self.machine, Faults(), random, is_observer=True)
        self.watch = Watch(self.lake, self.lake.store(observer), self.world)

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
        elif step.kind == "daily refresh":
            yield from self._refresh(step)
        elif step.kind == "catch-up":
            yield from self._catch_up(step)
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
        asked = self._asked_for()
        for days in asked:
            yield from self._runs(step, days, [step.faults])
        if asked and step.modes == UP and not step.faults and (again := self._asked_for()):
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
        ended = self._ended(asked, faults, step.seed)
        for one in ended:
            self._note(one, days)
            yield from self._judged(one, step, faults)
        if self.machine.overlaps:
            yield "two runs wrote at the same time"
        yield from self.watch.look()
        if all(one.error is None for one in ended):
            yield from self._finished(asked)

    def _ended(self, asked: Asked, faults: Sequence[Faults], seed: int, run_id: str = "") -> list[_Ended]:
        ended = []
        for number, of_process in enumerate(faults):
            process = Process(self.machine, of_process, Random(seed + number))
            self.outcome.runs += 1
            name = run_id or f"run-{seed}-{self.outcome.runs}"
            ended.append(_Ended(Run(asked, self.lake, self.world, process, name, self.bug)))

        def made(one: _Ended) -> None:
            try:
                one.run.make()
            except BaseException as error:  # noqa: BLE001 it is judged
                one.error = error

        self.machine.run([lambda one=one: made(one) for one in ended])  # type: ignore[misc]  # mypy knows no defaults of lambdas
        return ended

    def _note(self, one: _Ended, days: Sequence[date]) -> None:
        self.outcome.failed += isinstance(one.error, PizzaAssetsError)
        self.outcome.killed += isinstance(one.error, Killed)
        for where in (RAW_MATCHES, RAW_ORDERS):
            stored = set(one.run.stored.get(where.name, ()))
            self.watch.unfinished -= {(where.name, day) for day in stored}
            if one.error is not None:
                kept = set(one.run.kept.get(where.name, ()))
                self.watch.unfinished |= {(where.name, day) for day in set(days) - stored - kept}
        self.outcome.kept_days += sum(map(len, one.run.kept.values()))

    def _judged(self, one: _Ended, step: Step, faults: Sequence[Faults]) -> Iterator[str]:
        error = one.error
        if isinstance(error, EndlessWaitError):
            yield "a run waits for ever for another one, which is dead"
        elif error is not None and not isinstance(error, (PizzaAssetsError, Killed)):
            yield f"a run ended with {type(error).__name__}: {error}"
        elif isinstance(error, PizzaAssetsError) and step.modes == UP and not any(faults) and step.kind != "replay":
            yield f"a run without faults failed: {error}"

    def _finished(self, asked: Asked) -> Iterator[str]:
        if asked.replays is None:
            yield from self.watch.counts_all(asked.days)
        if asked.modes == UP and asked.replays is None:
            yield from self.watch.is_true(asked.days)

    def _last(self) -> Iterator[str]:
        """Collect all days without faults, and compare the lake with a model's."""
        self.machine.shift = timedelta()
        self.machine.sleep(max((_END - self.machine.true_time).total_seconds(), 0))
        of = self.schedule
        asked = Asked(DAYS, UP, is_analysed=of.is_analysed, is_verified=of.is_verified, is_day_by_day=True)
        step = Step("backfill", 0)
        (one,) = self._ended(asked, [Faults()], 0, _LAST_RUN)
        self._note(one, DAYS)
        yield from self._judged(one, step, [])
        yield from self.watch.look()
        if one.error is not None:
            return
        yield from self._finished(asked)
        if self.schedule.is_verified:
            yield from verify(self.watch.store).problems
        model: Lake = Bucket() if self.schedule.is_on_s3 else Folder(self.folder / "model")
        process = Process(self.machine, Faults(), Random(0), is_observer=True)
        Run(asked, model, self.world, process, _LAST_RUN).make(one.run.collected)
        yield from differences(self.watch.store, model.store(process))


def play(schedule: Schedule, bug: Bug | None = None) -> Outcome:
    """Play a schedule up to the first step after which something is wrong."""
    with TemporaryDirectory(prefix="simulation-", dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None) as folder:
        of = _Play(schedule, bug, Path(folder))
        for step, problem in of.problems():
            of.outcome.step, of.outcome.problems = step, [problem]
            break
        return of.outcome
