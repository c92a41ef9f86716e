"""A disk and a bucket in memory, for the product's own stores: a process meets its faults at each operation.

Belongs here: what a file system and S3 do, and how they fail. Does not belong here: what lies in them.
"""

import errno
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar, Protocol

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError, IncompleteReadError

from benchmarks.simulation.machine import Process
from pizza_assets.errors import LakeError
from pizza_assets.lake.lock import LEASE_SECONDS, WriterLock
from pizza_assets.lake.s3 import S3Store
from pizza_assets.lake.store import Listed, LocalStore, Store

_BUCKET = "simulated"
#: Keys that one page of a listing holds; S3's are longer.
_PAGE = 60


class Lock(Protocol):
    """What keeps writers apart."""

    def acquire(self) -> None:
        """Wait until no other run writes."""

    def release(self) -> None:
        """Let others write."""


class Lake(Protocol):
    """Where a simulated world keeps its lake; processes open it."""

    #: Keys (of a disk: its paths) that were written or removed since somebody looked.
    changed: set[str]

    def store(self, process: Process) -> Store:
        """Return the lake as a process sees it."""

    def lock(self, process: Process, store: Store, lease_seconds: float = LEASE_SECONDS) -> Lock:
        """Return what keeps a process apart from other writers."""

    def key(self, changed: str) -> str | None:
        """Return which visible key a changed one stands for."""

    def copy(self, process: Process, to: "Lake") -> None:
        """Copy one file or object after another to an empty lake, while others write."""


@dataclass
class Folder:
    """A folder of the machine, best on a file system in memory; ``index`` has each file's size and time of change."""

    root: Path
    index: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    writer: Process | None = None

    def store(self, process: Process) -> Store:
        """Return the lake as a process sees it."""
        return FolderStore(self, process)

    def lock(self, process: Process, store: Store, lease_seconds: float = LEASE_SECONDS) -> Lock:
        """Return the operating system's lock: it goes with its process."""
        del store
        return _FolderLock(self, process, never_ends=lease_seconds != LEASE_SECONDS)

    def key(self, changed: str) -> str | None:
        """Return the key of a file; metadata stand for the object that they describe."""
        if changed.startswith(".metadata/"):
            name = changed.removeprefix(".metadata/")
            return name.rsplit(".", 2)[0] if name.endswith(".json") else None
        return changed

    def copy(self, process: Process, to: Lake) -> None:
        """Copy file after file to an empty folder, as ``cp`` does."""
        if not isinstance(to, Folder):
            raise TypeError("a folder is copied to a folder")
        for name in sorted(self.index, reverse=process.random.random() < 0.5):
            process.read(lambda: None, OSError)  # others write meanwhile
            if found := self.index.get(name):
                path = to.root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes((self.root / name).read_bytes())
                to.index[name] = found
                to.changed.add(name)

    def lose_metadata(self) -> None:
        """Remove the folder ``.metadata``."""
        for name in [name for name in self.index if name.startswith(".metadata/")]:
            (self.root / name).unlink()
            del self.index[name]


