"""Pizza against football through Dagster: after the views, in the table and in the lake, then on the dashboard."""

from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from pizza_assets.contracts import to_arrow
from pizza_assets.dashboard.page import read_current
from pizza_assets.definitions import MATCH_DAY_JOB, build_defs
from pizza_assets.lake import layout, open_lake
from pizza_assets.lake.verify import verify
from pizza_assets.retail import assets as retail
from pizza_assets.retail.schedules import RETAIL_JOB, VIEWS_JOB
from pizza_assets.settings import Settings
from pizza_assets.warehouse import assets as warehouse
from pizza_assets.warehouse import pizza_vs_football_assets as pizza_vs_football
from pizza_assets.warehouse.connection import Connection
from pizza_assets.warehouse.contract import PIZZA_VS_FOOTBALL
from pizza_assets.warehouse.pizza_vs_football_assets import ASSET, EVIDENCE_CHECK, claims_have_evidence, newest_results

FIRST, DAYS = date(2025, 3, 3), 6
LAST = FIRST + timedelta(days=DAYS - 1)
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


@pytest.fixture
def small(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for module in (retail, warehouse, pizza_vs_football):
        monkeypatch.setattr(module, "RETRIES", 0)
    return Settings.load(
        warehouse_url=database,
        pizza_lake=str(tmp_path / "lake"),
        pizza_start_date=FIRST,
        retail_mock_lines_per_day=60,
        mock_orders_per_store_day=3,
    )


def run(
    settings: Settings, instance: dg.DagsterInstance, job: str, *assets: str, first: date = FIRST
) -> dg.ExecuteInProcessResult:
    """Run a job, or some of its assets, over the days from `first` to the last one where they have days."""
    has_days = job != VIEWS_JOB
    return build_defs(settings).resolve_job_def(job).execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(asset) for asset in assets] or None,
        tags=dict(zip(RANGE, (first.isoformat(), LAST.isoformat()), strict=True)) if has_days else {},
        raise_on_error=False,
    )  # fmt: skip


def test_it_follows_the_views_and_the_dashboard_shows_what_the_lake_and_the_table_have(
    small: Settings, instance: dg.DagsterInstance, connection: Connection
) -> None:
    assert run(small, instance, MATCH_DAY_JOB).success
    store = open_lake(small.pizza_lake)
    assert read_current(store)["retail"].empty
    assert newest_results(store, LAST) is None
    sold = ("raw_retailer_1", "raw_retailer_2", "sales_retailer_1", "sales_retailer_2", "match_dates")
    assert run(small, instance, RETAIL_JOB, *sold).success
    done = run(small, instance, VIEWS_JOB)
    assert done.success
    assert [event.asset_key.path[-1] for event in done.get_asset_materialization_events()] == ["warehouse_views", ASSET]
    assert {check.check_name: check.passed for check in done.get_asset_check_evaluations()}[EVIDENCE_CHECK]

    kept = newest_results(store, LAST)
    assert kept is not None
    assert set(kept["as_of"]) == {LAST}
    assert set(kept["verdict"]) == {"insufficient"}
    assert set(kept["retailers"]) == {"retailer_1 retailer_2"}
    assert set(kept["days"]) == {DAYS}
    assert newest_results(store, LAST - timedelta(days=1)) is None, "nothing of a later day is shown"
    order = "ORDER BY data_source, category, city, time_window"
    table = connection.execute(f"SELECT * FROM marts.pizza_vs_football {order}".encode()).fetchall()  # noqa: S608 ours
    in_order = kept.sort_values(["data_source", "category", "city", "time_window"])
    assert sorted(table, key=repr) == sorted(
        (tuple(row.values()) for row in to_arrow(in_order, PIZZA_VS_FOOTBALL).to_pylist()), key=repr
    )

    assert run(small, instance, MATCH_DAY_JOB, "dashboard_data", "dashboard_page", first=LAST).success
    shown = read_current(store)["retail"]
    assert shown["as_of"].tolist() == kept["as_of"].astype(str).tolist()
    columns = ["category", "city", "time_window", "items", "days", "uplift_pct", "n_matches", "verdict"]
    pd.testing.assert_frame_equal(shown[columns], kept[columns])
    assert '"retail":{' in store.read(layout.PAGE_KEY).decode()
    assert verify(store).problems == []
    key = next(item.key for item in store.list(f"{layout.PIZZA_VS_FOOTBALL_PREFIX}/"))
    store.write(key, b"no parquet", {})
    assert [problem for problem in verify(store).problems if "not readable Parquet" in problem]


def test_an_empty_warehouse_says_what_to_do(small: Settings, instance: dg.DagsterInstance) -> None:
    failed = run(small, instance, VIEWS_JOB)
    (event,) = failed.get_step_failure_events()
    assert "No retailer is loaded yet" in str(event.step_failure_data.error)


def test_a_claim_without_its_evidence_and_a_number_that_is_none_are_named(small: Settings) -> None:
    row = {
        "as_of": LAST, "category": "pizza", "city": "all", "time_window": "day", "data_source": "real",
        "retailers": "retailer_1", "days": 100, "items": 20, "expected": 10.0, "uplift_pct": 100.0, "ci_low": 50.0,
        "ci_high": 200.0, "p_value": 0.01, "q_value": 0.02, "n_matches": 12, "n_weeks": 9, "verdict": "higher",
        "reason": "",
    }  # fmt: skip
    assert claims_have_evidence(pd.DataFrame([row])).passed
    for changes in (
        {"ci_low": np.nan},
        {"q_value": 0.06},
        {"n_matches": 9},
        {"n_weeks": 7},
        {"verdict": "insufficient"},
    ):
        found = claims_have_evidence(pd.DataFrame([row, {**row, "city": "Leeds", **changes}]))
        assert not found.passed
        assert found.description == "real pizza Leeds day"
