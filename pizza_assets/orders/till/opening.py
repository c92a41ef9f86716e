"""How a file is opened: from its start, as often as it is needed, wherever it lies.

Belongs here: that, for a file of its own and for one in an archive. Does not belong here: any format.
"""

import io
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import BinaryIO

#: Opens a file, or what an archive holds, from its start.
Open = Callable[[], AbstractContextManager[BinaryIO]]
_COPY_BYTES = 4 * 2**20


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
