"""How often one API may be asked: one budget for all threads and processes of this machine.

Belongs here: counting attempts in sliding windows and waiting for room. Does not belong here: what is asked, and
what a server says about its own limits (``http.py``).
"""

import logging
import os
import re
import sqlite3
import stat
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from pyrate_limiter import Duration, Rate, RateItem, SQLiteBucket

from pizza_assets.errors import SourceError
from pizza_assets.settings import Settings

_LOGGER = logging.getLogger("pizza_assets.sources")

#: We count when we send, the server when a request arrives. A window this much longer than the server's keeps
#: within the server's limit as long as the way there never takes this much longer than another time.
PADDING_MS = 2_000


def rates_of(settings: Settings) -> list[Rate]:
    """Return the limits of one API: per minute and per hour, each in a window longer by ``PADDING_MS``.

    Of two limits one of which implies the other, only the stricter is returned.
    """
    minute = Rate(settings.max_requests_per_minute, int(Duration.MINUTE) + PADDING_MS)
    hour = Rate(settings.max_requests_per_hour, int(Duration.HOUR) + PADDING_MS)
    if hour.limit <= minute.limit:
        return [hour]
    if hour.limit * minute.interval >= minute.limit * hour.interval:
        return [minute]
    return [minute, hour]


def per_minute(limit: int) -> list[Rate]:
    """Return the limit of so many requests in any minute, in a window longer by ``PADDING_MS``."""
    return [Rate(limit, int(Duration.MINUTE) + PADDING_MS)]


def _private(folder: Path) -> Path:
    """Create `folder`, for this user only, below the machine's temporary folder."""
    for path in (folder.parent, folder):
        path.mkdir(mode=0o700, exist_ok=True)
        facts = path.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
            raise SourceError(
                f"The rate limits are kept in {path}, which must be a folder that only you can open. "
                f"Found mode {stat.filemode(facts.st_mode)} and owner {facts.st_uid}. Remove it."
            )
    return folder


def _not_after(bucket: SQLiteBucket, now: int) -> None:
    """Count at `now` what was counted later: the clock was set back, and waiting for that time could take years."""
    moved = f'UPDATE "{bucket.table}" SET item_timestamp = ? WHERE item_timestamp > ?'  # noqa: S608 the library's name
    bucket.conn.execute(moved, (now, now)).close()
    bucket.conn.commit()


class RateBudget:
    """The budget of one API. Cheap to make: all state is in one SQLite file per API.

    Parameters
    ----------
    api
        Host and port.
    rates
        The limits, each "at most n in any window of so many milliseconds".
    folder
        Where the state lives; ``<temporary folder>/pizza-assets-<uid>/rate-limits`` when not given.
    """

    def __init__(self, api: str, rates: Sequence[Rate], folder: Path | None = None) -> None:
        self.api = api
        self._rates = list(rates)
        self._folder = folder

    def take(self) -> int:
        """Wait until one more attempt is within all limits and count it.

        Returns
        -------
        int
            The instant that was counted, in milliseconds since 1970 (UTC).

        Raises
        ------
        SourceError
            When the state cannot be read or written.
        """
        while True:
            instant, wait_ms = self._try_take()
            if not wait_ms:
                return instant
            if wait_ms >= 1000:
                _LOGGER.info("%s: waiting %.1f s, to stay within the request limits", self.api, wait_ms / 1000)
            time.sleep(wait_ms / 1000)

    def _try_take(self) -> tuple[int, int]:
        """Return (instant, 0) when counted, else (instant, milliseconds to wait)."""
        # The library's Limiter is left aside: it counts a waiting attempt at the instant for which it was planned,
        # not at that at which it goes out. A file opened each time is safe across threads and forks alike.
        path = self._path()
        try:
            bucket = SQLiteBucket.init_from_file(self._rates, db_path=str(path), use_file_lock=True)
            with closing(bucket), bucket.lock:
                now = time.time_ns() // 1_000_000
                _not_after(bucket, now)
                # Others may count in longer windows than this budget: nothing of the last hour goes.
                bucket.leak(now - int(Duration.HOUR))
                if bucket.put(RateItem(self.api, now)):
                    return now, 0
                waiting = bucket.waiting(RateItem(self.api, now))
        except (sqlite3.Error, OSError) as error:
            raise SourceError(
                f"The rate limits of {self.api} are kept in {path}, which cannot be used ({error}). "
                "Make room there, or remove the file."
            ) from None
        return now, max(int(waiting), 1)  # type: ignore[arg-type]  # awaitable only for buckets that are async

    def _path(self) -> Path:
        name = re.sub(r"[^\w.-]", "_", self.api)
        folder = self._folder or Path(tempfile.gettempdir()) / f"pizza-assets-{os.getuid()}" / "rate-limits"
        try:
            return _private(folder) / f"{name}.sqlite"
        except OSError as error:
            raise SourceError(f"The rate limits cannot be kept in {folder} ({error}). Set TMPDIR elsewhere.") from None
