"""All cores of this machine, for days that are made apart from each other.

Belongs here: handing days to other processes and taking what they made, in order. Does not belong here: writing, for
only the process of a run may write to the lake.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from datetime import date
from typing import TypeVar

from pizza_assets.errors import PizzaAssetsError

Made = TypeVar("Made")

#: Fewer days are made before other processes have started.
_FEWEST_DAYS = 90
#: Days that a process makes at a time; what `make` holds is handed over with each portion.
_DAYS_AT_ONCE = 10
#: Seconds without work after which a process ends.
_IDLE_SECONDS = 10


def on_all_cores(
    make: Callable[[date], Made], days: Sequence[date], processes: int | None = None
) -> Iterator[tuple[date, Made]]:
    """Yield each day and what `make` returns of it, in order; a few days are made ahead of what was taken.

    Parameters
    ----------
    make
        A function of a module, or a partial of one: it, and what it returns, travels between processes.
    days
        When they are few, all are made in this process.
    processes
        How many to use; as many as there are cores when it is None.

    Raises
    ------
    PizzaAssetsError
        When a process ends before its work does. What `make` raises is raised here too, after the portions before it.
    """
    count = 1 if len(days) < _FEWEST_DAYS else processes or _cores()
    if count == 1:
        yield from _made(make, days)
        return
    from loky import get_reusable_executor  # noqa: PLC0415 few runs need it

    pool = get_reusable_executor(count, timeout=_IDLE_SECONDS, initializer=_end_with, initargs=(os.getpid(),))
    ahead: deque[Future[list[tuple[date, Made]]]] = deque()
    try:
        for start in range(0, len(days), _DAYS_AT_ONCE):
            ahead.append(pool.submit(_portion, make, days[start : start + _DAYS_AT_ONCE]))
            if len(ahead) > 2 * count:  # bounds what waits in memory
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()
    except BrokenProcessPool as error:
        raise PizzaAssetsError(
            f"One of {count} processes that made days was ended from outside, as a machine without memory does. Give "
            "the run more memory, or set ANALYSIS_PROCESSES=1."
        ) from error
    finally:
        for future in ahead:
            future.cancel()


def _cores() -> int:
    from loky import cpu_count  # noqa: PLC0415 as above

    return int(cpu_count())


def _end_with(parent: int) -> None:
    """End this process when the one that started it is gone: killed, it cannot tell anybody to stop."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _portion(make: Callable[[date], Made], days: Sequence[date]) -> list[tuple[date, Made]]:
    return list(_made(make, days))


def _made(make: Callable[[date], Made], days: Sequence[date]) -> Iterator[tuple[date, Made]]:
    return ((day, make(day)) for day in days)
