"""What the command line says and leaves where the machine is at fault: a full disk, few handles, locks of others."""

import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pizza_assets.cli import main
from pizza_assets.errors import WarehouseError, machine_fault
from pizza_assets.platform import dagster_event_log as event_log
from pizza_assets.warehouse import intake

DAYS = ("backfill", "--from", "2025-09-04", "--to", "2025-09-05")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MOCK_ORDERS_PER_STORE_DAY", "10")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let no file of this process grow larger, as a full disk would not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def sentence(result: Result) -> str:
    """Return the one line that is neither progress nor of the log: of stderr, or of stdout where that has none."""
    lines = [line for line in result.stderr.splitlines() if not line.startswith(("{", "stored "))]
    (line,) = lines or [line for line in result.stdout.splitlines() if "goes on without sales" in line]
    return line


def check_the_same_command_ends_well() -> None:
    result = invoke(*DAYS)
    assert result.exit_code == 0, result.output
    assert invoke("verify").stdout.endswith(" 0 problems.\n")


@pytest.mark.parametrize("size", [100, 40_000, 200_000], ids=["first file", "tables", "events"])
def test_a_history_without_room_is_one_sentence_and_later_the_command_ends_well(size: int, tmp_path: Path) -> None:
    with files_up_to(size):
        result = invoke(*DAYS)
    assert result.exit_code == 1
    assert str(tmp_path / "home") in sentence(result)
    assert "Free space there, then run again" in sentence(result)
    assert list((tmp_path / "home").glob("dagster.yaml*")) == ([] if size == 100 else [tmp_path / "home/dagster.yaml"])
    check_the_same_command_ends_well()


def test_a_lock_on_the_runs_that_lasts_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert invoke(*DAYS).exit_code == 0
    monkeypatch.setattr(event_log, "LOCK_PATIENCE", 0.1)
    with locked(tmp_path / "home/history/runs.db"):
        result = invoke(*DAYS)
    assert result.exit_code == 1
    assert "another process holds a lock. End what locks it" in sentence(result)
    check_the_same_command_ends_well()


@pytest.mark.usefixtures("warehouse_folder")
def test_a_warehouse_that_rejects_costs_the_demo_its_sales_and_no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load(_: object, __: object, retailer_id: str, *___: object, **____: object) -> None:
        asked.append(retailer_id)
        raise WarehouseError("The warehouse does not answer. Run again.")

    monkeypatch.setenv("RETAIL_MOCK_LINES_PER_DAY", "20")
    monkeypatch.setattr("pizza_assets.warehouse.assets.RETRY_DELAY", 0)
    with monkeypatch.context() as full:
        full.setattr(intake, "load_from_lake", load)
        result = invoke("demo", "--days", "1")
    assert result.exit_code == 0
    assert sentence(result) == "The demo goes on without sales. The warehouse does not answer. Run again."
    assert "Does football sell pizza?" in result.stdout
    assert sorted(asked) == ["dominos", "retailer_1", "retailer_2", "retailer_3"], "once each: somebody waits"
    assert "Shops: 4 retailers, 1 day, " in invoke("demo", "--days", "1").stdout


def test_a_relative_home_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "home")
    result = invoke(*DAYS)
    assert result.exit_code == 2
    assert sentence(result) == (
        f"Error: DAGSTER_HOME must be an absolute path, found 'home'. Set DAGSTER_HOME={tmp_path / 'home'}."
    )


@pytest.mark.parametrize(("handles", "code"), [(16, 1), (64, 0)])
def test_few_handles_are_enough_or_one_sentence(handles: int, code: int) -> None:
    limited = f"ulimit -n {handles}; exec {sys.executable} -W ignore -c 'from pizza_assets.cli import main; main()' "
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [
            "/bin/sh",
            "-c",
            f"PYTHONPATH={root}; LOG_FORMAT=json; export PYTHONPATH LOG_FORMAT; {limited} {' '.join(DAYS)}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    errors = [line for line in done.stderr.splitlines() if not line.startswith(("{", "stored "))]
    assert len(errors) == code
    assert all("ulimit -n" in line for line in errors)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("OSError: [Errno 28] No space left on device: '/a/b'", "/a/b could not be used: no space is left."),
        ("sqlite3.OperationalError: database is locked", "X could not be used: another process holds a lock."),
        ("PermissionError: [Errno 13] Permission denied: '/a'", "/a could not be used: permission is denied."),
        ("MemoryError: ", "X could not be used: memory is used up."),
        ("ImportError: x.so: failed to map segment from shared object", "X could not be used: memory is used up."),
        ("ArrowMemoryError: malloc of size 64 failed", "X could not be used: memory is used up."),
    ],
)
def test_a_fault_of_the_machine_names_the_place_and_what_to_do(text: str, expected: str) -> None:
    assert (machine_fault(text, "X") or "").startswith(expected)


def test_other_errors_are_no_fault_of_the_machine() -> None:
    assert machine_fault("ZeroDivisionError: division by zero", "X") is None
