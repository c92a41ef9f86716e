"""All commands times kinds of wrong input: each ends with one sentence that says what to do, and with its exit code."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from pizza_assets.cli import main
from pizza_assets.errors import machine_fault
from pizza_assets.lake.layout import RAW_ORDERS

_DAYS = ("--from", "2025-09-04", "--to", "2025-09-05")
_OF_ORDERS = ("--data-set", "raw_orders")

#: Commands that read the lake, and such as write to it.
READING = {
    "status": ("status",),
    "verify": ("verify",),
    "dashboard": ("dashboard", "--no-open"),
    "dashboard --serve": ("dashboard", "--serve", "--no-open"),
    "quarantine list": ("quarantine", "list"),
    "quarantine replay": ("quarantine", "replay"),
    "lake remove": ("lake", "remove", *_DAYS, *_OF_ORDERS, "--yes"),
    "export": ("export", *_DAYS),
    "restore": ("restore", *_OF_ORDERS, "--day", "2025-09-04"),
    "warehouse load": ("warehouse", "load"),
}
WRITING = {"backfill": ("backfill", *_DAYS), "demo": ("demo", "--days", "2")}
#: Commands that take a range of days, without the days.
RANGES = {
    "backfill": ("backfill",),
    "quarantine list": ("quarantine", "list"),
    "quarantine replay": ("quarantine", "replay"),
    "lake remove": ("lake", "remove", *_OF_ORDERS, "--yes"),
    "export": ("export",),
    "warehouse load": ("warehouse", "load"),
}
#: Commands that need neither lake nor range.
OTHERS = {
    "quicksight status": ("quicksight", "status"),
    "athena ddl": ("athena", "ddl", "--lake", "s3://bucket"),
    "merchants": ("merchants", "all"),
    "warehouse status": ("warehouse", "status"),
    "warehouse migrate": ("warehouse", "migrate"),
    "warehouse refresh": ("warehouse", "refresh"),
    "warehouse sql": ("warehouse", "sql", "freshness"),
    "warehouse serve": ("warehouse", "serve"),
    "warehouse retention": ("warehouse", "retention"),
    "simulate retailers": ("simulate", "retailers"),
    "simulate merchants": ("simulate", "merchants", "--rows", "10"),
    "roll-up": ("roll-up", "--orders", "orders.parquet"),
}
UNKNOWN = {
    "a command": (("statsu",), "status"),
    "a command of a group": (("warehouse", "lod"), "load"),
    "an option": (("status", "--frm"), "status --help"),
    "backfill --select": (("backfill", *_DAYS, "--select", "nothing"), "The assets are"),
    "quarantine list --data-set": (("quarantine", "list", "--data-set", "orders"), "raw_orders"),
    "lake remove --data-set": (("lake", "remove", *_DAYS, "--data-set", "orders"), "raw_orders"),
    "restore --data-set": (("restore", "--day", "2025-09-04", "--data-set", "orders"), "raw_orders"),
    "warehouse load --retailer": (("warehouse", "load", "--retailer", "tesco"), "retailer_1"),
    "warehouse sql": (("warehouse", "sql", "fotball"), "such as football"),
    "merchants": (("merchants", "top-hour"), "top-hours"),
    "merchants --engine": (("merchants", "all", "--engine", "pandas"), "duckdb"),
    "simulate retailers --fault": (("simulate", "retailers", "--fault", "slw"), "slow"),
    "orders inspect --profile": (("orders", "inspect", "x.csv", "--profile", "tills"), "orders.toml"),
    "demo --days": (("demo", "--days", "0"), "1<=x<=366"),
}


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def check(result: Result, code: int, *expected: str) -> str:
    """One sentence on stderr, and that exit code; return the sentence."""
    assert result.exit_code == code, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, result.output
    assert "Traceback" not in result.output
    assert "unexpected" not in result.output
    assert all(text in result.output for text in expected), result.output
    return lines[0]


@pytest.mark.parametrize("command", READING.values(), ids=READING)
def test_a_lake_that_is_not_there_is_an_error(command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIZZA_LAKE", "nowhere")
    said = check(invoke(*command), 2, "PIZZA_LAKE=nowhere", "found nothing at", "pizza-assets demo")
    assert str(Path("nowhere").absolute()) in said
    assert not Path("nowhere").exists()


@pytest.mark.parametrize("command", {**READING, **WRITING}.values(), ids={**READING, **WRITING})
def test_a_file_is_no_lake(command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("export.csv").write_text("")
    monkeypatch.setenv("PIZZA_LAKE", "export.csv")
    check(
        invoke(*command), 2, "PIZZA_LAKE=export.csv", "File exists" if command in WRITING.values() else "found a file"
    )


@pytest.mark.parametrize("command", {**READING, **WRITING}.values(), ids={**READING, **WRITING})
def test_a_lake_that_cannot_be_read_is_an_error(command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("loop").symlink_to("loop")  # root reads all that permissions forbid, and this it does not
    monkeypatch.setenv("PIZZA_LAKE", "loop")
    check(invoke(*command), 2, "PIZZA_LAKE=loop", "symbolic links" if command in READING.values() else "File exists")


@pytest.mark.parametrize("command", WRITING.values(), ids=WRITING)
def test_a_lake_that_cannot_be_made_is_an_error(command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("file").write_text("")
    monkeypatch.setenv("PIZZA_LAKE", "file/lake")
    check(invoke(*command), 2, "can be written to", "Not a directory")


@pytest.mark.parametrize("command", {**READING, **WRITING, **OTHERS}.values(), ids={**READING, **WRITING, **OTHERS})
def test_settings_in_utf_16_are_an_error(command: tuple[str, ...]) -> None:
    Path(".env").write_text("PIZZA_LAKE=lake\n", encoding="utf-16")
    check(invoke(*command), 2, str(Path(".env").absolute()), "expected UTF-8 text", "UTF-16")


def test_a_mark_of_utf_8_changes_nothing() -> None:
    Path(".env").write_text("PIZZA_LAKE=nowhere\n", encoding="utf-8-sig")
    check(invoke("status"), 2, "PIZZA_LAKE=nowhere")


@pytest.mark.parametrize("command", READING.values(), ids=READING)
def test_a_misspelt_setting_is_pointed_out(command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIZZA_LAKEE", "elsewhere")
    Path(".env").write_text("FOOTBALL_API_KYE=abc\nEDITOR_OF_MINE=vi\n")
    said = invoke(*command).stderr
    assert "PIZZA_LAKEE in the environment is no setting and changes nothing: did you mean PIZZA_LAKE?" in said
    assert "FOOTBALL_API_KYE in .env is no setting and changes nothing: did you mean FOOTBALL_API_KEY?" in said
    assert "EDITOR_OF_MINE" not in said
    assert "abc" not in said


@pytest.mark.parametrize("value", ["04/09/2025", "2025-9-31", "20250904", "yesterday", ""])
@pytest.mark.parametrize("command", RANGES.values(), ids=RANGES)
def test_a_day_of_another_form_is_an_error(command: tuple[str, ...], value: str) -> None:
    said = check(
        invoke(*command, "--from", value, "--to", "2025-09-04"), 2, "--from", "such as 2025-08-31", f"'{value}'"
    )
    assert "--help" in said


@pytest.mark.parametrize("command", RANGES.values(), ids=RANGES)
def test_a_reversed_range_is_an_error(command: tuple[str, ...]) -> None:
    check(invoke(*command, "--from", "2025-09-05", "--to", "2025-09-04"), 2, "2025-09-05", "2025-09-04", "Swap them")


@pytest.mark.parametrize("command", RANGES.values(), ids=RANGES)
def test_a_range_in_the_future_is_an_error(command: tuple[str, ...]) -> None:
    check(invoke(*command, "--from", "2999-01-01", "--to", "2999-01-02"), 2, "2999-01-01", "is in the future")


@pytest.mark.parametrize(("command", "hint"), UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_name_is_an_error_with_a_hint(command: tuple[str, ...], hint: str) -> None:
    Path("lake").mkdir()
    check(invoke(*command), 2, hint)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.mark.parametrize(
    "command", [("dashboard", "--serve", "--no-open"), ("simulate", "retailers"), ("dev",)], ids=" ".join
)
def test_a_port_that_is_taken_is_an_error(command: tuple[str, ...], taken: int) -> None:
    Path("lake/dashboard").mkdir(parents=True)
    check(invoke(*command, "--port", str(taken)), 2, str(taken), "--port")


@pytest.mark.parametrize(
    "command",
    [
        ("simulate", "merchants", "--rows", "10", "--output", "file/out"),
        ("warehouse", "status"),
        ("backfill", *_DAYS),
    ],
    ids=["simulate merchants", "warehouse status", "backfill"],
)
def test_a_folder_that_cannot_be_made_is_an_error(command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("file").write_text("")
    monkeypatch.setenv("WAREHOUSE_DIR", str(Path("file/warehouse").absolute()))
    monkeypatch.setenv("DAGSTER_HOME", str(Path("file/home").absolute()))
    check(invoke(*command), 1, str(Path("file").absolute()))


@pytest.mark.parametrize(
    "fault", ["[Errno 30] Read-only file system: '/clone/.dagster'", "[Errno 13] Permission denied"]
)
def test_a_folder_that_cannot_be_written_names_the_settings_of_folders(fault: str) -> None:
    said = machine_fault(f"OSError: {fault}", "/clone/.dagster") or ""
    assert said.startswith("/clone/.dagster could not be used: ")
    assert all(name in said for name in ("PIZZA_LAKE", "DAGSTER_HOME", "WAREHOUSE_DIR"))


def test_a_terminal_of_40_columns_cuts_no_line_of_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("lake").mkdir()
    monkeypatch.setenv("COLUMNS", "40")
    lines = invoke("status").output.splitlines()
    assert "  0 days, 0 real, 0 mock, 0 gaps" in lines
    assert max(map(len, lines)) <= 40


@pytest.fixture(params=["Pacific/Auckland", "America/Los_Angeles"])
def _elsewhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_elsewhere")
def test_days_are_utc_wherever_the_clock_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCK_ORDERS_PER_STORE_DAY", "10")
    done = invoke(
        "backfill", "--from", "2025-09-04", "--to", "2025-09-05", "--select", "key:raw_matches or key:raw_orders"
    )
    assert done.exit_code == 0, done.output
    days = [line.split()[-3:] for line in invoke("status").output.splitlines() if line.startswith("raw_orders")]
    assert days == [["2025-09-04", "to", "2025-09-05"]]
    (orders,) = Path("lake", RAW_ORDERS.prefix).rglob("20250904_*.parquet")
    placed = pd.read_parquet(orders)["timestamp"]
    assert set(placed.dt.date) == {date(2025, 9, 4)}


def test_without_a_command_help_shows_whole_sentences() -> None:
    shown = " ".join(invoke("--help").output.split())
    assert "..." not in shown.replace("[ARGS]...", "")
    assert "Re-read the lake: checksums, schemas, counts, sources, and whether the manifests are true." in shown


#: A shell that starts tests in the background lets them ignore Ctrl-C.
_COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from pizza_assets.cli import main
main()
"""


def test_ctrl_c_says_what_is_stored_and_ends_with_130(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _COMMAND, "backfill", "--from", "2025-09-01", "--to", "2025-09-20"]
    environment = {**os.environ, "PIZZA_LAKE": str(tmp_path / "lake"), "DAGSTER_HOME": str(tmp_path)}
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith("stored match_events"):
                os.killpg(process.pid, signal.SIGINT)
                break
        text = "".join([*said, process.stderr.read()])
    assert process.returncode == 130, text
    assert "raw_matches 20 of 20 days" in text
    assert "match_events 20 of 20 days" in text
    assert "Error: Stopped by Ctrl-C. Finished days are kept" in text
    assert "Traceback" not in text
