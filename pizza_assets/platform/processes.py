"""All cores of this machine, for work that takes a tenth of a second a day, as an analysis does.

Belongs here: handing days to other processes and taking what they made, in order. Does not belong here: writing, for
only the process of a run may write to the lake; and lighter work, which costs more to hand over than to do.
"""

import os
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

from pizza_assets.errors import PizzaAssetsError

Item = TypeVar("Item")
Made = TypeVar("Made")

#: A shorter range is made before other processes have started.
_FEWEST_DAYS = 90
#: Items that a process makes at a time; what they share is handed over with each portion.
_ITEMS_AT_ONCE = 10


def on_all_cores(make: Callable[[Item], Made], items: Iterable[Item], processes: int) -> Iterator[Made]:
    """Yield what `make` returns of each item, in order; a few are made ahead of what was taken.

    Parameters
    ----------
    make
        A function of a module, or a partial of one: it, the items, and what it returns travel between processes.
    items
        Taken in portions, a few of them ahead.
    processes
        How many to use; with one, all happens in this process.

    Raises
    ------
    PizzaAssetsError
        When a process ends before its work does. What `make` raises is raised here too, after what came before.
    """
    if processes == 1:
        yield from map(make, items)
        return
    from loky import ProcessPoolExecutor  # noqa: PLC0415 few runs need it

    ahead: deque[Future[tuple[list[Made], Exception | None]]] = deque()
    rest = iter(items)
    with ProcessPoolExecutor(processes, initializer=_end_with, initargs=(os.getpid(),)) as pool:
        try:
            while portion := list(islice(rest, _ITEMS_AT_ONCE)):
                ahead.append(pool.submit(_portion, make, portion))
                if len(ahead) > 2 * processes:  # bounds what waits in memory
                    yield from _taken(ahead.popleft())
            while ahead:
                yield from _taken(ahead.popleft())
        except BrokenProcessPool as error:
            raise PizzaAssetsError(
                f"One of {processes} processes of the analysis was killed, probably because memory ran out. Give the "
                "run more memory, or set RANGE_PROCESSES=1."
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


def _end_with(parent: int) -> None:
    """End this process when the one that started it is gone: killed, it cannot tell anybody to stop."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _portion(make: Callable[[Item], Made], items: Sequence[Item]) -> tuple[list[Made], Exception | None]:
    """Return what was made before an error, and the error, with where it happened."""
    made: list[Made] = []
    try:
        for item in items:
            made.append(make(item))  # noqa: PERF401 what came before an error counts
    except Exception as error:  # noqa: BLE001 whoever takes what was made raises it
        error.add_note(f"In another process:\n{traceback.format_exc()}")
        return made, error
    return made, None


def _taken(portion: Future[tuple[list[Made], Exception | None]]) -> Iterator[Made]:
    made, error = portion.result()
    yield from made
    if error is not None:
        raise error
