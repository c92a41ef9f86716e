"""The embedded PostgreSQL harms nobody, opens nothing, heals what a crash left, and ends with its last user."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pizza_assets.errors import WarehouseError
from pizza_assets.warehouse import cluster, embedded, postmaster
from pizza_assets_tests.postgres import server_folder

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")

#: A process that uses the server in a folder until its standard input ends.
USER = """
import signal, sys
from pathlib import Path
import psycopg
from pizza_assets.warehouse import embedded
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup's children ignore it
address = embedded.start(Path(sys.argv[1]))
with psycopg.connect(address) as connection:
    connection.execute("SELECT 1")
print(address, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def place() -> Iterator[Path]:
    with server_folder() as folder:
        yield folder


def popen(place: Path, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-W", "default::FutureWarning", "-c", USER, str(place)], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | environment,
    )  # fmt: skip


@contextmanager
def user(place: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A process that uses the server in `place`, with the address that it got."""
    with popen(place) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def wait_until(is_so: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ask(address: str, query: str) -> object:
    with psycopg.connect(address, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row and row[0]


def fill(place: Path) -> None:
    """Make a database with a table in it, and stop its server."""
    with psycopg.connect(embedded.start(place), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    embedded.stop(place)


def test_it_is_there_the_next_time_and_gone_when_it_is_stopped(place: Path) -> None:
    fill(place)
    assert embedded.process(place) is None
    assert not (place / "data" / "postmaster.pid").exists()
    address = embedded.start(place)
    assert ask(address, "SELECT answer FROM kept") == 42
    assert embedded.start(place) == address


def test_what_it_makes_is_private(place: Path) -> None:
    address = embedded.start(place)
    socket = conninfo_to_dict(address)["host"]
    for path in (place, place / "data", Path(socket)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    files = [path for path in place.rglob("*") if path.is_file()]
    assert not [path for path in files if path.stat().st_mode & 0o077]
    assert ask(address, "SHOW listen_addresses") == ""
    rules = "SELECT string_agg(type || ' ' || auth_method, ',') FROM pg_hba_file_rules"
    assert ask(address, rules) == "local peer"


@as_root
def test_another_user_cannot_connect(place: Path) -> None:
    address = embedded.start(place)
    socket = Path(conninfo_to_dict(address)["host"])
    nobody = pwd.getpwnam("nobody")
    psql = cluster.programs(place / "data") / "psql"
    command = [psql, "-h", socket, "-U", "postgres", "-c", "SELECT 1"]

    def as_nobody() -> "subprocess.CompletedProcess[str]":
        become = {"user": nobody.pw_uid, "group": nobody.pw_gid}
        return subprocess.run(command, **become, extra_groups=[], capture_output=True, text=True, check=False)  # type: ignore[call-overload, no-any-return]

    denied = as_nobody()
    assert denied.returncode != 0
    assert "Permission denied" in denied.stderr
    for path in (place, socket):
        path.chmod(0o755)
    (socket / ".s.PGSQL.5432").chmod(0o777)
    unknown = as_nobody()
    assert unknown.returncode != 0
    assert "Peer authentication failed" in unknown.stderr


@pytest.mark.parametrize("depth", [0, 12])
def test_folders_around_it_keep_their_modes(place: Path, depth: int) -> None:
    deep = place.parent / Path(*["a-long-name-of-a-folder"] * depth) / "warehouse"
    deep.parent.mkdir(parents=True, exist_ok=True)
    before = {path: path.stat().st_mode for path in [*deep.parents, Path(tempfile.gettempdir())]}
    try:
        address = embedded.start(deep)
        socket = Path(conninfo_to_dict(address)["host"])
        assert (socket == deep / ".server") == (depth == 0)
        assert ask(address, "SELECT 1") == 1
        embedded.stop(deep)
        assert conninfo_to_dict(embedded.start(deep))["host"] == str(socket)
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
    finally:
        embedded.stop(deep)
        if depth:
            socket.rmdir()
    assert {path: path.stat().st_mode for path in before} == before


@as_root
def test_root_does_not_open_a_private_folder(place: Path) -> None:
    private = place.parent / "private"
    private.mkdir(mode=0o700)
    with pytest.raises(WarehouseError, match=f"account pgserver, which may not enter {private}.*WAREHOUSE_DIR"):
        embedded.start(private / "warehouse")
    embedded.stop(private / "warehouse")
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


@as_root
def test_root_runs_it_as_the_owner_of_the_folder(place: Path) -> None:
    mail = pwd.getpwnam("mail")
    home = place.parent / "home"
    home.mkdir(mode=0o700)
    os.chown(home, mail.pw_uid, mail.pw_gid)
    try:
        embedded.start(home / "warehouse")
        main = embedded.process(home / "warehouse")
        assert main is not None
        assert main.username() == "mail"
        assert {path.stat().st_uid for path in (home / "warehouse").rglob("*")} == {mail.pw_uid}
    finally:
        embedded.stop(home / "warehouse")


@pytest.fixture
def victim(place: Path) -> Iterator[psutil.Process]:
    """A process that has nothing to do with the server; it runs as the user that runs the server."""
    owner = cluster.account(place)
    become = {"user": owner.uid, "group": owner.gid} if os.geteuid() == 0 else {}
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, **become) as process:  # type: ignore[call-overload]
        yield psutil.Process(process.pid)
        process.kill()


def test_a_process_that_is_not_the_server_lives(place: Path, victim: psutil.Process) -> None:
    """After a power cut, or in a container, the number in postmaster.pid may be any process's."""
    fill(place)
    data = place / "data"
    claim = [victim.pid, data, int(victim.create_time()), 5432, place / ".server", "", "1 2", "ready"]
    (data / "postmaster.pid").write_text("".join(f"{line}\n" for line in claim))
    assert embedded.process(place) is None
    address = embedded.start(place)
    assert ask(address, "SELECT answer FROM kept") == 42
    embedded.stop(place)
    assert victim.is_running()
    assert victim.status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("wrong", ["started", "folder"])
def test_a_server_that_does_not_fit_the_claim_is_not_stopped(place: Path, wrong: str) -> None:
    with server_folder() as elsewhere:
        embedded.start(elsewhere)
        other = embedded.process(elsewhere)
        assert other is not None
        lines = postmaster.claim(elsewhere / "data")
        if wrong == "started":
            (elsewhere / "data" / postmaster.NOTE).unlink()
            (elsewhere / "data" / "postmaster.pid").write_text("\n".join([*lines[:2], "1000000000", *lines[3:]]))
            postmaster.stop(elsewhere / "data")
        else:
            fill(place)
            (place / "data" / "postmaster.pid").write_text("\n".join(lines))
            postmaster.stop(place / "data")
            assert ask(embedded.start(place), "SELECT answer FROM kept") == 42
        assert other.is_running()
        (elsewhere / "data" / "postmaster.pid").write_text("\n".join(lines))


def test_a_clock_that_is_set_changes_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address, boot = embedded.start(place), psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot + 86_400)
    assert embedded.start(place) == address
    embedded.stop(place)
    assert embedded.process(place) is None
    assert not (place / "data" / "postmaster.pid").exists()


@pytest.mark.parametrize("text", ["", "\n", "7\n", "not a number\n/data\n1\n", "99999999999999999999\n/data\n1\n"])
def test_a_damaged_postmaster_pid_is_healed(place: Path, text: str) -> None:
    fill(place)
    (place / "data" / "postmaster.pid").write_text(text)
    assert ask(embedded.start(place), "SELECT answer FROM kept") == 42


def test_a_crash_of_the_server_is_healed(place: Path) -> None:
    fill(place)
    embedded.start(place)
    main = embedded.process(place)
    assert main is not None
    main.kill()
    wait_until(lambda: embedded.process(place) is None)
    assert ask(embedded.start(place), "SELECT answer FROM kept") == 42


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_it_ends_with_its_last_user(place: Path, ending: signal.Signals) -> None:
    with user(place) as (first, address):
        with user(place) as (second, same):
            assert same == address
            second.send_signal(ending)
            second.wait()
        assert ask(address, "SELECT 1") == 1
        main = embedded.process(place)
        assert main is not None
        first.send_signal(ending)
        first.wait()
    wait_until(lambda: embedded.process(place) is None)
    wait_until(lambda: not (place / "data" / "postmaster.pid").exists())
    with user(place) as (_, again):
        assert ask(again, "SELECT 1") == 1


def test_starts_at_once_join_whatever_their_temporary_folder(place: Path) -> None:
    processes = []
    for number in range(8):
        own = place.parent / f"tmp-{number}"
        own.mkdir(mode=0o777)
        own.chmod(0o777)
        processes.append(popen(place, TMPDIR=str(own)))
    addresses = {process.stdout.readline() for process in processes if process.stdout}
    told = [process.communicate("")[1] for process in processes]
    assert (len(addresses), told) == (1, [""] * len(processes))
    assert [process.returncode for process in processes] == [0] * len(processes)
    assert embedded.process(place) is None


def test_an_initdb_that_was_killed_leaves_nothing_in_the_way(place: Path) -> None:
    with popen(place) as process:
        wait_until(lambda: any(place.glob("initdb-*/PG_VERSION")))
        process.kill()
    assert not (place / "data").exists()
    assert ask(embedded.start(place), "SELECT 1") == 1
    embedded.stop(place)
    embedded.start(place)
    assert not list(place.glob("initdb-*"))


def test_a_database_of_an_older_version_keeps_its_place(place: Path) -> None:
    fill(place)
    for path in (place / "data").iterdir():
        path.rename(place / path.name)
    (place / "data").rmdir()
    assert ask(embedded.start(place), "SELECT answer FROM kept") == 42
    assert not (place / "data").exists()


def test_fragments_of_an_older_version_are_left_alone(place: Path) -> None:
    place.mkdir()
    place.chmod(0o755)
    (place / "PG_VERSION").write_text("18\n")
    (place / "base").mkdir()
    assert ask(embedded.start(place), "SELECT 1") == 1
    assert (place / "base").is_dir()


def test_it_does_not_start_is_one_sentence(place: Path) -> None:
    place.mkdir()
    (place / "data").mkdir()
    (place / "data" / "something").write_text("")
    with pytest.raises(WarehouseError, match="holds files, but no whole database"):
        embedded.start(place)
    shutil.rmtree(place / "data")
    fill(place)
    (place / "data" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(WarehouseError, match=r"is of PostgreSQL 9\.6; expected one of 18, 16"):
        embedded.start(place)


def test_a_file_in_the_way_is_one_sentence(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(WarehouseError, match="a file stands where a folder should be"):
        embedded.start(in_the_way / "data")


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_serve_prints_how_to_connect_and_ends_well(place: Path, ending: signal.Signals) -> None:
    command = [Path(sys.executable).with_name("pizza-assets"), "warehouse", "serve"]
    environment = os.environ | {"WAREHOUSE_DIR": str(place), "PIZZA_LAKE": str(place.parent / "lake")}
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True)
        for _ in range(2)
    ]
    told = [[process.stdout.readline() for _ in range(3)] for process in processes if process.stdout]
    assert told[0] == told[1]
    reading, changing = (line.split('"')[1] for line in told[0][:2])
    with psycopg.connect(reading) as connection:
        assert connection.execute("SELECT count(*) FROM dim_retailer").fetchone() == (5,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM sales.dim_retailer")
    assert ask(changing, "SELECT current_user") == "postgres"
    for process in processes:
        process.send_signal(ending)
    assert [process.communicate() for process in processes] == [("Ended.\n", "")] * 2
    assert [process.returncode for process in processes] == [0, 0]
    assert embedded.process(place) is None
