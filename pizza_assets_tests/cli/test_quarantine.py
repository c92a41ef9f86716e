"""Orders in an hour that London's clocks skip are rejected, and replayed after the settings are right."""

from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner, Result

from pizza_assets.cli import main
from pizza_assets.cli import quarantine as commands
from pizza_assets.lake import open_lake
from pizza_assets.lake.layout import ORDER_VOLUME, RAW_ORDERS
from pizza_assets.lake.tables import DailyTable
from pizza_assets.lake.verify import verify
from pizza_assets.operations import quarantine as records
from pizza_assets.platform.dagster_daily_asset import REPLAY_TAG

#: In London the clocks go from 01:00 to 02:00 on this day.
DAY = date(2025, 3, 30)
NEXT = DAY + timedelta(days=1)
HEADER = "order_id,timestamp,location,order_total,pizza_types"


def pizza_assets(*arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two real days; of the first, two orders in the skipped hour and one without a total are rejected."""
    rows = [
        "1,2025-03-30 12:00,Leeds,10.5,Margherita",
        "2,2025-03-30 01:10,Leeds,11.5,Margherita",
        "3,2025-03-30 01:20,Norwich,12.5,Margherita",
        "4,2025-03-30 13:00,Norwich,,Margherita",
        "5,2025-03-31 12:00,Norwich,9.5,Margherita",
    ]
    (tmp_path / "till.csv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    monkeypatch.setenv("ORDERS_FILES", str(tmp_path / "till.csv"))
    monkeypatch.setenv("ORDERS_TIME_ZONE", "Europe/London")
    monkeypatch.setenv("PIZZA_START_DATE", "2025-03-01")
    pizza_assets("backfill", "--from", DAY.isoformat(), "--to", NEXT.isoformat())


def ids(day: date) -> list[str]:
    found: list[str] = DailyTable(open_lake("lake"), RAW_ORDERS)[day]["order_id"].tolist()
    return found


@pytest.mark.usefixtures("collected")
def test_a_replay_after_the_fix_stores_what_is_valid_and_runs_what_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = pizza_assets("quarantine", "list").output
    assert "raw_orders: 2 x timestamp (2025-03-30 to 2025-03-30)" in listed
    assert "expected a time that Europe/London has" in listed
    assert '"order_id": "3"' in listed
    assert "3 records rejected." in listed
    assert "0 records rejected." in pizza_assets("quarantine", "list", "--from", NEXT.isoformat()).output

    unchanged = pizza_assets("quarantine", "replay", "--data-set", "raw_orders").output
    assert "raw_orders: 0 records stored on 0 days, 3 still rejected." in unchanged

    monkeypatch.setenv("ORDERS_TIME_ZONE", "UTC")
    replayed = pizza_assets("quarantine", "replay").output
    assert "raw_matches: 0 records stored on 0 days, 0 still rejected." in replayed
    assert "raw_orders: 2 records stored on 1 day, 1 still rejected." in replayed
    lake = open_lake("lake")
    assert ids(DAY) == ["1", "2", "3"]
    facts = DailyTable(lake, RAW_ORDERS).facts(DAY)
    assert (facts["received"], facts["rows"], facts["rejected"], facts["origin"]) == ("4", "3", "1", "till exports")
    assert int(DailyTable(lake, ORDER_VOLUME)[DAY]["orders"].sum()) == 3
    assert verify(lake).problems == []
    with dg.DagsterInstance.get() as instance:
        runs = instance.get_runs(dg.RunsFilter(tags={REPLAY_TAG: "raw_orders"}))
        (run,) = runs
        materialized = instance.get_records_for_run(
            run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
        ).records
    assets = {record.event_log_entry.asset_materialization.asset_key.to_user_string() for record in materialized}
    assert "raw_matches" not in assets
    assert {"raw_orders", "order_volume", "merged_orders", "correlation_results", "dashboard_data"} <= assets

    again = pizza_assets("quarantine", "replay").output
    assert "raw_orders: 0 records stored on 0 days, 1 still rejected." in again
    assert ids(DAY) == ["1", "2", "3"]
    assert ids(NEXT) == ["5"]


def test_the_options_name_every_data_set_with_a_quarantine() -> None:
    assert set(commands._DATA_SETS) == set(records.QUARANTINED)
    assert set(commands._REPLAYED) == set(records.REPLAYED)
