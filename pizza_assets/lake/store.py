"""Objects with metadata behind one small protocol, and the store that is a folder.

Belongs here: reading, writing, listing and deleting bytes under a key. Does not belong here: the store in a bucket
(``s3.py``), what the bytes mean. A write either happens whole or not at all, and carries the checksum of its bytes.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar

from pizza_assets.errors import LakeError

#: Name of the checksum in an object's metadata.
CHECKSUM = "sha256"

Metadata = Mapping[str, str]
_T = TypeVar("_T")

#: What follows the key's name in the name of its metadata: the start of the checksum.
_SIDECAR_END = re.compile(r"\.[0-9a-f]{12}\.json")
#: So often bytes and metadata that do not fit are read before that counts: a run may replace them between the two.
_LOOKS = 5
#: The names that ``tempfile`` gives to files that are being written.
_TEMPORARY = re.compile(r"tmp[a-z0-9_]{8}")


@dataclass(frozen=True)
class Listed:
    """An object as a listing shows it; ``modified_at`` in UTC. ``version`` is another when the object was replaced."""

    key: str
    size: int
    modified_at: datetime
    version: str = ""


class Store(Protocol):
    """Bytes and text metadata under a key; keys use ``/`` and are relative to the store's root.

    ``retries`` counts the tries after a first one, of all operations.
    """

    retries: int
    #: Reads that are made at a time, where several objects are asked for.
    reads_at_once: ClassVar[int]

    def read(self, key: str) -> bytes:
        """Return the object's bytes. Raises LakeError when it is absent or damaged."""

    def read_with_metadata(self, key: str) -> tuple[bytes, Metadata]:
        """Return the object's bytes and its metadata at once. Raises LakeError when it is absent or damaged."""

    def metadata(self, key: str) -> Metadata:
        """Return the object's metadata. Raises LakeError when it is absent."""

    def write(self, key: str, data: bytes, metadata: Metadata) -> None:
        """Put the object in place whole, replacing what was there. Metadata is ASCII text."""

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens when it is absent."""

    def list(self, prefix: str) -> Iterator[Listed]:
        """Yield the objects below `prefix`, by key."""

    def uri(self, key: str) -> str:
        """Return the address of a key, for people."""


def read_all(store: Store, read: Callable[[str], _T], keys: Sequence[str]) -> Iterator[_T]:
    """Yield what `read` gives of each object of a store, in the order of keys; from a bucket, some at a time."""
    if store.reads_at_once == 1 or len(keys) <= 1:
        yield from map(read, keys)
        return
    with ThreadPoolExecutor(store.reads_at_once) as pool:
        yield from pool.map(read, keys)


def checksum(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def missing(address: str) -> LakeError:
    """Return the error about an object that is not there."""
    return LakeError(f"{address} does not exist. Materialize its day first (pizza-assets backfill).", is_missing=True)


def damaged(address: str, expected: str, found: str) -> LakeError:
    """Return the error about bytes that do not fit their checksum."""
    return LakeError(
        f"{address} is damaged: its checksum should be {expected[:12]}…, found {found[:12]}…. "
        "Materialize its day again, or restore an older version."
    )


class LocalStore:
    """A folder. Metadata lies in ``.metadata/``, in a file named by the checksum of the bytes it describes.

    Metadata is written before the bytes and older metadata removed after them, so that at any moment one
    metadata file fits the bytes, whenever the process is killed. What a killed first write leaves fits no bytes, and
    goes when the object is replaced. A file that is being written is locked by its writer, so that `sweep` can tell
    what a killed one left.
    """

    reads_at_once: ClassVar[int] = 1

    def __init__(self, root: Path | str) -> None:
        self.retries = 0
        self.root = Path(root).expanduser().absolute()

    def read(self, key: str) -> bytes:
        """Return the object's bytes, checked against their checksum."""
        return self._fitting(key)[0]

    def read_with_metadata(self, key: str) -> tuple[bytes, Metadata]:
        """Return the object's bytes, checked against their checksum, and its metadata."""
        for _ in range(_LOOKS):
            data, sidecar = self._fitting(key)
            try:
                return data, dict(json.loads(sidecar.read_bytes()))
            except FileNotFoundError:  # replaced in between
                continue
        raise self._damaged(key, data)

    def _fitting(self, key: str) -> tuple[bytes, Path]:
        """Return the bytes, and the metadata file that fits them."""
        for _ in range(_LOOKS):
            data = self._bytes(key)
            if (sidecar := self._sidecar(key, checksum(data))).exists():
                return data, sidecar
        raise self._damaged(key, data)

    def metadata(self, key: str) -> Metadata:
        """Return the object's metadata."""
        for _ in range(_LOOKS):
            found = list(self._sidecars(key))
            if len(found) != 1 or not self._path(key).exists():
                found = [self._sidecar(key, checksum(self._bytes(key)))]
            try:
                return dict(json.loads(found[0].read_text(encoding="utf-8")))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise LakeError(f"{found[0]} could not be read: {error.strerror}.") from error
        raise self._without_metadata(key)

    def _without_metadata(self, key: str) -> LakeError:
        where = self.root / ".metadata"
        lost = "" if where.is_dir() else f" The folder {where} is missing: was the lake copied without it? Copy it too."
        return LakeError(f"{self.uri(key)} has no metadata, so it cannot be checked.{lost}")

    def write(self, key: str, data: bytes, metadata: Metadata) -> None:
        """Put the object in place: temporary file, fsync, rename."""
        digest = checksum(data)
        sidecar = self._sidecar(key, digest)
        document = json.dumps({**metadata, CHECKSUM: digest}, indent=1, sort_keys=True).encode()
        replaces = self._path(key).exists()
        try:
            sidecar.parent.mkdir(parents=True, exist_ok=True)
            self._path(key).parent.mkdir(parents=True, exist_ok=True)
            self._put_file(sidecar, document, sidecar.parent)
            self._put_file(self._path(key), data, sidecar.parent)
        except OSError as error:
            raise LakeError(
                f"{self.uri(key)} could not be written: {error.strerror}. What was there before is unchanged. "
                "Free space or correct the permissions, then run again.",
                final=True,
            ) from error
        for old in list(self._sidecars(key)) if replaces else ():
            if old != sidecar:
                self._remove_file(old)

    def delete(self, key: str) -> None:
        """Remove the object, then its metadata."""
        self._remove_file(self._path(key))
        for sidecar in list(self._sidecars(key)):
            self._remove_file(sidecar)

    def list(self, prefix: str) -> Iterator[Listed]:
        """Yield the objects below `prefix`, by key."""
        start = self.root / prefix
        top = start if start.is_dir() else start.parent
        if not top.is_relative_to(self.root):
            return  # the lake itself is not there yet
        for folder, folders, files in os.walk(top):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            inside = folder.removeprefix(str(self.root)).replace(os.sep, "/").lstrip("/")
            for name in sorted(files):
                key = f"{inside}/{name}" if inside else name
                if name.startswith(".") or not key.startswith(prefix):
                    continue
                status = os.stat(f"{folder}/{name}")  # noqa: PTH116 a Path of each object takes half the time
                version = f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"
                yield Listed(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC), version)

    def uri(self, key: str) -> str:
        """Return the file's path."""
        return str(self._path(key))

    def _damaged(self, key: str, data: bytes) -> LakeError:
        known = next(self._sidecars(key), None)
        if known is None:
            return self._without_metadata(key)
        return damaged(self.uri(key), known.suffixes[-2][1:], checksum(data))

    def sweep(self) -> int:
        """Remove the half-written files of killed writers, and return how many; those of living ones are locked."""
        count = 0
        for folder, _, files in os.walk(self.root / ".metadata"):
            count += sum(_remove_if_left(Path(folder, name)) for name in files if _TEMPORARY.fullmatch(name))
        return count

    def _bytes(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            raise missing(self.uri(key)) from None
        except OSError as error:
            raise LakeError(f"{self.uri(key)} could not be read: {error.strerror}.") from error

    # All changes of files go through these two.

    def _put_file(self, path: Path, data: bytes, scratch: Path) -> None:
        _replace(path, data, scratch)

    def _remove_file(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise LakeError(
                f"{path} could not be removed: {error.strerror}. Correct the permissions, then run again.", final=True
            ) from error

    def _path(self, key: str) -> Path:
        return self.root / key

    def _sidecar(self, key: str, digest: str) -> Path:
        return self.root / ".metadata" / f"{key}.{digest[:12]}.json"

    def _sidecars(self, key: str) -> Iterator[Path]:
        path = self.root / ".metadata" / key
        start = path.name
        with contextlib.suppress(FileNotFoundError):
            # A folder holds the files of all days, and a pattern or a Path of each takes milliseconds.
            ours = [name for name in os.listdir(path.parent) if name.startswith(start)]  # noqa: PTH208 names alone
            yield from (path.with_name(name) for name in ours if _SIDECAR_END.fullmatch(name, len(start)))


def _replace(path: Path, data: bytes, scratch: Path) -> None:
    # Files made in one folder for all, and moved from there, would all lie in its part of the disk: the fuller it gets,
    # the longer the next one takes.
    handle, name = _locked_file(scratch)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _locked_file(folder: Path) -> tuple[int, str]:
    """Make a temporary file that is locked until its handle is closed; the kernel does that when its writer dies."""
    while True:
        handle, name = tempfile.mkstemp(dir=folder)
        with contextlib.suppress(OSError):  # a file system without locks, on which nothing is swept
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle, name
        os.close(handle)  # swept between the two calls


def _remove_if_left(path: Path) -> bool:
    """Remove a temporary file unless its writer lives, and tell whether it was removed."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False  # its writer has finished, or it is somebody else's
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # What this name means now may be another file.
        if not os.path.samestat(os.fstat(handle), path.lstat()):
            return False
        path.unlink()
    except OSError:
        return False  # locked, or finished
    else:
        return True
    finally:
        os.close(handle)
