"""A clock that is set by hand, in a file that all processes of a soak read.

It keeps what it showed when, so that the time at which something was really stored can be told in its own terms.
"""

import json
import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pizza_assets.lake.store import Listed, Metadata, Store

#: The file's path, for the processes that only read it.
VARIABLE = "SOAK_CLOCK"


class Clock:
    """Shows the last instant that it was set to."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @classmethod
    def of_environment(cls) -> "Clock":
        """Return the soak's clock."""
        return cls(Path(os.environ[VARIABLE]))

    def set(self, shown: datetime) -> None:
        """Show another instant from now on."""
        steps = [*self._steps(), [datetime.now(UTC).timestamp(), shown.timestamp()]]
        scratch = self._file.with_suffix(".new")
        scratch.write_text(json.dumps(steps), encoding="utf-8")
        scratch.replace(self._file)

    def now(self) -> datetime:
        """Return what the clock shows."""
        return datetime.fromtimestamp(self._steps()[-1][1], UTC)

    def shown_at(self, real: datetime) -> datetime:
        """Return what the clock showed at a real instant."""
        steps = self._steps()
        place = bisect_right([step[0] for step in steps], real.timestamp())
        return datetime.fromtimestamp(steps[max(place - 1, 0)][1], UTC)

    def _steps(self) -> list[Any]:
        return list(json.loads(self._file.read_text(encoding="utf-8"))) if self._file.exists() else []


class ClockedStore:
    """A store whose objects say when they were stored by the soak's clock."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def list(self, prefix: str) -> Iterator[Listed]:
        """Yield the objects below `prefix`."""
        for item in self._store.list(prefix):
            yield replace(item, modified_at=self._clock.shown_at(item.modified_at))

    def read(self, key: str) -> bytes:
        """Return an object's bytes."""
        return self._store.read(key)

    def metadata(self, key: str) -> Metadata:
        """Return an object's metadata."""
        return self._store.metadata(key)

    def write(self, key: str, data: bytes, metadata: Metadata) -> None:
        """Write an object."""
        self._store.write(key, data, metadata)

    def delete(self, key: str) -> None:
        """Delete an object."""
        self._store.delete(key)

    def uri(self, key: str) -> str:
        """Return an object's address."""
        return self._store.uri(key)
