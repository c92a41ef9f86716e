import os
import shlex
import shutil
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner, Result

from pizza_assets import definitions
from pizza_assets.cli import demo, main
from pizza_assets.lake import open_lake
from pizza_assets.lake.layout import MANIFEST_KEY, ORDER_VOLUME, QUALITY_PREFIX, RAW_MATCHES, RAW_ORDERS, current_key
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable, Day
from pizza_assets.lake.verify import verify
from pizza_assets.settings import Settings

RANGE = ("backfill", "--from", "2025-09-04", "--to", "2025-09-06")


@pytest.fixture(autouse=True)
def _few_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCK_ORDERS_PER_STORE_DAY", "10")
    monkeypatch.setenv("RETAIL_MOCK_LINES_PER_DAY", "20")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def test_backfill_stores_the_days_and_shows_the_layers() -> None:
    result = invoke(*RANGE)
    assert result.exit_code == 0, result.output
    assert "stored dashboard_data: 3 days, the last is 2025-09-06" in result.output
    assert "Dashboard data: as of 2025-09-06" in result.output
    assert invoke("verify").output.endswith("0 problems.\n")


def test_status_counts_days_real_mock_and_gaps() -> None:
    invoke(*RANGE)
    invoke("backfill", "--from", "2025-09-08", "--to", "2025-09-08", "--select", "key:raw_matches or key:raw_orders")
    rows = {line.split()[0]: line.split()[1:] for line in invoke("status").output.splitlines()[2:]}
    assert rows["raw_orders"] == ["4", "0", "4", "1", "2025-09-04", "to", "2025-09-08"]
    assert rows["correlation_results"] == ["3", "0", "2025-09-04", "to", "2025-09-06"]


