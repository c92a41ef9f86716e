"""All cores of this machine, for days that are made apart from each other.

Belongs here: handing days to other processes and taking what they made, in order. Does not belong here: writing, for
only the process of a run may write to the lake.
"""

import os
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from typing import TypeVar

from pizza_assets.errors import PizzaAssetsError

Item = TypeVar("Item")
Made = TypeVar("Made")

#: A range with fewer days is made before other processes have started.
_FEWEST_DAYS = 90
#: Items that a process makes at a time; what they share is handed over with each portion.
_ITEMS_AT_ONCE = 10
#: Seconds without work after which a process ends.
_IDLE_SECONDS = 30


def on_all_cores(
    make: Callable[[Iterable[Item]], Iterator[Made]], items: Iterable[Item], processes: int
) -> Iterator[Made]:
    """Yield what `make` yields of the items, in order; a few are made ahead of what was taken.

    Parameters
    ----------
    make
        A function of a module, or a partial of one: it, the items, and what it yields travel between processes.
    items
        Taken in portions, a few of them ahead.
    processes
        How many to use; with one, all happens in this process.

    Raises
    ------
    PizzaAssetsError
        When a process ends before its work does. What `make` raises is raised here too, after what it yielded before.
    """
    if processes == 1:
        yield from make(items)
        return
    pool = _pool(processes)
    ahead: deque[Future[tuple[list[Made], Exception | None]]] = deque()
    rest = iter(items)
    try:
        while portion := list(islice(rest, _ITEMS_AT_ONCE)):
            ahead.append(pool.submit(_portion, make, portion))
            if len(ahead) > 2 * processes:  # bounds what waits in memory
                yield from _taken(ahead.popleft())
        while ahead:
            yield from _taken(ahead.popleft())
    except BrokenProcessPool as error:
        raise PizzaAssetsError(
            f"One of {processes} processes that made days was ended from outside, as a machine without memory does. "
            "Give the run more memory, or set RANGE_PROCESSES=1."
        ) from error
    finally:
        for future in ahead:
            future.cancel()


def processes_for(days: int, wanted: int | None) -> int:
    """Return how many processes make a range of so many days: as many as wanted, or as there are cores."""
    if days < _FEWEST_DAYS:
        return 1
    if wanted is not None:
        return wanted
    from loky import cpu_count  # noqa: PLC0415 few runs need it

    return int(cpu_count())


@contextmanager
def warm(processes: int, module: str) -> Iterator[None]:
    """Start the processes before they are needed, let them import a module meanwhile, and end them at the end."""
    if processes == 1:
        yield
        return
    pool = _pool(processes)
    for _ in range(processes):
        pool.submit(import_module, module)
    try:
        yield
    finally:
        pool.shutdown()


def _pool(processes: int) -> Executor:
    from loky import get_reusable_executor  # noqa: PLC0415 few runs need it

    pool: Executor = get_reusable_executor(
        processes, timeout=_IDLE_SECONDS, initializer=_end_with, initargs=(os.getpid(),)
    )
    return pool


def _end_with(parent: int) -> None:
    """End this process when the one that started it is gone: killed, it cannot tell anybody to stop."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _portion(
    make: Callable[[Iterable[Item]], Iterator[Made]], items: Sequence[Item]
) -> tuple[list[Made], Exception | None]:
    """Return what was made before an error, and the error, with where it happened."""
    made: list[Made] = []
    try:
        for one in make(items):
            made.append(one)  # noqa: PERF402 what came before an error counts
    except Exception as error:  # noqa: BLE001 whoever takes what was made raises it
        error.add_note(f"In another process:\n{traceback.format_exc()}")
        return made, error
    return made, None


def _taken(portion: Future[tuple[list[Made], Exception | None]]) -> Iterator[Made]:
    made, error = portion.result()
    yield from made
    if error is not None:
        raise error
