"""A lake in a folder that cannot be written to: real limits of the operating system, no half-written file."""

import os
import resource
import tempfile
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
