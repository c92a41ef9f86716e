"""Bugs that can be planted into a simulated world, to show that the simulation finds them.

Belongs here: five ways to do it wrong, each around the product's own code. The product has no switch for them.
"""

import contextlib
from collections.abc import Mapping
from datetime import date
from typing import Literal

from benchmarks.simulation.stores import BucketStore, FolderStore
from pizza_assets.lake import layout
from pizza_assets.lake.daily import AnyTable
from pizza_assets.lake.lock import LEASE_SECONDS
from pizza_assets.lake.store import Metadata, Store, checksum
from pizza_assets.lake.tables import DailyTable, Encoded

Bug = Literal["overwrites", "deletes-first", "metadata-last", "endless-lease", "manifest-first"]

#: What each bug is.
BUGS: Mapping[Bug, str] = {
    "overwrites": "a fallback that overwrites real data by mock",
    "deletes-first": "a delete before the write",
    "metadata-last": "metadata after the bytes (a folder's only; objects of S3 carry theirs)",
    "endless-lease": "a lease without expiry",
    "manifest-first": "a manifest before the data",
}


def lease_seconds(bug: Bug | None) -> float:
    """Return how long a lease lasts that is not renewed."""
    return 1e12 if bug == "endless-lease" else LEASE_SECONDS


def planted(bug: Bug | None, table: AnyTable) -> AnyTable:
    """Return a table with the bug in it, where it is one of tables."""
    if isinstance(table, DailyTable) and bug == "overwrites":
        return _Overwriting(table.store, table.layout)
    if isinstance(table, DailyTable) and bug == "deletes-first":
        return _DeletingFirst(table.store, table.layout)
    return table


class _Overwriting(DailyTable):
    def is_real(self, day: date) -> bool:
        del day
        return False


class _DeletingFirst(DailyTable):
    def replace(self, encoded: Encoded) -> str:
        if encoded.facts.get("data-source") == "real" or not self.is_real(encoded.day):
            self.remove(encoded.day)
        return super().replace(encoded)


def planted_in_store(bug: Bug | None, store: Store) -> Store:
    """Return a store with the bug in it, where it is one of stores."""
    if bug == "metadata-last" and isinstance(store, FolderStore):
        store.__class__ = _MetadataLast
    if bug == "manifest-first":
        store.__class__ = _ManifestFirstInFolder if isinstance(store, FolderStore) else _ManifestFirstInBucket
    return store


class _MetadataLast(FolderStore):
    def write(self, key: str, data: bytes, metadata: Metadata) -> None:
        path, sidecar = self._path(key), self._sidecar(key, checksum(data))
        path.parent.mkdir(parents=True, exist_ok=True)
        sidecar.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # what follows fails, too, or mends it
            self._put_file(path, data, sidecar.parent)
        super().write(key, data, metadata)


class _ManifestFirst:
    """Holds the current data sets back until what points at them is written."""

    def write(self, key: str, data: bytes, metadata: Metadata) -> None:
        held = self.__dict__.setdefault("held", {})
        if key.startswith(f"{layout.DASHBOARD_PREFIX}/current/"):
            held[key] = data, metadata
            return
        super().write(key, data, metadata)  # type: ignore[misc]  # the store that this is mixed into has it
        if key == layout.LINEAGE_KEY:
            for current, (of_current, facts) in held.items():
                super().write(current, of_current, facts)  # type: ignore[misc]


class _ManifestFirstInFolder(_ManifestFirst, FolderStore):
    pass


class _ManifestFirstInBucket(_ManifestFirst, BucketStore):
    pass
