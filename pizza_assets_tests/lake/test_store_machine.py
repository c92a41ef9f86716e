"""A lake in a folder that cannot be written to: real limits of the operating system, no half-written file."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pizza_assets.errors import LakeError
from pizza_assets.lake.lock import WriterLock
from pizza_assets.lake.store import LocalStore


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_without_room_nothing_changes_and_nothing_is_left(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.write("a/b", b"old", {})
    before = files(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, hard))
    try:
        with pytest.raises(LakeError, match="could not be written: File too large. What was there") as error:
            store.write("a/b", b"x" * 3_000, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error.value.final
    assert store.read("a/b") == b"old"
    assert [name for name in files(tmp_path) if "tmp" in name] == []
    store.write("a/b", b"x" * 3_000, {})
    assert len(files(tmp_path)) == len(before)


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A folder that this process may read and not write: mode bits do not bind root, so root becomes another user."""
    with tempfile.TemporaryDirectory() as name:
        folder, user = Path(name), os.geteuid()
        folder.chmod(0o555)
        if user == 0:
            os.seteuid(65534)
        yield folder
        os.seteuid(user)
        folder.chmod(0o755)


def test_a_read_only_lake_is_one_sentence(as_nobody: Path) -> None:
    store = LocalStore(as_nobody)
    for write in (lambda: store.write("a/b", b"new", {}), lambda: WriterLock(store).acquire()):
        with pytest.raises(LakeError, match="could not be written: Permission denied.*correct the permissions"):
            write()
    assert list(as_nobody.iterdir()) == []


def half_written(store: LocalStore) -> None:
    """Leave what a writer leaves that is killed before its bytes are on the disk."""
    code = (
        "import os, signal, sys; from pizza_assets.lake.store import LocalStore; "
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL); LocalStore(sys.argv[1]).write('a/b', b'new', {})"
    )
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", code, str(store.root)], cwd=root, check=False)
    assert killed.returncode == -9


def test_the_next_run_removes_what_killed_writers_left(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.write("a/b", b"old", {"rows": "1"})
    before = files(tmp_path)
    half_written(store)
    half_written(store)
    assert len(files(tmp_path)) == len(before) + 2
    lock = WriterLock(store)
    lock.acquire()
    lock.release()
    assert files(tmp_path) == sorted([*before, ".metadata/writer.lock"])
    assert store.read("a/b") == b"old"


def test_what_a_living_writer_writes_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, sync, swept = LocalStore(tmp_path), os.fsync, []

    def sweep_now(handle: int) -> None:
        swept.append(store.sweep())
        sync(handle)

    monkeypatch.setattr(os, "fsync", sweep_now)
    store.write("a/b", b"new", {})
    assert swept == [0, 0]
    assert store.read("a/b") == b"new"


def test_readers_beside_a_writer_see_the_old_or_the_new_object(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    versions = [(bytes([n]) * 50, {"rows": str(n)}) for n in range(2)]
    store.write("a/b", *versions[0])
    errors, ended = [], threading.Event()

    def read() -> None:
        while not ended.is_set():
            try:
                assert store.read("a/b") in {data for data, _ in versions}
                assert store.metadata("a/b")["rows"] in {"0", "1"}
            except (LakeError, AssertionError) as error:
                errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for n in range(400):
        store.write("a/b", *versions[n % 2])
    ended.set()
    for reader in readers:
        reader.join()
    assert errors == []


def test_a_lake_without_its_metadata_says_so_and_loses_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.write("a/b", b"old", {})
    shutil.rmtree(tmp_path / ".metadata")
    for access in (store.read, store.metadata):
        with pytest.raises(LakeError, match=r"a/b has no metadata.*The folder .*\.metadata is missing: was the lake"):
            access("a/b")
    store.write("a/c", b"new", {})
    assert store.read("a/c") == b"new"
    assert (tmp_path / "a/b").read_bytes() == b"old"
