"""The runbook: a day can be restored, and the checks, assets and settings that it names exist."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from pizza_assets.cli import main
from pizza_assets.definitions import build_defs
from pizza_assets.lake import open_lake
from pizza_assets.lake.layout import RAW_ORDERS
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable, Day
from pizza_assets.lake.verify import verify
from pizza_assets.settings import Settings
from pizza_assets_tests.conftest import BUCKET
from pizza_assets_tests.frames import orders_frame

RUNBOOK = (Path(__file__).parents[1] / "docs" / "operations.md").read_text(encoding="utf-8")
DAY = date(2025, 9, 6)
NOON = datetime(2025, 9, 6, 12, tzinfo=UTC)
REAL = orders_frame([NOON, NOON], ["Leeds", "London"])
REJECTED = [{"reason": "no total", "record": {"order_id": "x"}}]


@pytest.fixture
def versioned(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> Store:
    bucket.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    monkeypatch.setenv("PIZZA_LAKE", f"s3://{BUCKET}/some/prefix")
    return open_lake(f"s3://{BUCKET}/some/prefix", bucket)


def restore(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["restore", "--data-set", "raw_orders", "--day", str(DAY), *arguments])


def test_a_day_that_became_mock_is_real_again(versioned: Store) -> None:
    DailyTable(versioned, RAW_ORDERS).put(DAY, Day(REAL, "real", 3, REJECTED), "good")
    before = {item.key: versioned.read(item.key) for item in versioned.list("")}
    DailyTable(versioned, RAW_ORDERS).remove(DAY)
    mock = orders_frame([NOON], ["Leeds"], source="mock")
    DailyTable(versioned, RAW_ORDERS).put(DAY, Day(mock, "mock"), "bad")
    listed = restore().output
    assert sorted(re.findall(r"UTC: (.*)", listed), reverse=True) == ["run good, real, 2 rows", "run bad, mock, 1 rows"]
    done = restore("--run", "good")
    assert done.output == (
        f"raw_orders {DAY} is what the run good wrote: 2 objects.\n"
        f"To make what follows from it: pizza-assets backfill --from {DAY} --to {DAY} "
        "--select 'order_volume+ or merged_orders'\n"
    )
    assert {item.key: versioned.read(item.key) for item in versioned.list("")} == before
    pd.testing.assert_frame_equal(DailyTable(versioned, RAW_ORDERS)[DAY], REAL)
    assert verify(versioned).problems == []


def test_other_days_stay_and_a_day_may_be_restored_from_an_older_version(versioned: Store) -> None:
    other = date(2025, 9, 7)
    later = orders_frame([datetime(2025, 9, 7, 12, tzinfo=UTC)], ["Leeds"], prefix="later")
    DailyTable(versioned, RAW_ORDERS).put(DAY, Day(REAL, "real"), "first")
    DailyTable(versioned, RAW_ORDERS).put(DAY, Day(REAL.iloc[:1], "real"), "second")
    DailyTable(versioned, RAW_ORDERS).put(other, Day(later, "real"), "second")
    assert restore("--run", "first").exit_code == 0
    table = DailyTable(versioned, RAW_ORDERS)
    assert (len(table[DAY]), len(table[other])) == (2, 1)
    assert verify(versioned).problems == []


def test_a_mock_version_does_not_replace_a_real_day(versioned: Store) -> None:
    mock = orders_frame([NOON], ["Leeds"], source="mock")
    DailyTable(versioned, RAW_ORDERS).put(DAY, Day(mock, "mock"), "first")
    DailyTable(versioned, RAW_ORDERS).put(DAY, Day(REAL, "real"), "second")
    before = {item.key: versioned.read(item.key) for item in versioned.list("")}
    rejected = restore("--run", "first")
    assert rejected.exit_code == 1
    assert "The run first wrote mock data, which never replaces real data." in rejected.output
    assert {item.key: versioned.read(item.key) for item in versioned.list("")} == before
    DailyTable(versioned, RAW_ORDERS).remove(DAY)
    assert restore("--run", "first").exit_code == 0
    assert DailyTable(versioned, RAW_ORDERS).stored[DAY].source == "mock"


def test_a_run_that_wrote_nothing_of_the_day_changes_nothing(versioned: Store) -> None:
    DailyTable(versioned, RAW_ORDERS).put(DAY, Day(REAL, "real"), "first")
    wrong = restore("--run", "unknown")
    assert wrong.exit_code == 1
    assert "No version of this day is of the run unknown. Expected one of first." in wrong.output
    assert len(DailyTable(versioned, RAW_ORDERS)[DAY]) == 2


def test_what_keeps_no_versions_says_so(bucket: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIZZA_LAKE", f"s3://{BUCKET}")
    assert f"has no version of {DAY}" in restore().output
    DailyTable(open_lake(f"s3://{BUCKET}", bucket), RAW_ORDERS).put(DAY, Day(REAL, "real"), "first")
    assert "kept no versions when" in restore().output
    monkeypatch.setenv("PIZZA_LAKE", str(tmp_path))
    assert "is a folder, which keeps no older versions" in restore().output


def test_the_runbook_names_what_there_is() -> None:
    defs = build_defs(Settings.load(quicksight_account_id="123456789012"))
    graph = defs.resolve_asset_graph()
    there = {key.name for key in graph.asset_check_keys} | {key.to_user_string() for key in graph.get_all_asset_keys()}
    there |= {schedule.name for schedule in defs.schedules or ()} | {sensor.name for sensor in defs.sensors or ()}
    there |= {job.name for job in defs.resolve_all_job_defs()} | {node.group_name for node in graph.asset_nodes}
    there |= {pool for node in graph.asset_nodes for pool in node.pools or ()}
    settings = {name.upper() for name in Settings.model_fields}
    named = set(re.findall(r"`([a-z]+(?:_[a-z0-9]+)+)`", RUNBOOK))
    assert named
    assert named - there == set()
    assert set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)", RUNBOOK)) - settings == {"DAGSTER_HOME"}
