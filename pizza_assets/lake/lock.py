"""One writer at a time: the lock of a lake in a folder, the lease of a lake in a bucket.

Belongs here: waiting for one another. Does not belong here: writing. The queue of Dagster's daemon keeps its own runs
apart (dagster.yaml); the lock does so for runs of the command line, of other instances, and in a fresh queue. In a
folder it is the operating system's: a process that is killed releases it. In a bucket it is an object that its owner
renews; an object that stays the same for longer than a lease lasts is of a killed owner, and is taken over.
"""

import json
import logging
import os
import platform
import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from pizza_assets.errors import LakeError
from pizza_assets.lake.s3 import S3Store
from pizza_assets.lake.store import LocalStore, Store

_LOGGER = logging.getLogger("pizza_assets.lake")
_NAME = ".metadata/writer.lock"
#: A lease that is not renewed for so long is of an owner that was killed, or cut off.
LEASE_SECONDS = 60.0
#: The owner of a lease stops after this share of it: its clock may run slower than that of the run that takes it over.
_OWNERS_SHARE = 0.8


class Clock:
    """The machine's time, as a lease uses it; another one may stand in for it."""

    def monotonic(self) -> float:
        """Return seconds since some instant; they never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def every(self, seconds: float, do: Callable[[], bool]) -> Callable[[], None]:
        """Call `do` every so many seconds in a thread, until it returns False; return what ends that and waits."""
        ended = threading.Event()

        def repeat() -> None:
            while not ended.wait(seconds) and do():
                pass

        thread = threading.Thread(target=repeat, name="lease", daemon=True)
        thread.start()

        def end() -> None:
            ended.set()
            thread.join()

        return end


class WriterLock:
    """Held from the first write of a run to its end. Who takes it removes what killed writers left half-written."""

    def __init__(self, store: Store, lease_seconds: float = LEASE_SECONDS, clock: Clock | None = None) -> None:
        self._store = store
        self._lock: FileLock | None = None
        self._lease: _Lease | None = None
        if isinstance(store, LocalStore):
            self._lock = FileLock(store.root / _NAME, thread_local=False)
        elif isinstance(store, S3Store):
            self._lease = _Lease(store, lease_seconds, clock or Clock())

    def acquire(self) -> None:
        """Wait until no other run writes. A second call makes sure that it is still held.

        Raises
        ------
        LakeError
            When the lake cannot be written to, or when another run has taken a lease over that could not be renewed.
        """
        if self._lease is not None:
            self._lease.acquire()
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
            if isinstance(self._store, LocalStore) and (swept := self._store.sweep()):
                _LOGGER.info("%d half-written files of killed runs were removed from %s.", swept, path.parent)
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
        if self._lease is not None:
            self._lease.release()


class _Lease:
    """An object in the bucket that only its owner may replace, by conditional writes.

    No clock is compared with another one: a waiting run takes the lease over when it has itself seen the same version
    of the object for longer than a lease lasts, and the owner stops when it could not renew it for somewhat less.
    """

    def __init__(self, store: S3Store, seconds: float, clock: Clock) -> None:
        self._store, self._seconds, self._clock = store, seconds, clock
        self._owner = f"{platform.node()}:{os.getpid()}:{uuid4().hex}"
        self._version: str | None = None
        self._renewed = 0.0
        self._end: Callable[[], None] | None = None
        self._count = 0

    def acquire(self) -> None:
        if self._end is not None:
            self._check()
            return
        seen, since, is_told = None, 0.0, False
        while True:
            data, version = self._read()
            is_old = version == seen and self._clock.monotonic() - since > self._seconds
            if version is None or is_old or _is_free(data):
                if self._put(version, is_free=False):
                    break
                continue
            if version != seen:
                seen, since = version, self._clock.monotonic()
            if not is_told:
                is_told = True
                _LOGGER.warning(
                    "Another run writes to this lake (%s); waiting until it has ended.", self._store.uri(_NAME)
                )
            self._clock.sleep(min(1.0, self._seconds / 10))
        self._end = self._clock.every(self._seconds / 4, self._renew)

    def release(self) -> None:
        if self._end is None:
            return
        self._end()
        self._end = None
        if self._version is not None:
            try:
                self._put(self._version, is_free=True)
            except LakeError as error:
                _LOGGER.warning("The lease on this lake ends by itself, in %.0f s: %s", self._seconds, error)

    def _check(self) -> None:
        longest = self._seconds * _OWNERS_SHARE
        if self._version is None or self._clock.monotonic() - self._renewed > longest:
            raise LakeError(
                f"The lease on this lake ({self._store.uri(_NAME)}) could not be renewed for {longest:.0f} s, so "
                "another run may write now. This run stops; finished days are kept. Run again.",
                final=True,
            )

    def _renew(self) -> bool:
        """Renew the lease, and tell whether it is still ours."""
        try:
            if not self._put(self._version, is_free=False):
                self._version = None  # taken over
        except LakeError as error:
            _LOGGER.warning("The lease on this lake was not renewed: %s", error)
        return self._version is not None

    def _put(self, version: str | None, *, is_free: bool) -> bool:
        """Write the object in place of `version`, and tell whether that was still the one that lay there."""
        started, self._count = self._clock.monotonic(), self._count + 1
        document = {"owner": None if is_free else self._owner, "count": self._count, "seconds": self._seconds}
        data = json.dumps(document).encode()
        written = self._store.write_if(_NAME, data, version=version)
        if written is None:
            # A write whose answer was lost is tried again, and then finds its own version.
            there, written = self._read()
            if there != data or is_free:
                return False
        self._version, self._renewed = written, started
        return True

    def _read(self) -> tuple[bytes, str | None]:
        try:
            return self._store.read_version(_NAME)
        except LakeError as error:
            if error.is_missing:
                return b"", None
            raise


def _is_free(data: bytes) -> bool:
    try:
        return json.loads(data)["owner"] is None
    except (ValueError, KeyError, TypeError):
        return False
