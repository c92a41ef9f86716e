"""The whole branch through Dagster: lineage, range runs, resumption, failure half-way, other stores."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import pandas as pd
import pytest

from pizza_assets.contracts import PERSONAL_COLUMNS
from pizza_assets.definitions import build_defs
from pizza_assets.errors import PizzaAssetsError
from pizza_assets.lake import open_lake
from pizza_assets.lake.layout import DAILY_TABLES, FRAME_TABLES, RAW_ORDERS, REPORT_PREFIX, dated_key
from pizza_assets.lake.status import has_days, layers
from pizza_assets.lake.store import LocalStore, Metadata, Store
from pizza_assets.lake.tables import DailyTable
from pizza_assets.lake.verify import verify
from pizza_assets.merchants.contract import ANSWERS as MERCHANT_ANSWERS
from pizza_assets.platform.dagster_io_manager import preview
from pizza_assets.platform.dagster_runs import RunFailedError, run_days, selected_assets
from pizza_assets.settings import Settings
from pizza_assets_tests.conftest import BUCKET

FIRST, LAST = date(2025, 9, 4), date(2025, 9, 8)
DAYS = (LAST - FIRST).days + 1
#: Documents that tell which run wrote them, where and when; all else depends on the days alone.
RUN_DEPENDENT = (
    "quicksight-ready/metadata/",
    "quicksight-ready/dashboard-data/current/meta.csv",
    "dashboard/",
    "quality/",
    "compact/",  # says which versions of its days it repeats
)


def small(**settings: object) -> Settings:
    """Few orders a day, so that a run of all assets takes a second or two."""
    return Settings.load(**{"mock_orders_per_store_day": 10, "pizza_start_date": date(2025, 8, 1), **settings})


def contents(store: Store) -> dict[str, bytes]:
    return {item.key: store.read(item.key) for item in store.list("") if not item.key.startswith(RUN_DEPENDENT)}


def shown(asset: str, day: date | None = None) -> Mapping[str, dg.MetadataValue]:
    """What the UI shows of the latest materialization, of a day where the asset has days."""
    with dg.DagsterInstance.get() as instance:
        of_day = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[day.isoformat()] if day else None)
        (record,) = instance.fetch_materializations(of_day, limit=1).records
    assert record.asset_materialization is not None
    return record.asset_materialization.metadata


@pytest.fixture
def lake() -> Store:
    return open_lake("lake")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, bytes]]:
    """What one undisturbed run of all days leaves in the lake."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DAGSTER_HOME", str(folder))
        run_days(small(), FIRST, LAST)
        yield contents(open_lake("lake"))


def parents_with(settings: Settings) -> dict[str, set[str]]:
    graph = build_defs(settings).resolve_asset_graph()
    return {node.key.to_user_string(): {key.to_user_string() for key in node.parent_keys} for node in graph.asset_nodes}


@pytest.mark.parametrize(
    ("asset", "real"),
    [
        ("raw_retailer_2", {"retailer_2_url": "http://127.0.0.1:9"}),
        ("raw_orders", {"orders_files": "exports/*"}),
        ("raw_orders", {"dominos_api_key": "key", "pizza_allow_mock": False}),
    ],
)
def test_an_arrow_from_matches_is_there_for_mock_alone(asset: str, real: dict[str, Any]) -> None:
    found = parents_with(small(**real))
    assert found[asset] == set()
    assert "spice_refresh" not in found, "an asset that cannot be made is none"
    assert parents_with(small(quicksight_account_id="123456789012"))["spice_refresh"] == {"dashboard_data"}
    assert found["raw_retailer_1"] == {"raw_matches"}


def test_lineage_leads_from_raw_to_the_dashboard() -> None:
    parents = parents_with(small())
    assert parents == {
        "raw_matches": set(),
        "raw_orders": {"raw_matches"},
        "match_events": {"raw_matches"},
        "order_volume": {"raw_orders"},
        "merged_orders": {"raw_orders", "raw_matches"},
        "correlation_results": {"order_volume", "raw_matches"},
        "insights_report": {"correlation_results", "order_volume", "raw_matches", "order_forecast"},
        "fixtures_ahead": {"raw_matches"},
        "order_forecast": {"raw_orders", "order_volume", "raw_matches", "fixtures_ahead"},
        "dashboard_data": {
            "correlation_results",
            "order_volume",
            "raw_matches",
            "pizza_vs_football",
            "order_forecast",
        },
        "dashboard_page": {"dashboard_data"},
        "raw_retailer_1": {"raw_matches"},
        "raw_retailer_2": {"raw_matches"},
        "raw_retailer_3": {"raw_matches"},
        "raw_dominos_sales": {"raw_orders"},
        "sales_retailer_1": {"raw_retailer_1"},
        "sales_retailer_2": {"raw_retailer_2"},
        "sales_retailer_3": {"raw_retailer_3"},
        "sales_dominos": {"raw_dominos_sales"},
        "match_dates": {"raw_matches"},
        "warehouse_views": {
            "sales_retailer_1",
            "sales_retailer_2",
            "sales_retailer_3",
            "sales_dominos",
            "match_dates",
        },
        "pizza_vs_football": {
            "sales_retailer_1",
            "sales_retailer_2",
            "sales_retailer_3",
            "sales_dominos",
            "warehouse_views",
            "raw_matches",
        },
        "merchant_transactions": set(),
        **{name: {"merchant_transactions"} for name in MERCHANT_ANSWERS},
        "merchant_report": set(MERCHANT_ANSWERS),
        "merchant_tables": {"merchant_transactions", *MERCHANT_ANSWERS},
    }


