"""What happens in a simulated world, step by step: made from a seed, and shortened when something is wrong.

Belongs here: schedules as data, how they are told, and how the shortest failing one is found. Does not belong here:
playing them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Literal

from benchmarks.simulation.machine import WAREHOUSE, Faults
from benchmarks.simulation.world import MODES, SALES, UP, Mode

Kind = Literal[
    "backfill", "daily refresh", "catch-up", "replay", "two writers", "correction", "clock", "sales", "QuickSight",
    "copy", "lost metadata",
]  # fmt: skip
_WEIGHTS: Mapping[Kind, int] = {
    "backfill": 6, "daily refresh": 5, "catch-up": 2, "replay": 2, "two writers": 2, "correction": 5, "clock": 1,
    "sales": 3, "QuickSight": 2, "copy": 1, "lost metadata": 1,
}  # fmt: skip
_NONE = Faults()
#: Sources of corrections, and data sets of replays.
_SOURCES = (*UP, SALES)
_RAW = ("raw_matches", "raw_orders")
#: Where kills are, and how many writes are counted there at most: late in a run as often as early.
_LATE = {"quicksight-ready/dashboard-data/current/": 6, "quicksight-ready/": 24}
_PLACES = {"": 60, "raw-data/": 10, "processed-data/": 10, ".metadata/raw-data/": 10, **_LATE}
_SALES_PLACES = ("raw/", WAREHOUSE)


@dataclass(frozen=True)
class Step:
    """One thing that happens: a run and what it meets, or a change of the world.

    It is about ``length`` days, the last of which is so many days ``ago``; ``seed`` makes all else that is random.
    ``what`` is what a correction or a replay is of; ``other`` are the faults of the second writer, or of the run during
    which the lake is copied. The process' clock shows ``clock_rate`` seconds for each that passes.
    """

    kind: Kind
    seed: int
    ago: int = 0
    length: int = 1
    modes: Mapping[str, Mode] = field(default_factory=lambda: UP)
    allows_mock: bool = True
    faults: Faults = _NONE
    other: Faults = _NONE
    what: str = ""
    clock_rate: float = 1.0

    @property
    def is_up(self) -> bool:
        """Tell whether all sources are up."""
        return set(self.modes.values()) == {"up"}

    def __str__(self) -> str:
        """Return what happens, in words."""
        last = {0: "today", 1: "yesterday"}.get(self.ago, f"{self.ago} days ago")
        days = last if self.length == 1 else f"{self.length} days up to {last}"
        if self.kind == "correction":
            return f"{self.what} of {days} is corrected"
        if self.kind in _ALONE:
            return _ALONE[self.kind]
        told = [self.kind if self.kind in {"daily refresh", "catch-up"} else f"{self.kind} of {days}"]
        if self.kind == "QuickSight":
            told = [f"QuickSight is refreshed, {self.faults.failing:.0%} of the requests fail"]
        elif self.kind == "copy":
            told = [f"the lake is copied during a backfill of {days}"]
        told += [f"its clock runs {self.clock_rate:.2f} times as fast"] if self.clock_rate != 1 else []
        told += [self.what] if self.what else []
        told += [f"{name} is {mode}" for name, mode in self.modes.items() if mode != "up"]
        told += [] if self.allows_mock else ["PIZZA_ALLOW_MOCK=false"]
        told += list(_told(self.faults, "")) + list(_told(self.other, "the second writer: "))
        return ", ".join(told)


_ALONE: Mapping[Kind, str] = {
    "clock": "our clock jumps back a day, or forward again",
    "lost metadata": "the folder .metadata is removed",
}


def _told(faults: Faults, who: str) -> Iterator[str]:
    if faults.failing:
        yield f"{who}{faults.failing:.1%} of the store's operations fail"
    if faults.slow:
        yield f"{who}{faults.slow:.0%} are slow"
    if faults.kill_at:
        within = f" of {faults.kill_within}" if faults.kill_within else ""
        yield f"{who}killed {'after' if faults.kill_after else 'before'} write {faults.kill_at}{within}"
    if faults.database_ends_at:
        yield f"{who}the database goes away before statement {faults.database_ends_at}"


@dataclass(frozen=True)
class Schedule:
    """A world's steps; at the end a run without faults collects all days."""

    seed: int
    is_on_s3: bool
    #: With the product's own analysis; and verified at the end. Both take longer than all else.
    is_analysed: bool
    is_verified: bool
    steps: Sequence[Step]
    #: Sales are loaded into a warehouse, which takes as long as all else.
    is_loaded: bool = True

    def __str__(self) -> str:
        """Return the steps, one a line."""
        place = "a bucket" if self.is_on_s3 else "a folder"
        lines = [f"{number}. {step}" for number, step in enumerate(self.steps, 1)]
        return "\n".join([f"seed {self.seed}, a lake in {place}:", *lines, "then one run without faults over all days"])


