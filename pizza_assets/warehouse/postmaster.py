"""The embedded PostgreSQL's main process: find it, prove that it is ours, stop it; run as a file, watch its users.

Belongs here: what has to work without the rest of the package, for the watcher is a process of its own that runs
this file. Does not belong here: starting.

``postmaster.pid`` is a claim, not a proof: after a power cut, or in a container, its number may belong to any
process. So no process is signalled unless its executable, data folder and start time agree with the claim.
"""

import fcntl
import os
import signal
import sys
import time
from pathlib import Path

import psutil

#: Folder inside of the warehouse's folder: locks, and the socket where its path is short enough.
CONTROL = ".server"
#: File beside the database, written when the server has started: its `identity`, which holds when a clock is set.
NOTE = "pizza_assets.started"
#: Start times of postmaster.pid and of the process may differ by so many seconds.
_START_TOLERANCE = 10
_FAST_SECONDS, _IMMEDIATE_SECONDS = 60, 10


def data_folder(place: Path) -> Path:
    """Return the folder of the database files: ``data``, or `place` itself where an older version made them there."""
    older = (place / "PG_VERSION").is_file() and (place / "global" / "pg_control").is_file()
    return place if older else place / "data"


def claim(data: Path) -> list[str]:
    """Return the lines of ``postmaster.pid``: number, data folder, start (Unix time), port, socket folder ..."""
    try:
        return [line.strip() for line in (data / "postmaster.pid").read_text(errors="replace").splitlines()]
    except FileNotFoundError:
        return []


def running(data: Path) -> psutil.Process | None:
    """Return the main process of the server on `data` (absolute, without links), or None when none is proven."""
    lines = claim(data)
    try:
        process = psutil.Process(int(lines[0]))
        if not _is_on(process, data) or str(data) not in process.cmdline():
            return None
        is_in_time = abs(process.create_time() - int(lines[2])) <= _START_TOLERANCE
        note = data / NOTE
        return process if is_in_time or (note.is_file() and note.read_text() == identity(process)) else None
    except (psutil.Error, IndexError, ValueError, OverflowError):
        return None


def identity(process: psutil.Process) -> str:
    """Return a process' number and when it began, in seconds since the machine's start: no clock changes that."""
    return f"{process.pid} {process.create_time() - psutil.boot_time():.2f}"


def others(data: Path) -> list[int]:
    """Return the numbers of PostgreSQL processes that work in `data`, whatever ``postmaster.pid`` says."""
    return [process.pid for process in psutil.process_iter() if _is_on(process, data)]


def _is_on(process: psutil.Process, data: Path) -> bool:
    try:
        return Path(process.exe()).name.startswith("postgres") and Path(process.cwd()) == data
    except psutil.Error:  # it has ended, or belongs to another user, whose server it cannot be: data has mode 0700
        return False


def stop(data: Path) -> None:
    """Stop the proven server on `data`, with its connections; without one do nothing."""
    process = running(data)
    if process is None:
        return
    for what, seconds in ((signal.SIGINT, _FAST_SECONDS), (signal.SIGQUIT, _IMMEDIATE_SECONDS)):
        try:
            process.send_signal(what)
        except psutil.NoSuchProcess:
            return
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                return
            time.sleep(0.02)


def watch(place: Path, own_lock: int) -> None:
    """Wait until nobody uses the server of `place`, then stop it. `own_lock` tells starters that a watcher is there."""
    users = os.open(place / CONTROL / "users", os.O_RDWR | os.O_NOFOLLOW)
    fcntl.flock(users, fcntl.LOCK_EX)
    try:
        stop(data_folder(place))
    finally:
        # In this order: whoever then gets `users` sees that no watcher is left, and starts one.
        os.close(own_lock)
        os.close(users)


if __name__ == "__main__":
    if os.fork() == 0:
        os.setsid()
        watch(Path(sys.argv[1]), int(sys.argv[2]))