def test_every_asset_explains_itself_in_the_ui() -> None:
    graph = build_defs(small()).resolve_asset_graph()
    for node in graph.asset_nodes:
        assert node.description, node.key
        assert node.kinds, node.key
        assert node.owners, node.key
        assert node.group_name in {"raw", "match_day", "forecast", "dashboard", "retail", "warehouse", "merchants"}
        name = node.key.to_user_string()
        if name in FRAME_TABLES:
            columns = node.metadata["dagster/column_schema"].columns
            assert [column.name for column in columns] == list(FRAME_TABLES[name].contract.columns)


def test_a_range_is_one_run_and_every_layer_has_every_day(lake: Store) -> None:
    (run_id,) = run_days(small(), FIRST, LAST)
    assert has_days(lake, FIRST, LAST)
    assert verify(lake).problems == []
    raw = next(layer for layer in layers(lake) if layer.name == "raw_orders")
    assert (raw.real, raw.mock, raw.gaps) == (0, DAYS, 0)
    with dg.DagsterInstance.get() as instance:
        for name in (*DAILY_TABLES, "correlation_results", "dashboard_data"):
            events = instance.fetch_materializations(dg.AssetKey(name), limit=100).records
            assert {record.partition_key for record in events} == {
                (FIRST + timedelta(days=number)).isoformat() for number in range(DAYS)
            }
            assert len(events) == DAYS
        warnings = [entry.message for entry in instance.all_logs(run_id) if "are mock" in (entry.message or "")]
        assert any("DOMINOS_API_KEY" in message for message in warnings)


def test_the_ui_shows_rows_share_real_reason_and_preview(lake: Store) -> None:
    run_days(small(), FIRST, LAST)
    orders = {name: value.value for name, value in shown("raw_orders", FIRST).items()}
    assert orders["reason"] == "neither DOMINOS_API_KEY nor ORDERS_FILES is set"
    assert orders["share_real"] == 0.0
    assert orders["rows"] == orders["received"] == len(DailyTable(lake, RAW_ORDERS)[FIRST])
    assert orders["rejected"] == 0
    assert not {"path", "preview", "planted"} & set(orders), "an event is kept for ever, twice: figures and short texts"
    newest = {name: value.value for name, value in shown("raw_orders", LAST).items()}
    assert len(newest["preview"].records) == 3
    assert newest["planted"]["mock_uplift_during_match"] == 0.06
    assert newest["path"] == lake.uri(DailyTable(lake, RAW_ORDERS).stored[LAST].key)
    volume = list(shown("order_volume", LAST))
    assert volume[0] == "plot", "where people look first"
    assert not {"received", "rejected"} & set(volume), "what is made of others rejects nothing"


def test_previews_leave_personal_columns_out() -> None:
    frame = pd.DataFrame({"customer_id": ["C1"], "product_sku": ["P1"]})
    shown_of_frame = preview(frame)
    assert [dict(record.data) for record in shown_of_frame.records] == [{"product_sku": "P1"}]
    assert [column.name for column in shown_of_frame.schema.columns] == ["product_sku"]
    assert "customer_id" in PERSONAL_COLUMNS


def test_the_report_tells_the_newest_analysed_day(lake: Store) -> None:
    run_days(small(), FIRST, LAST)
    metadata = shown("insights_report")
    assert metadata["as_of"].value == LAST.isoformat()
    assert str(metadata["report"].value).startswith("# Does football sell pizza?"), "nothing to plot in five days"
    markdown = lake.read(dated_key(REPORT_PREFIX, LAST, "insights_report.md")).decode()
    assert markdown == metadata["report"].value
    run_days(small(), FIRST, FIRST)
    assert shown("insights_report")["as_of"].value == LAST.isoformat()


def test_a_report_needs_an_analysis(lake: Store) -> None:
    with pytest.raises(RunFailedError, match="Materialize correlation_results"):
        run_days(small(), FIRST, LAST, "key:insights_report")


def test_days_made_in_another_order_and_again_are_the_same(lake: Store, uninterrupted: dict[str, bytes]) -> None:
    run_days(small(), FIRST + timedelta(days=2), LAST, "key:raw_matches or key:raw_orders")
    run_days(small(), FIRST, LAST)
    run_days(small(), FIRST, LAST)
    assert contents(lake) == uninterrupted


