"""The warehouse's assets on a real Dagster instance, a lake in a folder and a real PostgreSQL."""

from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from pizza_assets.definitions import build_defs
from pizza_assets.lake import layout, open_lake
from pizza_assets.lake.sales import SalesTable
from pizza_assets.platform.quality import history
from pizza_assets.retail import assets as retail
from pizza_assets.retail.schedules import RETAIL_JOB, VIEWS_JOB
from pizza_assets.settings import Settings
from pizza_assets.warehouse import assets as warehouse
from pizza_assets.warehouse.assets import DAY_TAG, RETENTION_JOB
from pizza_assets.warehouse.connection import Connection
from pizza_assets.warehouse.quality import DAY_CHECKS, check_day
from pizza_assets_tests.warehouse.shops import one

FIRST = date(2025, 3, 3)
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


@pytest.fixture
def small(database: str, tmp_path: Path) -> Settings:
    return Settings.load(
        warehouse_url=database,
        pizza_lake=str(tmp_path / "lake"),
        pizza_start_date=FIRST,
        retail_mock_lines_per_day=20,
        mock_orders_per_store_day=2,
    )


def run(
    settings: Settings, instance: dg.DagsterInstance, *assets: str, days: int = 1, job: str = RETAIL_JOB, **tags: str
) -> dg.ExecuteInProcessResult:
    """Run assets for some days from the first one, or a whole job, in this process."""
    last = FIRST + timedelta(days=days - 1)
    span = dict(zip(RANGE, (FIRST.isoformat(), last.isoformat()), strict=True)) if assets else {}
    return build_defs(settings).resolve_job_def(job).execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(asset) for asset in assets] or None,
        tags={**span, **tags},
        raise_on_error=False,
    )  # fmt: skip


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """What the warehouse's own checks say, by name; those of the raw days are tested where they are."""
    found = [item for item in result.get_asset_check_evaluations() if not item.asset_key.path[-1].startswith("raw_")]
    return {check.check_name: check for check in found}


def test_a_range_of_days_becomes_facts_with_their_counts_and_checks(
    small: Settings, instance: dg.DagsterInstance, connection: Connection
) -> None:
    done = run(small, instance, "raw_retailer_1", "sales_retailer_1", days=3)
    assert done.success
    assert one(connection, "SELECT count(DISTINCT source_day) FROM sales.fact_sales") == 3
    events = [
        event for event in done.get_asset_materialization_events() if event.asset_key.path[-1] == "sales_retailer_1"
    ]
    shown = {event.partition: event.materialization.metadata for event in events}
    assert sorted(shown) == ["2025-03-03", "2025-03-04", "2025-03-05"]
    lines = [shown[day]["received"].value for day in sorted(shown)]
    stored = SalesTable(open_lake(small.pizza_lake), layout.SALES_TABLES["raw_retailer_1"])
    assert lines == [stored[day].num_rows for day in stored]
    assert set(checks(done)) == set(DAY_CHECKS)
    assert checks(done)["counts_reconcile"].passed
    assert checks(done)["counts_reconcile"].metadata["days_judged"].value == 3


def test_a_day_that_is_materialized_again_is_stated_anew(
    small: Settings, instance: dg.DagsterInstance, connection: Connection
) -> None:
    run(small, instance, "raw_retailer_1", "sales_retailer_1")
    facts = one(connection, "SELECT count(*) FROM sales.fact_sales")
    again = run(small, instance, "sales_retailer_1")
    assert one(connection, "SELECT count(*) FROM sales.fact_sales") == facts
    metadata = again.get_asset_materialization_events()[0].materialization.metadata
    assert (metadata["inserted"].value, metadata["removed"].value) == (facts, facts)


def test_days_that_were_loaded_before_a_failure_stay_and_are_materialized(
    small: Settings, instance: dg.DagsterInstance, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse, "RETRIES", 0)
    run(small, instance, "raw_retailer_1", days=2)
    failed = run(small, instance, "sales_retailer_1", days=3)
    assert not failed.success
    key = dg.AssetKey("sales_retailer_1")
    assert instance.get_materialized_partitions(key) == {"2025-03-03", "2025-03-04"}
    assert one(connection, "SELECT count(DISTINCT source_day) FROM sales.fact_sales") == 2