class FolderStore(LocalStore):
    """The product's store in a folder, in a process of the simulated world: each change of a file meets its faults."""

    def __init__(self, folder: Folder, process: Process) -> None:
        super().__init__(folder.root)
        self._folder, self._process = folder, process

    def uri(self, key: str) -> str:
        """Return an address that is the same for all lakes."""
        return f"/simulated/{key}"

    def list(self, prefix: str) -> Iterator[Listed]:
        """Yield the objects below `prefix`, by key, from the index: reading folders takes most of the time."""
        for key in sorted(key for key in self._folder.index if key.startswith(prefix) and not key.startswith(".")):
            size, at = self._folder.index[key]
            yield Listed(key, size, at)

    def _bytes(self, key: str) -> bytes:
        try:
            return self._process.read(lambda: super(FolderStore, self)._bytes(key), self._io_error)
        except OSError as error:
            raise LakeError(f"{self.uri(key)} could not be read: {error.strerror}.") from error

    def _put_file(self, path: Path, data: bytes, scratch: Path) -> None:
        name = path.relative_to(self.root).as_posix()

        def effect() -> None:
            path.write_bytes(data)  # no rename is needed where nothing else runs
            self._folder.index[name] = len(data), self._process.machine.wall_clock
            self._folder.changed.add(name)

        def torn() -> None:
            cut = data[: self._process.random.randrange(len(data) + 1)]
            (scratch / f"tmp{self._process.random.randrange(10**8):08d}").write_bytes(cut)

        full = partial(OSError, errno.ENOSPC, "No space left on device")
        self._process.write(name, effect, full, torn, may_be_lost=False)

    def _remove_file(self, path: Path) -> None:
        name = path.relative_to(self.root).as_posix()

        def effect() -> None:
            super(FolderStore, self)._remove_file(path)
            if self._folder.index.pop(name, None):
                self._folder.changed.add(name)

        def error() -> LakeError:
            return LakeError(f"{self.uri(name)} could not be removed: Input/output error.", final=True)

        self._process.write(name, effect, error, lambda: None, may_be_lost=False)

    def _io_error(self) -> OSError:
        return OSError(errno.EIO, "Input/output error")


class _FolderLock:
    def __init__(self, folder: Folder, process: Process, *, never_ends: bool) -> None:
        self._folder, self._process, self._never_ends = folder, process, never_ends

    def acquire(self) -> None:
        while (writer := self._folder.writer) not in (None, self._process):
            if writer is not None and writer.is_dead and not self._never_ends:
                break
            self._process.sleep(5)
        self._folder.writer = self._process
        self._process.take_lock()

    def release(self) -> None:
        if not self._process.is_dead and self._folder.writer is self._process:
            self._folder.writer = None
            self._process.leave_lock()


@dataclass(frozen=True)
class _Object:
    data: bytes
    metadata: Mapping[str, str]
    etag: str
    at: datetime


@dataclass
class Bucket:
    """Objects by key."""

    objects: dict[str, _Object] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    count: int = 0

    def store(self, process: Process) -> Store:
        """Return the lake as a process sees it."""
        return BucketStore(_Client(self, process), _BUCKET, sleep=process.sleep)

    def lock(self, process: Process, store: Store, lease_seconds: float = LEASE_SECONDS) -> Lock:
        """Return the product's lease."""
        return _Noted(WriterLock(store, lease_seconds, process), process)

    def key(self, changed: str) -> str | None:
        """Return the key, unless it is the lease's."""
        return None if changed.startswith(".") else changed

    def copy(self, process: Process, to: Lake) -> None:
        """Copy object after object of one listing to an empty bucket; one is whole, old or new, or gone by then."""
        if not isinstance(to, Bucket):
            raise TypeError("a bucket is copied to a bucket")
        for key in sorted(self.objects):
            process.read(lambda: None, OSError)
            if found := self.objects.get(key):
                to.objects[key] = found
                to.changed.add(key)


class BucketStore(S3Store):
    """The product's store in a bucket; one read at a time, so that a seed always gives the same."""

    reads_at_once: ClassVar[int] = 1


class _Noted:
    """A lock that notes at its process that it is held."""

    def __init__(self, lock: WriterLock, process: Process) -> None:
        self._lock, self._process = lock, process

    def acquire(self) -> None:
        try:
            self._lock.acquire()
        except LakeError:
            self._process.leave_lock()
            raise
        self._process.take_lock()

    def release(self) -> None:
        self._process.leave_lock()
        self._lock.release()


def _client_error(code: str, status: int) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "Simulated")


class _Body:
    """What a download gives: sometimes it breaks off, or its bytes are not those that were sent."""

    def __init__(self, data: bytes, fault: float) -> None:
        self._data, self._fault = data, fault

    def read(self) -> bytes:
        if self._fault < 0.5:
            raise IncompleteReadError(actual_bytes=0, expected_bytes=len(self._data))
        if self._fault < 1:
            return self._data[:-1]
        return self._data


