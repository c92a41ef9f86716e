"""PostgreSQL from a wheel, for a warehouse without a server: started when it is needed, stopped after its last user.

Belongs here: where its data lies, starting, joining and ending it. Does not belong here: connections and schema.

Everything lies in one folder: ``data`` and ``.server`` (both of mode 0700), where these files are locked:

- ``users``: shared by every process that uses the server. The kernel drops it at any death of the process.
- ``start``: by the one that starts the server, or joins it.
- ``watcher``: by a small process that waits until nobody holds ``users``, and then stops the server.
- ``server``: by PostgreSQL itself, which inherits it: held while any process of the server lives, in any container.
"""

import atexit
import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psutil

from pizza_assets.errors import WarehouseError, machine_fault
from pizza_assets.settings import Settings
from pizza_assets.warehouse import cluster, postmaster

#: Another process may start, recover, or stop the server for so long.
_WAIT_SECONDS = 120
#: PostgreSQL's processes that outlive a crash of the main one end within seconds.
_LEFTOVER_SECONDS = 10
_PORT_LINE, _SOCKET_LINE, _STATUS_LINE = 3, 4, 7

_starting = threading.Lock()
#: The locks on ``users`` that this process holds, and who took them: a forked child inherits its parent's.
_held: dict[Path, tuple[int, int]] = {}


def folder(settings: Settings) -> Path:
    """Return the folder of the embedded PostgreSQL: WAREHOUSE_DIR, else ``<lake>-warehouse`` beside a local lake."""
    if settings.warehouse_dir:
        return Path(settings.warehouse_dir).expanduser().absolute()
    lake = "lake" if "://" in settings.pizza_lake else settings.pizza_lake
    place = Path(lake).expanduser().absolute()
    return place.with_name(f"{place.name}-warehouse")


def start(place: Path) -> str:
    """Start PostgreSQL on the data in `place`, or join the one that runs there, and return its address.

    It runs until this process ends, and every other one that joined it; `stop` ends this process's use before.

    Raises
    ------
    WarehouseError
        When it does not start; as root, when the account that it runs as cannot reach the folder.
    """
    if os.name != "posix":
        raise WarehouseError("The embedded PostgreSQL needs Linux or macOS. Set WAREHOUSE_URL to a server.")
    try:
        with _starting:
            return _start(place)
    except (OSError, subprocess.SubprocessError) as error:
        fault = machine_fault(f"{type(error).__name__}: {error}", f"The embedded PostgreSQL in {place}")
        raise WarehouseError(
            fault
            or f"The embedded PostgreSQL in {place} did not start: {error}. Set WAREHOUSE_DIR to another folder, or "
            "WAREHOUSE_URL to a server.",
            final=fault is not None,
        ) from error


def stop(place: Path) -> None:
    """End this process's use of the server in `place`; the last user stops it and returns when it has stopped."""
    place = place.resolve()
    pid, users = _held.pop(place, (0, -1))
    if pid != os.getpid():
        return
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # others use it, or the watcher stops it
    else:
        postmaster.stop(postmaster.data_folder(place))
    finally:
        os.close(users)


def process(place: Path) -> psutil.Process | None:
    """Return the main process of the server that runs in `place`, or None."""
    return postmaster.running(postmaster.data_folder(place.resolve()))


def _start(place: Path) -> str:
    owner = cluster.account(place.absolute())
    _make_folder(owner, place)
    place = place.resolve()
    control = place / postmaster.CONTROL
    _make_folder(owner, control)
    if place not in _held:
        _held[place] = (os.getpid(), _lock(owner, control / "users", fcntl.LOCK_SH, "is stopping it"))
        atexit.register(stop, place)
    with _locked(owner, control / "start", "is starting it"):
        _ensure_watcher(owner, place)
        data = postmaster.data_folder(place)
        if postmaster.running(data) is None:
            _start_server(owner, place, data)
        lines = _wait_until_ready(data)
        if not lines:  # the one that ran there has just ended
            _start_server(owner, place, data)
            lines = _wait_until_ready(data)
    if not lines:
        raise OSError(f"it ended at once (its log is {data / 'log'})")
    socket = quote(lines[_SOCKET_LINE], safe="/")
    return f"postgresql://{cluster.SUPERUSER}@/postgres?host={socket}&port={lines[_PORT_LINE]}&requirepeer={owner.name}"


