"""One writer at a time: the lock of a lake in a folder.

Belongs here: waiting for one another. Does not belong here: writing. The queue of Dagster's daemon keeps its own runs
apart (dagster.yaml); the lock does so for runs of the command line, of other instances, and in a fresh queue. It is the
operating system's: a process that is killed lets go of it. A bucket has none: there, let one instance write.
"""

import logging

from filelock import FileLock, Timeout

from pizza_assets.lake.store import LocalStore, Store

_LOGGER = logging.getLogger("pizza_assets.lake")


class WriterLock:
    """Held from the first write of a run to its end."""

    def __init__(self, store: Store) -> None:
        self._lock: FileLock | None = None
        if isinstance(store, LocalStore):
            folder = store.root / ".metadata"
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(folder / "writer.lock", thread_local=False)

    def acquire(self) -> None:
        """Wait until nobody else writes; a second time is nothing."""
        if self._lock is None or self._lock.is_locked:
            return
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            _LOGGER.warning("Another run writes to this lake (%s); waiting until it has ended.", self._lock.lock_file)
            self._lock.acquire()

    def release(self) -> None:
        """Let others write."""
        if self._lock is not None:
            self._lock.release()