def test_days_that_were_finished_survive_a_failure(
    lake: Store, uninterrupted: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    fails_on = FIRST + timedelta(days=2)
    write = LocalStore.write

    def failing(self: LocalStore, key: str, data: bytes, metadata: Metadata) -> None:
        if key == DAILY_TABLES["order_volume"].key(fails_on, "mock"):
            raise PizzaAssetsError("The disk is full. Free some space.")
        write(self, key, data, metadata)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "write", failing)
        with pytest.raises(RunFailedError, match=r"^The disk is full\. Free some space\.$"):
            run_days(small(), FIRST, LAST)
    assert list(DailyTable(lake, DAILY_TABLES["order_volume"])) == [FIRST, FIRST + timedelta(days=1)]
    with dg.DagsterInstance.get() as instance:
        stored = instance.get_materialized_partitions(dg.AssetKey("order_volume"))
        assert stored == {FIRST.isoformat(), (FIRST + timedelta(days=1)).isoformat()}
        records = instance.fetch_materializations(dg.AssetKey("order_volume"), limit=10).records
        assert len(records) == 2
    run_days(small(), FIRST, LAST)
    assert contents(lake) == uninterrupted


def test_a_long_range_is_split_into_runs(lake: Store, uninterrupted: dict[str, bytes]) -> None:
    runs = run_days(small(pizza_max_days_per_run=2), FIRST, LAST)
    assert len(runs) == 3
    older = {key for key in contents(lake) if "insights_report" in key and f"{LAST:%Y%m%d}" not in key}
    assert len(older) == 4, "the last day of each run has a report"
    assert set(contents(lake)) - older == set(uninterrupted)
    assert verify(lake).problems == []


def test_without_mock_a_missing_source_fails_with_one_sentence(lake: Store) -> None:
    with pytest.raises(RunFailedError, match=r"PIZZA_ALLOW_MOCK=false.*FOOTBALL_API_KEY is not set"):
        run_days(small(pizza_allow_mock=False), FIRST, LAST)
    assert list(lake.list("")) == []


def test_the_lake_on_s3_has_the_same_keys_and_bytes(s3_server: str, uninterrupted: dict[str, bytes]) -> None:
    client = boto3.client("s3", endpoint_url=s3_server, region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    run_days(small(pizza_lake=f"s3://{BUCKET}", aws_endpoint_url=s3_server, aws_region="us-east-1"), FIRST, LAST)
    store = open_lake(f"s3://{BUCKET}", client)
    assert verify(store).problems == []
    assert contents(store) == uninterrupted


def test_a_bucket_that_does_not_exist_is_one_sentence(s3_server: str) -> None:
    settings = small(pizza_lake="s3://nowhere", aws_endpoint_url=s3_server, aws_region="us-east-1")
    with pytest.raises(RunFailedError, match="The bucket 'nowhere' does not exist"):
        run_days(settings, FIRST, FIRST)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (LAST, FIRST, "The range is empty"),
        (date(2025, 7, 1), LAST, "partitions go from 2025-08-01"),
        (FIRST, date(2999, 1, 1), "today is one from the hour of its refresh on"),
    ],
)
def test_days_that_are_not_there_are_rejected(first: date, last: date, expected: str) -> None:
    with pytest.raises(PizzaAssetsError, match=expected):
        run_days(small(), first, last)


@pytest.mark.parametrize(
    ("selection", "named"),
    [
        ("raw_orders", ["raw_orders"]),
        ("correlation_results+", ["correlation_results", "dashboard_data", "dashboard_page", "insights_report"]),
        ("match_events or merged_orders", ["match_events", "merged_orders"]),
        ('key:match_events or key:"merged_orders"', ["match_events", "merged_orders"]),
        ("group:raw and not raw_orders", ["raw_matches"]),
    ],
)
def test_a_name_selects_with_all_that_follows_and_with_others(selection: str, named: list[str]) -> None:
    assert [key.to_user_string() for key in selected_assets(build_defs(small()), selection)] == named


@pytest.mark.parametrize("selection", ["no_such_asset", "and and"])
def test_a_selection_that_names_nothing_lists_what_there_is(selection: str) -> None:
    with pytest.raises(PizzaAssetsError, match=r"--select .*The assets are correlation_results, dashboard_data"):
        run_days(small(), FIRST, LAST, selection)


def test_an_older_day_does_not_replace_what_viewers_see(lake: Store) -> None:
    run_days(small(), FIRST, LAST)
    current = lake.read("quicksight-ready/metadata/manifest.json")
    run_days(small(), FIRST, FIRST + timedelta(days=1))
    assert lake.read("quicksight-ready/metadata/manifest.json") == current


def test_the_dagster_history_lies_in_the_working_folder(tmp_path: Path) -> None:
    run_days(small(), FIRST, FIRST, "raw_matches")
    assert (tmp_path / ".dagster").is_dir()