def test_status_of_an_empty_lake() -> None:
    Path("lake").mkdir()
    result = invoke("status")
    assert result.exit_code == 0
    assert "Dashboard data: as of - (none yet)" in result.output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("backfill", "--from", "2025-09-06", "--to", "2025-09-04"), "Swap them"),
        (("backfill", "--from", "2020-01-01", "--to", "2020-01-02"), "PIZZA_START_DATE"),
        ((*RANGE, "--select", "nothing"), "The assets are"),
    ],
)
def test_an_error_is_one_sentence_and_a_non_zero_exit(arguments: tuple[str, ...], expected: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    (line,) = result.output.strip().splitlines()
    assert line.startswith("Error: ")
    assert expected in line


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TIMEOUT", "soon")
    result = invoke("status")
    assert result.exit_code == 2
    assert "API_TIMEOUT" in result.output
    assert "Traceback" not in result.output


def test_a_traceback_only_with_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TIMEOUT", "soon")
    assert "Traceback" in invoke("--debug", "status").output


def test_without_mock_a_missing_key_fails_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIZZA_ALLOW_MOCK", "false")
    result = invoke(*RANGE)
    assert result.exit_code == 1
    assert "FOOTBALL_API_KEY is not set" in result.output


def test_verify_finds_every_planted_fault() -> None:
    invoke(*RANGE)
    lake = open_lake("lake")
    orders = DailyTable(lake, RAW_ORDERS)
    first, second, third = (orders.stored[day].key for day in orders)
    Path("lake", first).write_bytes(Path("lake", first).read_bytes()[:-1])
    lake.write(second, lake.read(second), {**lake.metadata(second), "rows": "7"})
    mock, facts = lake.read(third), lake.metadata(third)
    real = orders[date(2025, 9, 6)].assign(data_source="real")
    orders.put(date(2025, 9, 6), Day(real, "real"), "another run")
    lake.write(third, mock, facts)
    lake.delete(current_key("effects"))
    lake.write(current_key("daily"), b"day,city\n", {})
    lake.delete("processed-data/correlation-analysis/2025/09/04/20250904_000000_correlation_summary.json")
    Path("lake/quicksight-ready/dashboard-data/2025/09/05/20250905_000000_dashboard_data.json").write_bytes(b"{}")
    lake.delete(RAW_MATCHES.key(date(2025, 9, 5), "mock"))
    lake.write(RAW_MATCHES.received_key(date(2025, 9, 5)), b"not gzip", {})
    volume = ORDER_VOLUME.key(date(2025, 9, 6), "mock")
    lake.write(volume, lake.read(volume)[:-4], lake.metadata(volume))
    result = invoke("verify")
    assert result.exit_code == 1
    for expected in (
        "20250904_000000_mock_orders.parquet is damaged",
        "its metadata counts 7 rows",
        "expected one data file, found",
        "effects.csv does not exist",
        "daily.csv: expected the checksum",
        "daily.csv: expected the columns",
        "correlation_summary.json is missing",
        "20250905_000000_dashboard_data.json is damaged",
    ):
        assert expected in result.output, expected
    for _ in range(2):  # what one command makes again, another one reads
        lines = [line for line in invoke("verify").output.splitlines() if not line.endswith(" problems.")]
        commands = dict.fromkeys(line.partition(" To mend it: ")[2] for line in lines)
        assert "" not in commands
        for command in commands:
            mended = invoke(*shlex.split(command)[1:])
            assert "unexpected" not in mended.output
            assert "--debug" not in mended.output
    assert invoke("verify").output.endswith(" 0 problems.\n")


def test_a_lake_that_lost_its_metadata_is_whole_after_its_days_were_run_again() -> None:
    invoke(*RANGE)
    shutil.rmtree("lake/.metadata")
    problems = [line for line in invoke("verify").output.splitlines() if "has no metadata" in line]
    assert problems
    assert all(" To mend it: " in line for line in problems)
    for item in list(open_lake("lake").list(f"{QUALITY_PREFIX}/")):
        open_lake("lake").delete(item.key)  # as verify says; nothing makes them again
    assert invoke(*RANGE).exit_code == 0
    assert invoke("verify").output.endswith(" 0 problems.\n")


def test_verify_finds_dashboard_data_that_nothing_points_at() -> None:
    invoke(*RANGE)
    open_lake("lake").delete(MANIFEST_KEY)
    assert "manifest.json is missing" in invoke("verify").output


def yesterday(before: int = 0) -> date:
    return datetime.now(UTC).date() - timedelta(days=1 + before)


@pytest.mark.usefixtures("warehouse_folder")
def test_the_demo_says_what_it_found_and_is_not_done_twice() -> None:
    first = invoke("demo", "--days", "5")
    assert first.exit_code == 0, first.output
    said = first.stdout.splitlines()
    lines = said[next(at for at, line in enumerate(said) if line.startswith("Shops: ")) :]
    assert lines[0].startswith("Shops: 4 retailers, 5 days, ")
    assert lines[1].startswith(f"Orders: 5 days to {yesterday()}, ")
    assert lines[0].endswith("all MOCK data.")
    assert lines[1].endswith("all MOCK data.")
    assert lines[2].startswith("Does football sell pizza?")
    assert "insufficient" in lines[2]
    assert lines[3].split() == ["planted", "found", "[95", "%", "interval]"]
    assert lines[5].split("  ")[-2:] == ["+6.2 %", "insufficient"]
    assert "are mock" not in first.output, "that everything is mock is no warning here"
    before = {item.key: item.modified_at for item in open_lake("lake").list("")}
    second = invoke("demo", "--days", "5")
    assert second.stdout.splitlines()[0].startswith(f"The demo is there already: 5 days, {yesterday(4)} to ")
    assert second.stdout.splitlines()[1:] == lines
    page = Path("lake/dashboard/index.html").read_text(encoding="utf-8")
    assert '"levels":["insufficient"]' in page.split('"retail":', 1)[1]
    in_table = invoke("warehouse", "sql", "football", "--csv").output.splitlines()[1:]
    assert len(in_table) == 4 * 12
    assert all(f",insufficient,{yesterday()}" in line for line in in_table)
    asked = invoke("warehouse", "sql", "freshness", "--csv").output.splitlines()
    assert [line.split(",")[:4] for line in asked[1:]] == [
        ["dominos", "5", "0", "5"], ["retailer_1", "5", "0", "5"], ["retailer_2", "5", "0", "5"],
        ["retailer_3", "5", "0", "5"],
    ]  # fmt: skip
    assert {item.key: item.modified_at for item in open_lake("lake").list("")} == before

    shorter = invoke("demo", "--days", "2").stdout
    assert "The demo is there already: 5 days" in shorter
    assert f"For 2 days only, remove {Path('lake').absolute()}" in shorter
    assert f"Orders: 5 days to {yesterday()}" in shorter
    longer = invoke("demo", "--days", "6").stdout
    assert "Making 6 days of mock orders" in longer, "analyses look back, so what follows a new day is made again"
    assert f"Orders: 6 days to {yesterday()}" in longer
    assert "Shops: 4 retailers, 6 days" in longer
    _only_what_is_missing_is_made()


def _only_what_is_missing_is_made() -> None:
    lake = open_lake("lake")
    orders = DailyTable(lake, RAW_ORDERS)
    lake.delete(orders.stored[yesterday()].key)
    earlier = orders.stored[yesterday(1)].key
    before = next(lake.list(earlier)).modified_at
    assert "Making 1 day of mock orders" in invoke("demo", "--days", "6").stdout
    assert next(lake.list(earlier)).modified_at == before
    defs = definitions.defs()
    keys = defs.resolve_asset_graph().get(dg.AssetKey("raw_orders")).partitions_def.get_partition_keys()
    assert keys[0] == str(yesterday(5)), "partitions begin where the demo does"


def test_without_a_demo_partitions_begin_where_the_setting_says(monkeypatch: pytest.MonkeyPatch) -> None:
    invoke(*RANGE)
    assert demo.first_partition(open_lake("lake"), Settings.load()) == date(2023, 8, 1)
    demo.mark(open_lake("lake"))
    assert demo.first_partition(open_lake("lake"), Settings.load()) == date(2025, 9, 4)
    monkeypatch.setenv("PIZZA_START_DATE", "2024-01-01")
    assert demo.first_partition(open_lake("lake"), Settings.load()) == date(2024, 1, 1)


def test_a_demo_with_other_effects_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    lake = open_lake("lake")
    first, last = yesterday(1), yesterday()
    now = datetime.now(UTC)
    invoke("backfill", "--from", str(first), "--to", str(last))
    assert demo.to_make(lake, Settings.load(), first, last, now) is None
    monkeypatch.setenv("MOCK_UPLIFT_DURING_MATCH", "0")
    assert demo.to_make(lake, Settings.load(), first, last, now) == (first, last)


def test_the_demo_does_not_replace_real_data() -> None:
    invoke("backfill", "--from", str(yesterday()), "--to", str(yesterday()))
    lake = open_lake("lake")
    orders = DailyTable(lake, RAW_ORDERS)
    day = next(iter(orders))
    mock = orders.stored[day].key
    lake.write(RAW_ORDERS.key(day, "real"), lake.read(mock), lake.metadata(mock))
    lake.delete(mock)
    lake.delete(MANIFEST_KEY)
    result = invoke("demo", "--days", "2")
    assert result.exit_code == 1
    assert "The demo does not replace real data" in result.output


def test_killed_at_any_moment_and_run_again_the_lake_is_whole(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from pizza_assets.cli import main; main()", *RANGE]
    environment = {**os.environ, "PIZZA_LAKE": str(tmp_path / "killed"), "DAGSTER_HOME": str(tmp_path)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("stored order_volume"):
            os.kill(process.pid, signal.SIGKILL)
            break
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    subprocess.run(command, env=environment, check=True, capture_output=True)
    killed, whole = open_lake(str(tmp_path / "killed")), open_lake("lake")
    invoke(*RANGE)
    assert verify(killed).problems == []
    # Each run leaves what its own checks found.
    assert _but_for_checks(killed) == _but_for_checks(whole)
    for item in whole.list("processed-data/"):
        assert killed.read(item.key) == whole.read(item.key)


def _but_for_checks(lake: Store) -> list[str]:
    return [item.key for item in lake.list("") if not item.key.startswith(f"{QUALITY_PREFIX}/")]