def _make_folder(owner: cluster.Account, path: Path) -> None:
    """Make a private folder where there is none; one that is there keeps its mode, and has to be the owner's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
        owner.own(path)
    except FileExistsError:
        if path.name != postmaster.CONTROL:
            return
        # Root's own: another process of root has just made it.
        if path.is_symlink() or path.stat().st_uid not in {owner.uid, os.geteuid()}:
            raise WarehouseError(
                f"{path} has to be a folder of {owner.name}, who runs the embedded PostgreSQL there; it belongs to "
                f"user number {path.lstat().st_uid}. Run as that user, or set WAREHOUSE_DIR to another folder."
            ) from None
        owner.own(path)


def _start_server(owner: cluster.Account, place: Path, data: Path) -> None:
    bin_folder = cluster.programs(data)
    cluster.check_reach(owner, place, bin_folder)
    with _locked(owner, place / postmaster.CONTROL / "server", "runs it", _LEFTOVER_SECONDS) as server:
        _wait_for_leftovers(data)
        socket = cluster.socket_folder(owner, place / postmaster.CONTROL)
        cluster.clear(place, data, socket)
        if not (data / "PG_VERSION").exists():
            cluster.create(owner, place, bin_folder)
        cluster.allow(owner, data)
        log = data / "log"
        log.touch(mode=0o600)
        owner.own(log)
        before = log.stat().st_size
        done = owner.run(
            [bin_folder / "pg_ctl", "start", "--wait", "--timeout", str(_WAIT_SECONDS), "--pgdata", data, "--log", log,
             "--options", cluster.options(socket)],
            keep=[server],
        )  # fmt: skip
    if done.returncode != 0:
        with log.open(errors="replace") as file:
            file.seek(before)
            told = cluster.reason(file.read())
        raise OSError(f"{told} (its log is {log})")
    main = postmaster.running(data)
    if main is not None:
        cluster.write(owner, data / postmaster.NOTE, postmaster.identity(main))


def _wait_for_leftovers(data: Path) -> None:
    deadline = time.monotonic() + _LEFTOVER_SECONDS
    while found := postmaster.others(data):
        if time.monotonic() > deadline:
            raise WarehouseError(
                f"Expected no PostgreSQL process on {data} besides that of its postmaster.pid, found the processes "
                f"{', '.join(map(str, found))}. They were left alone. End them, then run again."
            )
        time.sleep(0.1)


def _wait_until_ready(data: Path) -> list[str]:
    """Return the lines of ``postmaster.pid`` once the server takes connections; none when it has ended."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while postmaster.running(data):
        lines = postmaster.claim(data)
        if lines[_STATUS_LINE:] and lines[_STATUS_LINE] == "ready":
            return lines
        if time.monotonic() > deadline:
            raise OSError(f"it was not ready for connections within {_WAIT_SECONDS} s (its log is {data / 'log'})")
        time.sleep(0.05)
    return []


def _ensure_watcher(owner: cluster.Account, place: Path) -> None:
    watcher = _open(owner, place / postmaster.CONTROL / "watcher")
    try:
        fcntl.flock(watcher, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # It inherits the lock; the process started here forks it and ends at once.
        subprocess.run(  # noqa: S603 our own file
            [sys.executable, "-P", postmaster.__file__, str(place), str(watcher)], check=True, cwd="/",
            pass_fds=[watcher], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except BlockingIOError:
        pass  # one is there
    finally:
        os.close(watcher)


@contextmanager
def _locked(owner: cluster.Account, path: Path, does: str, seconds: float = _WAIT_SECONDS) -> Iterator[int]:
    handle = _lock(owner, path, fcntl.LOCK_EX, does, seconds)
    try:
        yield handle
    finally:
        os.close(handle)


def _lock(owner: cluster.Account, path: Path, kind: int, does: str, seconds: float = _WAIT_SECONDS) -> int:
    handle = _open(owner, path)
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(handle)
                raise WarehouseError(
                    f"The embedded PostgreSQL in {path.parent.parent} could not be used: another process {does}, for "
                    f"more than {seconds:.0f} s (it may run in another container). End it, then run again."
                ) from None
            time.sleep(0.05)
        else:
            return handle


def _open(owner: cluster.Account, path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:
        os.fchown(handle, owner.uid, owner.gid)
    return handle