def schedule_of(seed: int) -> Schedule:
    """Return the schedule of a seed."""
    random = Random(seed)
    is_on_s3 = random.random() < 0.5
    steps = [_step(random, is_on_s3, kind) for kind in random.choices([*_WEIGHTS], [*_WEIGHTS.values()], k=6)]
    start = Step("backfill", random.randrange(2**32), 0, random.randint(1, 3))
    is_analysed, is_verified = random.random() < 0.005, random.random() < 0.05
    steps = [start, *steps] if random.random() < 0.8 else steps
    return Schedule(seed, is_on_s3, is_analysed, is_verified, steps, random.random() < 0.4)


def _step(random: Random, is_on_s3: bool, kind: Kind) -> Step:
    ago, length = random.choice([0, 0, 1, 1, 2, 3]), random.choice([1, 1, 2, 3])
    seed = random.randrange(2**32)
    if kind == "correction":
        return Step(kind, seed, ago, length, what=random.choice(_SOURCES))
    if kind in _ALONE:
        # Objects in a bucket carry their metadata.
        return Step("clock" if is_on_s3 else kind, seed)
    if kind == "replay":
        return Step(kind, seed, ago, faults=_faults(random, is_on_s3), what=random.choice(_RAW))
    if kind == "QuickSight":
        return Step(kind, seed, faults=Faults(random.choice([0.0, 0.1, 0.3])))
    if kind == "sales":
        modes: Mapping[str, Mode] = {SALES: random.choice(["up", random.choice(MODES)])}
        return Step(kind, seed, ago, length, modes, random.random() < 0.85, _sales_faults(random, is_on_s3))
    faults = _faults(random, is_on_s3, is_late=kind == "daily refresh")
    other = _faults(random, is_on_s3) if kind in {"two writers", "copy"} else Faults()
    rate = random.choice([1.0, 0.9, 1.1]) if kind == "two writers" else 1.0
    return Step(kind, seed, ago, length, _modes(random), random.random() < 0.85, faults, other, clock_rate=rate)


def _sales_faults(random: Random, is_on_s3: bool) -> Faults:
    faults = replace(_faults(random, is_on_s3), kill_at=None, kill_within=random.choice(_SALES_PLACES))
    fault = random.random()
    if fault < 0.3:
        return replace(faults, kill_at=random.randint(1, 12), kill_after=random.random() < 0.5)
    return replace(faults, database_ends_at=random.randint(1, 30)) if fault < 0.6 else faults


def _modes(random: Random) -> Mapping[str, Mode]:
    if random.random() < 0.4:
        return UP
    modes = {name: random.choice(MODES) if random.random() < 0.5 else "up" for name in UP}
    # The key is of the whole API.
    if "unset" in (modes["PL"], modes["CL"]):
        modes["PL"] = modes["CL"] = "unset"
    return modes


def _faults(random: Random, is_on_s3: bool, *, is_late: bool = False) -> Faults:
    if random.random() < 0.3:
        return Faults()
    failing = random.choice([0.0, 0.1, 0.3, 0.5] if is_on_s3 else [0.0, 0.0, 0.005, 0.02])
    slow = random.choice([0.0, 0.05]) if is_on_s3 else 0.0
    within, most = random.choice([*(_LATE if is_late and random.random() < 0.7 else _PLACES).items()])
    kill_at = random.choice([None, random.randint(1, most), random.randint(1, (most + 2) // 3)])
    return Faults(failing, slow, kill_at, random.random() < 0.5, within if kill_at else "")


def shortest(schedule: Schedule, fails: Callable[[Schedule], bool]) -> Schedule:
    """Return a schedule that still fails, of which no step can be left out or made simpler."""
    steps, is_shorter = list(schedule.steps), True
    while is_shorter:
        is_shorter = False
        for steps_tried in _shorter(steps):
            if fails(replace(schedule, steps=steps_tried)):
                steps, is_shorter = steps_tried, True
                break
    return replace(schedule, steps=steps)


def _shorter(steps: list[Step]) -> Iterator[list[Step]]:
    for at in range(len(steps)):
        yield steps[:at] + steps[at + 1 :]
    for at, step in enumerate(steps):
        for simpler in _simpler(step):
            if simpler != step:
                yield [*steps[:at], simpler, *steps[at + 1 :]]


def _simpler(step: Step) -> Iterator[Step]:
    yield replace(step, modes=dict.fromkeys(step.modes, "up"))
    yield replace(step, clock_rate=1.0)
    yield replace(step, faults=Faults(), other=Faults())
    yield replace(step, faults=Faults())
    yield replace(step, other=Faults())
    yield replace(step, faults=replace(step.faults, failing=0.0))
    yield replace(step, faults=replace(step.faults, slow=0.0))
    yield replace(step, faults=replace(step.faults, kill_at=None))
    yield replace(step, faults=replace(step.faults, database_ends_at=None))
    yield replace(step, allows_mock=True)
    yield replace(step, length=1)
    for name in step.modes:
        yield replace(step, modes={**step.modes, name: "up"})
