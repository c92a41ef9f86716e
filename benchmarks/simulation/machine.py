"""Time and processes of the simulated world: nothing waits, two writers take turns, a killed process does nothing more.

Belongs here: the virtual clock, whose turn it is, and which fault an operation meets. Does not belong here: what an
operation does (``stores.py``).
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TypeVar

from pizza_assets.lake.lock import Clock

_T = TypeVar("_T")

#: The instant at which a simulated world starts.
START = datetime(2025, 9, 7, 19, tzinfo=UTC)
#: What statements of the warehouse count as, where kills are of keys.
WAREHOUSE = "warehouse/"
#: A run that waits longer than this for another one waits for ever (s).
LONGEST_WAIT = 3600.0


class Killed(BaseException):
    """The process is killed; all that it still tries to do, such as cleaning up, does nothing."""


class EndlessWaitError(BaseException):
    """A run waits for ever; no error of the product, so that nothing catches it as one."""


@dataclass
class _Task:
    wake: float
    baton: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


@dataclass
class _Timer:
    at: float
    seconds: float
    do: Callable[[], bool]
    is_of_dead: Callable[[], bool]


class Machine:
    """Virtual time, and the tasks that run in it, one at a time. ``shift`` is by how much the wall clock is wrong."""

    def __init__(self) -> None:
        self.now = 0.0
        self.shift = timedelta()
        self.random = Random(0)
        self._tasks: list[_Task] = []
        self._current: _Task | None = None
        self._timers: list[_Timer] = []
        self._in_timer = False
        self._ended = threading.Semaphore(0)
        #: Processes that hold the lock of the lake; and how often one took it while another one, alive, held it.
        self.writers: list[Process] = []
        self.overlaps = 0

    @property
    def true_time(self) -> datetime:
        """The instant that all others' clocks show (UTC)."""
        return START + timedelta(seconds=self.now)

    @property
    def wall_clock(self) -> datetime:
        """The instant that our own clock shows (UTC)."""
        return self.true_time + self.shift

    def run(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Run tasks to their ends; several take turns. A task must not raise."""
        if len(tasks) == 1:
            tasks[0]()
        else:
            self._tasks = [_Task(self.now) for _ in tasks]
            for task, do in zip(self._tasks, tasks, strict=True):
                threading.Thread(target=self._body, args=(task, do), daemon=True).start()
            self._current = self._tasks[0]
            self._current.baton.release()
            self._ended.acquire()
        self._timers.clear()

    def _body(self, task: _Task, do: Callable[[], None]) -> None:
        task.baton.acquire()
        do()
        self._tasks.remove(task)
        if self._tasks:
            self._give(self._next())
        else:
            self._current = None
            self._ended.release()

    def point(self) -> None:
        """Let another task go on here, perhaps."""
        if len(self._tasks) > 1 and self.random.random() < 0.3:
            self.sleep(0)

    def sleep(self, seconds: float) -> None:
        """Let time pass for the running task."""
        if self._in_timer or len(self._tasks) < 2 or self._current is None:
            self._advance(self.now + seconds)
            return
        me = self._current
        me.wake = self.now + seconds
        following = self._next()
        if following is me:
            self._advance(me.wake)
        else:
            self._give(following)
            me.baton.acquire()

    def _next(self) -> _Task:
        ready = [task for task in self._tasks if task.wake <= self.now]
        return self.random.choice(ready) if ready else min(self._tasks, key=lambda task: task.wake)

    def _give(self, task: _Task) -> None:
        self._advance(task.wake)
        self._current = task
        task.baton.release()

    def _advance(self, to: float) -> None:
        while not self._in_timer and (due := [timer for timer in self._timers if timer.at <= to]):
            timer = min(due, key=lambda of: of.at)
            self.now = max(self.now, timer.at)
            self._in_timer = True
            try:
                goes_on = not timer.is_of_dead() and timer.do()
            except Killed:
                goes_on = False
            finally:
                self._in_timer = False
            if goes_on:
                timer.at = self.now + timer.seconds
            elif timer in self._timers:
                self._timers.remove(timer)
        self.now = max(self.now, to)

    def every(self, seconds: float, do: Callable[[], bool], is_of_dead: Callable[[], bool]) -> Callable[[], None]:
        """Call `do` every so many seconds until it returns False, its process is dead or what is returned is called."""
        timer = _Timer(self.now + seconds, seconds, do, is_of_dead)
        self._timers.append(timer)
        return lambda: self._timers.remove(timer) if timer in self._timers else None


@dataclass(frozen=True)
class Faults:
    """What the operations of a process meet.

    A share ``failing`` of all operations fails, a share ``slow`` takes up to half a minute, and the writing operation
    number ``kill_at`` is the last one: the process dies before it, or after it (``kill_after``). Only writes of keys
    that start with ``kill_within`` are counted. The statement number ``database_ends_at`` does not reach the database:
    the connection breaks before it.
    """

    failing: float = 0.0
    slow: float = 0.0
    kill_at: int | None = None
    kill_after: bool = False
    kill_within: str = ""
    database_ends_at: int | None = None

    def __bool__(self) -> bool:
        """Tell whether anything can go wrong."""
        return bool(self.failing or self.slow or self.kill_at or self.database_ends_at)


class Process(Clock):
    """A process: it has a share of the machine's time, meets faults, and may be killed. An observer does not.

    Its clock started at another moment than that of any other, and shows `clock_rate` seconds for each that passes.
    """

    def __init__(
        self,
        machine: Machine,
        faults: Faults,
        random: Random,
        *,
        is_observer: bool = False,
        clock_rate: float = 1.0,
    ) -> None:
        self.machine, self.faults, self.random = machine, faults, random
        self._is_observer = is_observer
        self._clock_rate, self._clock_start = clock_rate, random.uniform(-1e7, 1e7)
        self.is_dead = False
        self._writes = self._statements = 0
        self._waited = 0.0

    def monotonic(self) -> float:
        """Return the time that the process' own clock shows (s)."""
        return self._clock_start + self.machine.now * self._clock_rate

    def sleep(self, seconds: float) -> None:
        """Let time pass, as the process' own clock shows it. Raises EndlessWaitError when the run waits for ever."""
        self._live()
        self._waited += seconds
        if self._waited > LONGEST_WAIT:
            raise EndlessWaitError
        self.machine.sleep(seconds / self._clock_rate)
        self._live()

    def every(self, seconds: float, do: Callable[[], bool]) -> Callable[[], None]:
        """Call `do` every so many seconds of the process' own clock while it lives."""
        return self.machine.every(seconds / self._clock_rate, do, lambda: self.is_dead)

    def take_lock(self) -> None:
        """Note that the process holds the lock."""
        if self not in self.machine.writers:
            self.machine.overlaps += bool(self.machine.writers)
            self.machine.writers.append(self)

    def leave_lock(self) -> None:
        """Note that the process does not hold the lock any more."""
        if self in self.machine.writers:
            self.machine.writers.remove(self)

    def _live(self) -> None:
        if self.is_dead:
            raise Killed

    def _die(self) -> None:
        self.is_dead = True
        self.leave_lock()
        raise Killed

    def read(self, effect: Callable[[], _T], error: Callable[[], Exception]) -> _T:
        """Read something, unless that fails."""
        self._begin()
        if self.random.random() < self.faults.failing:
            raise error()
        return effect()

    def write(
        self,
        key: str,
        effect: Callable[[], _T],
        error: Callable[[], Exception],
        torn: Callable[[], None],
        *,
        may_be_lost: bool,
    ) -> _T:
        """Change something, unless that fails or the process dies; `torn` does a part of it, and then it fails or dies.

        With `may_be_lost` an operation that fails may have had its effect all the same.
        """
        self._begin()
        is_last = self._is_last(key)
        if is_last and not self.faults.kill_after:
            if self.random.random() < 0.5:
                torn()
            self._die()
        if self.random.random() < self.faults.failing:
            if may_be_lost and self.random.random() < 0.3:
                effect()
            raise error()
        done = effect()
        if is_last:
            self._die()
        return done

    def statement(self) -> bool:
        """Tell whether the next statement reaches the database; the process may die instead.

        Nobody else's turn comes here: a database makes others wait for a transaction.
        """
        if self._is_observer:
            return True
        self._live()
        self._statements += 1
        if self._is_last(WAREHOUSE):
            self._die()
        return self._statements != self.faults.database_ends_at

    def _is_last(self, key: str) -> bool:
        within = self.faults.kill_within
        if not key.startswith(within) and not key.removeprefix(".metadata/").startswith(within):
            return False
        self._writes += 1
        return self._writes == self.faults.kill_at

    def _begin(self) -> None:
        if self._is_observer:
            return
        self._live()
        self.machine.point()
        if self.faults.slow and self.random.random() < self.faults.slow:
            self.machine.sleep(self.random.uniform(0, 30))
        self._live()
