"""How a file is opened: from its start, as often as it is needed, wherever it lies.

Belongs here: that, for a file of its own and for one in an archive. Does not belong here: any format.
"""

import io
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

from pizza_assets.errors import SourceError

#: Opens a file, or what an archive holds, from its start.
Open = Callable[[], AbstractContextManager[BinaryIO]]
_COPY_BYTES = 4 * 2**20


def unchanging(path: Path) -> Open:
    """Return what opens a file; a file that is not as it is now raises SourceError: it is read several times."""
    seen = _state(path)

    @contextmanager
    def open_file() -> Iterator[BinaryIO]:
        try:
            with path.open("rb") as file:
                yield file
        except Exception:
            _check(path, seen)
            raise
        _check(path, seen)

    return open_file


def _state(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def _check(path: Path, seen: tuple[int, int, int]) -> None:
    if _state(path) != seen:
        raise SourceError(f"{path} changed while it was read. Wait until it is written, and start again.") from None


@contextmanager
def seekable(file: BinaryIO) -> Iterator[BinaryIO]:
    """Give the file, or a copy on disk of one that is packed and read from its start only."""
    if isinstance(file, io.BufferedReader):
        yield file
        return
    with tempfile.NamedTemporaryFile() as copy:
        shutil.copyfileobj(file, copy, _COPY_BYTES)
        copy.flush()
        copy.seek(0)
        yield copy  # type: ignore[misc]  # a file of bytes with a name
