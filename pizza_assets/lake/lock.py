"""One writer at a time: the lock of a lake in a folder.

Belongs here: waiting for one another. Does not belong here: writing. The queue of Dagster's daemon keeps its own runs
apart (dagster.yaml); the lock does so for runs of the command line, of other instances, and in a fresh queue. It is the
operating system's: a process that is killed lets go of it. A bucket has none: there, let one instance write.
"""

import logging
from pathlib import Path

from filelock import FileLock, Timeout

from pizza_assets.errors import LakeError
from pizza_assets.lake.store import LocalStore, Store

_LOGGER = logging.getLogger("pizza_assets.lake")


class WriterLock:
    """Held from the first write of a run to its end."""

    def __init__(self, store: Store) -> None:
        self._lock: FileLock | None = None
        if isinstance(store, LocalStore):
            self._lock = FileLock(store.root / ".metadata" / "writer.lock", thread_local=False)

    def acquire(self) -> None:
        """Wait until no other run writes. A second call does nothing.

        Raises
        ------
        LakeError
            When the lake's folder cannot be written to.
        """
        if self._lock is None or self._lock.is_locked:
            return
        path = Path(self._lock.lock_file)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                _LOGGER.warning("Another run writes to this lake (%s); waiting until it has ended.", path)
                self._lock.acquire()
        except OSError as error:
            raise LakeError(
                f"{path} could not be written: {error.strerror}. Nothing in the lake was changed. "
                "Free space or correct the permissions, then run again.",
                final=True,
            ) from error

    def release(self) -> None:
        """Let others write."""
        if self._lock is not None:
            self._lock.release()
