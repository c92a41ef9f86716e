"""What the UI says of every asset: a newcomer understands the platform from it alone."""

from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pizza_assets import contracts
from pizza_assets.definitions import build_defs
from pizza_assets.platform.dagster_catalog import column_schema, entry
from pizza_assets.platform.dagster_lineage import MATCH_EVENTS, ORDER_VOLUME
from pizza_assets.retail.collect import RETAILERS
from pizza_assets.settings import Settings

ROOT = Path(__file__).parents[2]
#: What comes from outside has no columns before it.
FROM_OUTSIDE = {
    "raw_matches",
    "raw_orders",
    "fixtures_ahead",
    *(f"raw_{name}" for name in RETAILERS),
    "merchant_transactions",
}


#: Dagster does not export the type of an asset graph.
Graph = Any


@pytest.fixture(scope="module", params=[None, "warehouse"], ids=["", "merchants-of-the-warehouse"])
def graph(request: pytest.FixtureRequest) -> Graph:
    settings = Settings.load(pizza_start_date=date(2025, 8, 1), merchants_transactions=request.param)
    return build_defs(settings).resolve_asset_graph()


def schema_of(graph: Graph, key: dg.AssetKey) -> dict[str, dg.TableColumn]:
    return {column.name: column for column in graph.get(key).metadata["dagster/column_schema"].columns}


def test_every_asset_says_what_it_is_whose_it_is_and_where_to_read_on(graph: Graph) -> None:
    for node in graph.asset_nodes:
        name = node.key.to_user_string()
        assert node.description, name
        assert node.kinds, name
        assert node.owners, name
        assert node.tags["branch"], name
        assert node.code_version not in {None, "1"}, name
        assert node.check_keys, name
        for column in schema_of(graph, node.key).values():
            assert column.description, (name, column.name)
        page, _, anchor = str(node.metadata["docs"]).removeprefix("docs/").partition("#")
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        assert not anchor or f"\n## {anchor}\n" in text, (name, anchor)


def test_every_asset_names_its_place(graph: Graph) -> None:
    places = {
        node.key.to_user_string(): node.metadata.get("dagster/uri") or node.metadata.get("dagster/table_name")
        for node in graph.asset_nodes
    }
    assert places["sales_dominos"] == "sales.fact_sales"
    assert places["raw_orders"] == "lake/raw-data/dominos-orders"
    assert places["correlation_results"] == "lake/processed-data/correlation-analysis"
    assert places["dashboard_page"] == "lake/dashboard/index.html"
    assert None not in places.values()


def test_each_lineage_names_existing_columns_of_the_assets_before(graph: Graph) -> None:
    for node in graph.asset_nodes:
        name = node.key.to_user_string()
        if "dagster/column_lineage" not in node.metadata:
            assert name in FROM_OUTSIDE
            assert not (name == "merchant_transactions" and node.parent_keys)
            continue
        lineage = node.metadata["dagster/column_lineage"]
        assert isinstance(lineage, dg.TableColumnLineage)
        own = schema_of(graph, node.key)
        assert lineage.deps_by_column.keys() == own.keys(), f"{name}: each column has its line, and no other"
        assert any(lineage.deps_by_column.values()), name
        for column, made_of in lineage.deps_by_column.items():
            for origin in made_of:
                assert origin.asset_key in node.parent_keys, (name, column, origin)
                assert origin.column_name in schema_of(graph, origin.asset_key), (name, column, origin)
                shown = f"{origin.asset_key.to_user_string()}.{origin.column_name}"
                assert shown in str(own[column].description).split("← ")[1].split(", ")


def test_columns_show_type_unit_origin_and_constraints() -> None:
    schema = column_schema(contracts.ORDER_VOLUME, ORDER_VOLUME)
    bin_start, *_, revenue, _ = schema.columns
    assert bin_start.type == "timestamp[us, tz=UTC]"
    assert revenue.description == "Sum of order totals; null where one is unknown. [currency] ← raw_orders.order_total"
    assert revenue.constraints.other == ["is finite", "greater_than_or_equal_to(0)"]
    assert schema.constraints.other == ["unique: bin_start, city, currency"]
    assert column_schema(contracts.MATCH_EVENTS, MATCH_EVENTS).columns[0].constraints.unique
    minute = next(column for column in column_schema(contracts.MATCH_EVENTS).columns if column.name == "minute")
    assert minute.constraints.nullable


def test_several_data_sets_show_their_columns_by_data_set() -> None:
    schema = column_schema({"volume": contracts.ORDER_VOLUME, "events": contracts.MATCH_EVENTS})
    assert [column.name for column in schema.columns][:2] == ["volume.bin_start", "volume.city"]
    assert schema.constraints.other == ["unique in volume: bin_start, city, currency", "unique in events: event_id"]


def test_docs_are_links_where_they_can_be_read_in_a_browser() -> None:
    settings = Settings.load(docs_url="https://docs.example.org/pizza/")
    shown = entry(settings, contract=contracts.ORDER_VOLUME)["docs"]
    assert shown == dg.MetadataValue.url("https://docs.example.org/pizza/data-dictionary.md#order_volume")


def test_groups_stand_in_flow_order_in_the_lineage(graph: Graph) -> None:
    order = {"raw": 0, "match_day": 1, "forecast": 1, "dashboard": 2, "retail": 1, "warehouse": 2, "merchants": 3}
    for node in graph.asset_nodes:
        for parent in node.parent_keys:
            assert order[str(graph.get(parent).group_name)] <= order[str(node.group_name)]