class _Client:
    """The part of boto3's client for S3 that the product uses; a process' connection to a bucket."""

    def __init__(self, bucket: Bucket, process: Process) -> None:
        self._bucket, self._objects, self._process = bucket, bucket.objects, process

    def _error(self) -> Exception:
        code, status = self._process.random.choice(
            [("InternalError", 500), ("SlowDown", 503), ("RequestTimeout", 400), ("BadDigest", 400)]
        )
        return _client_error(code, status)

    def _found(self, key: str) -> _Object:
        if key not in self._objects:
            raise _client_error("NoSuchKey", 404)
        return self._objects[key]

    def _put(self, key: str, data: bytes, metadata: Mapping[str, str]) -> str:
        self._bucket.count += 1
        etag = f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}-{self._bucket.count}"'
        self._objects[key] = _Object(data, dict(metadata), etag, self._process.machine.true_time)
        self._bucket.changed.add(key)
        return etag

    def _write(self, key: str, effect: Callable[[], Any]) -> Any:  # noqa: ANN401 as boto3's
        return self._process.write(key, effect, self._error, lambda: None, may_be_lost=True)

    def get_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: ANN401, N803 as boto3's
        del Bucket
        process = self._process
        fault = process.random.random() / process.faults.failing if process.faults.failing else 1.0

        def effect() -> Any:  # noqa: ANN401 as boto3's
            found = self._found(Key)
            return {"Body": _Body(found.data, fault), "Metadata": dict(found.metadata), "ETag": found.etag}

        return process.read(effect, self._error)

    def head_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: ANN401, N803 as boto3's
        del Bucket
        return self._process.read(lambda: {"Metadata": dict(self._found(Key).metadata)}, self._error)

    def upload_fileobj(self, Fileobj: BytesIO, Bucket: str, Key: str, ExtraArgs: Mapping[str, Any]) -> None:  # noqa: N803 as boto3's
        del Bucket
        data = Fileobj.read()
        try:
            self._write(Key, lambda: self._put(Key, data, ExtraArgs["Metadata"]))
        except ClientError as error:
            raise S3UploadFailedError(f"Failed to upload {Key}: {error}") from error

    def put_object(
        self,
        *,
        Bucket: str,  # noqa: N803 as boto3's
        Key: str,  # noqa: N803 as boto3's
        Body: bytes,  # noqa: N803 as boto3's
        Metadata: Mapping[str, str],  # noqa: N803 as boto3's
        IfMatch: str | None = None,  # noqa: N803 as boto3's
        IfNoneMatch: str | None = None,  # noqa: N803 as boto3's
    ) -> Any:  # noqa: ANN401 as boto3's
        del Bucket

        def effect() -> Any:  # noqa: ANN401 as boto3's
            if IfMatch is not None and (Key not in self._objects or self._objects[Key].etag != IfMatch):
                raise _client_error("PreconditionFailed", 412)
            if IfNoneMatch is not None and Key in self._objects:
                raise _client_error("PreconditionFailed", 412)
            return {"ETag": self._put(Key, Body, Metadata)}

        return self._write(Key, effect)

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803 as boto3's
        del Bucket

        def effect() -> None:
            if self._objects.pop(Key, None) is not None:
                self._bucket.changed.add(Key)

        self._write(Key, effect)

    def list_objects_v2(self, *, Bucket: str, Prefix: str, ContinuationToken: str = "") -> Any:  # noqa: ANN401, N803 as boto3's
        del Bucket

        def effect() -> Any:  # noqa: ANN401 as boto3's
            keys = sorted(key for key in self._objects if key.startswith(Prefix) and key > ContinuationToken)
            items = [
                {"Key": key, "Size": len(of.data), "LastModified": of.at, "ETag": of.etag}
                for key, of in ((key, self._objects[key]) for key in keys[:_PAGE])
            ]
            page: dict[str, Any] = {"Contents": items, "IsTruncated": len(keys) > _PAGE}
            return page | ({"NextContinuationToken": keys[_PAGE - 1]} if len(keys) > _PAGE else {})

        return self._process.read(effect, self._error)
