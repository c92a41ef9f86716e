"""Checks through Dagster: what the UI shows after a range run, what blocks, what warns, what stays in the lake."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow
import pytest

from pizza_assets.analysis import transforms, volume
from pizza_assets.definitions import MATCH_DAY_JOB, build_defs
from pizza_assets.lake import open_lake
from pizza_assets.lake.layout import DAILY_TABLES, QUALITY_PREFIX
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable
from pizza_assets.lake.verify import verify
from pizza_assets.platform.dagster_checks import FRESHNESS_CHECK, FRESHNESS_JOB, check_result
from pizza_assets.platform.dagster_runs import RunFailedError, run_days
from pizza_assets.platform.quality import history
from pizza_assets.platform.quality.results import DayResult
from pizza_assets.settings import Settings

FIRST, LAST = date(2025, 9, 4), date(2025, 9, 8)
MATCHES = "key:raw_matches"
ORDERS = "key:raw_matches or key:raw_orders or key:order_volume or key:correlation_results"


def small(**settings: object) -> Settings:
    return Settings.load(**{"mock_orders_per_store_day": 10, "pizza_start_date": date(2025, 8, 1), **settings})


def evaluations() -> Mapping[tuple[str, str], dg.AssetCheckEvaluation]:
    """What the checks of the newest run said, by asset and check."""
    with dg.DagsterInstance.get() as instance:
        (run,) = instance.get_runs(limit=1)
        events = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    found = [record.event_log_entry.get_dagster_event().asset_check_evaluation_data for record in events]
    return {(item.asset_key.to_user_string(), item.check_name): item for item in found}


def days_shown(evaluation: dg.AssetCheckEvaluation) -> list[Mapping[str, Any]]:
    table = evaluation.metadata["days"]
    assert isinstance(table, dg.TableMetadataValue)
    return [record.data for record in table.records]


@pytest.fixture
def lake() -> Store:
    return open_lake("lake")


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Store]]:
    """One undisturbed run of all assets: its id and its lake, in a folder that stays the working one."""
    folder = tmp_path_factory.mktemp("whole_run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DAGSTER_HOME", str(folder))
        (run_id,) = run_days(small(), FIRST, LAST)
        yield run_id, open_lake(str(folder / "lake"))


@pytest.fixture
def in_its_folder(whole_run: tuple[str, Store], monkeypatch: pytest.MonkeyPatch) -> tuple[str, Store]:
    monkeypatch.setenv("DAGSTER_HOME", str(Path(whole_run[1].uri("")).parent))
    return whole_run


def test_every_day_in_the_lake_is_checked_and_structure_blocks() -> None:
    graph = build_defs(small()).resolve_asset_graph()
    of_the_lake = {node.key for node in graph.asset_nodes if node.group_name in {"raw", "match_day", "retail"}}
    for key in of_the_lake:
        names = {check.name for check in graph.get(key).check_keys}
        name = key.to_user_string()
        assert "schema" in names or name == "insights_report", "a report has no columns"
        assert "counts_reconcile" in names or name in {"correlation_results", "insights_report"}, key
    for check in graph.asset_check_keys:
        spec = graph.get_check_spec(check)
        assert spec.description, check
        if check.asset_key in of_the_lake:
            assert spec.blocking == check.name.startswith(("schema", "counts_")), check


def test_a_range_run_shows_each_day_and_keeps_its_results_in_the_lake(in_its_folder: tuple[str, Store]) -> None:
    run_id, lake = in_its_folder
    found = evaluations()
    of_job = build_defs(small()).resolve_job_def(MATCH_DAY_JOB).asset_layer.asset_graph.asset_check_keys
    assert found.keys() == {(key.asset_key.to_user_string(), key.name) for key in of_job}
    assert FRESHNESS_CHECK not in {key.name for key in of_job}
    share = found["raw_orders", "share_of_real_data"]
    assert share.passed, "without a key mock data is what was asked for"
    rows = days_shown(share)
    assert [row["day"] for row in rows] == [(LAST - timedelta(days=n)).isoformat() for n in range(5)]
    assert {row["data_source"] for row in rows} == {"mock"}
    assert rows[0]["message"] == "mock: neither DOMINOS_API_KEY nor ORDERS_FILES is set"
    assert share.metadata["newest_share_real"].value == 0.0
    today = datetime.now(UTC).date()
    kept = history.read(lake, "raw_orders", today - timedelta(days=1), today)
    assert set(kept["run_id"]) == {run_id}
    assert len(kept) == 5 * 6
    assert set(kept["data_source"]) == {"mock"}
    assert verify(lake).problems == []


def test_a_warning_stands_first_and_stops_nothing(in_its_folder: tuple[str, Store]) -> None:
    _, lake = in_its_folder
    early = evaluations()["merged_orders", "next_day_known"]
    assert (early.passed, early.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert days_shown(early)[0] == {
        "day": "2025-09-08",
        "result": "warn",
        "orders_around_matches": len(DailyTable(lake, DAILY_TABLES["merged_orders"])[LAST]),
        "is_complete": 0,
        "message": "merged without the matches of 2025-09-09: collect them, then run it again",
    }
    assert early.description is not None
    assert early.description.startswith("5 days: 1 warn, 4 passed. 2025-09-08: merged without")


def test_a_source_that_is_set_up_and_does_not_answer_is_a_warning_then_an_error() -> None:
    unreachable = small(football_api_key="key", football_api_url="http://127.0.0.1:9/", max_api_retries=0)
    run_days(unreachable, FIRST, FIRST + timedelta(days=1), MATCHES)
    fallback = evaluations()["raw_matches", "share_of_real_data"]
    assert (fallback.passed, fallback.severity) == (False, dg.AssetCheckSeverity.WARN)
    run_days(unreachable, FIRST + timedelta(days=2), FIRST + timedelta(days=2), MATCHES)
    habit = evaluations()["raw_matches", "share_of_real_data"]
    assert (habit.passed, habit.severity, habit.blocking) == (False, dg.AssetCheckSeverity.ERROR, False)
    assert "mock for 3 days in a row, although a source is set up" in days_shown(habit)[0]["message"]


def _without_pizzas(orders: pyarrow.Table) -> pd.DataFrame:
    return ROLL_UP(orders).assign(pizzas=0)


def _without_a_row(orders: pyarrow.Table) -> pd.DataFrame:
    return ROLL_UP(orders).iloc[1:].reset_index(drop=True)


ROLL_UP = volume.roll_up


@pytest.mark.parametrize(
    ("fault", "check", "sentence"),
    [
        (_without_pizzas, "schema", "The data breaks the contract 'order_volume'"),
        (_without_a_row, "counts_all_orders", "The volume counts every order of raw_orders once. Expected"),
    ],
)
def test_a_day_that_breaks_the_structure_is_not_stored_and_its_check_says_why(
    lake: Store, monkeypatch: pytest.MonkeyPatch, fault: object, check: str, sentence: str
) -> None:
    breaks_on = FIRST + timedelta(days=2)

    def roll_up(orders: pyarrow.Table) -> pd.DataFrame:
        is_the_day = orders["timestamp"][0].as_py().date() == breaks_on
        counted: pd.DataFrame = fault(orders) if is_the_day else ROLL_UP(orders)  # type: ignore[operator]
        return counted

    monkeypatch.setattr(transforms, "roll_up", roll_up)
    with pytest.raises(RunFailedError, match=sentence):
        run_days(small(), FIRST, LAST, ORDERS)
    found = evaluations()
    rejected = found["order_volume", check]
    assert (rejected.passed, rejected.severity, rejected.blocking) == (False, dg.AssetCheckSeverity.ERROR, True)
    (row,) = days_shown(rejected)
    assert (row["day"], row["result"]) == (breaks_on.isoformat(), "error")
    assert sentence in row["message"]
    assert not {key for key in found if key[0] == "correlation_results"}, "downstream did not run"
    assert list(DailyTable(lake, DAILY_TABLES["order_volume"])) == [FIRST, FIRST + timedelta(days=1)]
    with dg.DagsterInstance.get() as instance:
        finished = instance.get_materialized_partitions(dg.AssetKey("order_volume"))
    assert finished == {FIRST.isoformat(), (FIRST + timedelta(days=1)).isoformat()}
    (kept,) = (item.key for item in lake.list(f"{QUALITY_PREFIX}/order_volume/"))
    assert json.loads(lake.metadata(kept)["worst"]) == {check: "error"}
    assert verify(lake).problems == []


def test_an_error_that_breaks_no_contract_is_no_failed_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def roll_up(orders: pyarrow.Table) -> pd.DataFrame:
        raise ValueError("division by zero")

    monkeypatch.setattr(transforms, "roll_up", roll_up)
    with pytest.raises(RunFailedError, match="division by zero"):
        run_days(small(), FIRST, FIRST, ORDERS)
    assert not {key for key in evaluations() if key[0] == "order_volume"}


def freshness_of(asset: str) -> dg.AssetCheckEvaluation:
    result = build_defs(small()).resolve_job_def(FRESHNESS_JOB).execute_in_process()
    return next(item for item in result.get_asset_check_evaluations() if item.asset_key == dg.AssetKey(asset))


def test_freshness_looks_at_the_latest_day_and_not_at_the_latest_run() -> None:
    empty = freshness_of("raw_matches")
    assert (empty.passed, empty.severity) == (False, dg.AssetCheckSeverity.WARN)
    run_days(small(), FIRST, LAST, MATCHES)
    late = freshness_of("raw_matches")
    assert (late.passed, late.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert str(late.description).startswith(f"The newest complete day is {LAST}; it ended ")
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    run_days(small(), yesterday, yesterday, MATCHES)
    fresh = freshness_of("raw_matches")
    assert fresh.passed
    assert fresh.metadata["newest_complete_day"].value == yesterday.isoformat()
    assert not freshness_of("dashboard_data").passed


def test_a_season_shows_its_failing_days_first_and_not_all_of_them() -> None:
    days = [DayResult(FIRST + timedelta(days=n), "error" if n == 7 else "passed", figures={"n": n}) for n in range(300)]
    result = check_result("example", days, "lake/quality/example")
    table = result.metadata["days"]
    assert isinstance(table, dg.TableMetadataValue)
    rows = [record.data for record in table.records]
    assert len(rows) == 20
    assert (rows[0]["n"], rows[0]["result"], rows[1]["n"]) == (7, "error", 299)
    assert (result.metadata["days_judged"].value, result.metadata["days_failed"].value) == (300, 1)
