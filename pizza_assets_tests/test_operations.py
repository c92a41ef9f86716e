"""The runbook's own promises: its recipe restores a day, its commands and checks exist."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from pizza_assets.cli import main
from pizza_assets.definitions import build_defs
from pizza_assets.lake import open_lake
from pizza_assets.lake.layout import RAW_ORDERS
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable, Day
from pizza_assets.settings import Settings
from pizza_assets.verify import verify
from pizza_assets_tests.conftest import BUCKET
from pizza_assets_tests.frames import orders_frame

RUNBOOK = (Path(__file__).parents[1] / "docs" / "operations.md").read_text(encoding="utf-8")
DAY = date(2025, 9, 6)
NOON = datetime(2025, 9, 6, 12, tzinfo=UTC)
REAL = orders_frame([NOON, NOON], ["Leeds", "London"])
REJECTED = [{"reason": "no total", "record": {"order_id": "x"}}]


@pytest.fixture
def restore() -> Callable[..., Iterator[str]]:
    """The recipe, as it stands in the runbook."""
    (recipe,) = (block for block in re.findall(r"```python\n(.*?)```", RUNBOOK, re.DOTALL) if "def restore" in block)
    names: dict[str, Any] = {}
    exec(recipe, names)  # noqa: S102 our own documentation
    function: Callable[..., Iterator[str]] = names["restore"]
    return function


@pytest.fixture
def versioned(bucket: Any) -> Store:
    bucket.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return open_lake(f"s3://{BUCKET}", bucket)


def test_a_day_that_was_removed_and_became_mock_is_real_again(
    bucket: Any, versioned: Store, restore: Callable[..., Iterator[str]]
) -> None:
    DailyTable(versioned, RAW_ORDERS).put(DAY, Day(REAL, "real", 3, REJECTED), "good run")
    before = {item.key: versioned.read(item.key) for item in versioned.list("")}
    mock = orders_frame([NOON], ["Leeds"], source="mock")
    DailyTable(versioned, RAW_ORDERS).remove(DAY)
    DailyTable(versioned, RAW_ORDERS).put(DAY, Day(mock, "mock"), "bad run")
    assert DailyTable(versioned, RAW_ORDERS).stored[DAY].source == "mock"
    done = list(restore(bucket, BUCKET, f"{RAW_ORDERS.prefix}/", f"{DAY:%Y/%m/%d}", "good run"))
    assert {line.split(" ", 1)[0] for line in done} == {"restored", "removed"}
    assert {item.key: versioned.read(item.key) for item in versioned.list("")} == before
    pd.testing.assert_frame_equal(DailyTable(versioned, RAW_ORDERS)[DAY], REAL)
    assert verify(versioned).problems == []


def test_other_days_stay_and_a_day_may_be_restored_from_an_older_version(
    bucket: Any, versioned: Store, restore: Callable[..., Iterator[str]]
) -> None:
    other = date(2025, 9, 7)
    later = orders_frame([datetime(2025, 9, 7, 12, tzinfo=UTC)], ["Leeds"], prefix="later")
    DailyTable(versioned, RAW_ORDERS).put(DAY, Day(REAL, "real"), "first run")
    DailyTable(versioned, RAW_ORDERS).put(DAY, Day(REAL.iloc[:1], "real"), "second run")
    DailyTable(versioned, RAW_ORDERS).put(other, Day(later, "real"), "second run")
    list(restore(bucket, BUCKET, f"{RAW_ORDERS.prefix}/", f"{DAY:%Y/%m/%d}", "first run"))
    table = DailyTable(versioned, RAW_ORDERS)
    assert (len(table[DAY]), len(table[other])) == (2, 1)
    assert verify(versioned).problems == []


def test_a_run_that_wrote_nothing_of_the_day_changes_nothing(
    bucket: Any, versioned: Store, restore: Callable[..., Iterator[str]]
) -> None:
    DailyTable(versioned, RAW_ORDERS).put(DAY, Day(REAL, "real"), "first run")
    with pytest.raises(SystemExit, match="is of run unknown"):
        list(restore(bucket, BUCKET, f"{RAW_ORDERS.prefix}/", f"{DAY:%Y/%m/%d}", "unknown"))
    assert len(DailyTable(versioned, RAW_ORDERS)[DAY]) == 2


def test_the_runbook_names_what_there_is() -> None:
    graph = build_defs(Settings.load()).resolve_asset_graph()
    defs = build_defs(Settings.load())
    there = {key.name for key in graph.asset_check_keys} | {key.to_user_string() for key in graph.get_all_asset_keys()}
    there |= {schedule.name for schedule in defs.schedules or ()} | {sensor.name for sensor in defs.sensors or ()}
    there |= {job.name for job in defs.resolve_all_job_defs()} | {node.group_name for node in graph.asset_nodes}
    settings = {name.upper() for name in Settings.model_fields}
    named = set(re.findall(r"`([a-z]+(?:_[a-z0-9]+)+)`", RUNBOOK))
    assert named
    assert named - there == set()
    assert set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)", RUNBOOK)) - settings == {"DAGSTER_HOME"}


def test_the_runbooks_commands_exist() -> None:
    commands = {tuple(found.split()[:2]) for found in re.findall(r"pizza-assets ((?:[a-z]+ ?)+)", RUNBOOK)}
    assert commands
    for command in commands:
        words = [word for word in command if word in {"quarantine", "list", "replay", "backfill", "status", "verify"}]
        assert CliRunner().invoke(main, [*words, "--help"]).exit_code == 0, command


def test_the_runbooks_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)", RUNBOOK):
        assert (Path(__file__).parents[1] / "docs" / target).exists(), target