def test_each_retailer_has_its_own_two_retries_at_five_minutes(small: Settings) -> None:
    graph = build_defs(small).resolve_asset_graph()
    for name in ("raw_retailer_1", "sales_retailer_1", "sales_retailer_2", "sales_retailer_3", "sales_dominos"):
        policy = graph.get(dg.AssetKey(name)).assets_def.op.retry_policy
        assert policy is not None
        assert (policy.max_retries, policy.delay) == (2, 300)


def test_the_views_take_in_what_was_loaded_and_flag_who_is_missing(
    small: Settings, instance: dg.DagsterInstance, connection: Connection
) -> None:
    run(small, instance, "raw_retailer_1", "sales_retailer_1")
    run(small, instance, "raw_matches", job="match_day")
    run(small, instance, "match_dates")
    done = run(small, instance, job=VIEWS_JOB, **{DAY_TAG: FIRST.isoformat()})
    assert done.success
    missing = checks(done)["missing_retailer"]
    assert not missing.passed
    assert missing.severity is dg.AssetCheckSeverity.ERROR
    assert missing.metadata["newest_missing"].value == "retailer_2 retailer_3 dominos"
    kept = history.read(open_lake(small.pizza_lake), "warehouse_views", date.min, date.max)
    assert kept[["check", "status"]].values.tolist() == [["missing_retailer", "error"]]
    facts = one(connection, "SELECT count(*) FROM sales.fact_sales")
    assert one(connection, "SELECT sum(facts) FROM marts.mv_daily_sales_summary") == facts
    assert one(connection, "SELECT matches_source FROM sales.dim_date WHERE date_key = 20250303") == "mock"


def test_the_views_stay_as_they_are_while_what_was_loaded_is_wrong(
    small: Settings, instance: dg.DagsterInstance, connection: Connection
) -> None:
    run(small, instance, "raw_retailer_1", "sales_retailer_1")
    connection.execute("DELETE FROM sales.fact_sales")
    check_day(connection, "retailer_1", FIRST)
    failed = run(small, instance, job=VIEWS_JOB)
    assert not failed.success
    error = failed.get_step_failure_events()[0].step_failure_data.error
    assert error is not None
    assert "retailer_1 2025-03-03 (counts_reconcile)" in str(error.to_string())
    assert run(small, instance, "sales_retailer_1").success
    assert run(small, instance, job=VIEWS_JOB).success


def test_retention_follows_the_setting(small: Settings, instance: dg.DagsterInstance, connection: Connection) -> None:
    run(small, instance, "raw_retailer_1", "sales_retailer_1")
    facts = one(connection, "SELECT count(*) FROM sales.fact_sales")
    assert run(small, instance, job=RETENTION_JOB).success
    assert one(connection, "SELECT count(*) FROM sales.fact_sales") == facts
    few = small.model_copy(update={"warehouse_keep_months": 1})
    assert run(few, instance, job=RETENTION_JOB).success
    assert one(connection, "SELECT count(*) FROM sales.fact_sales") == 0
    assert one(connection, "SELECT sum(facts) FROM ops.archive") == facts


def test_an_address_with_a_password_does_not_reach_dagsters_events(
    small: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse, "RETRIES", 0)
    away = small.model_copy(update={"warehouse_url": Settings.load(
        warehouse_url="postgresql://user:hunter2@127.0.0.1:1/shop").warehouse_url})  # fmt: skip
    failed = run(away, instance, "raw_retailer_1", "sales_retailer_1")
    assert not failed.success
    events = [str(event) for event in failed.all_events]
    assert any("does not answer" in event for event in events)
    assert not any("hunter2" in event for event in events)


def test_the_raw_assets_are_tried_again_too() -> None:
    assert (retail.RETRIES, retail.RETRY_DELAY) == (2, 300)
