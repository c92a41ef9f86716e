from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets import contracts
from pizza_assets.analysis.alignment import align
from pizza_assets.analysis.events import match_events
from pizza_assets.analysis.volume import roll_up
from pizza_assets.lake.layout import ORDER_VOLUME, RAW_ORDERS
from pizza_assets.lake.store import LocalStore
from pizza_assets.lake.tables import DailyTable, Day
from pizza_assets.platform.columns import Source
from pizza_assets_tests.strategies import matches_around, orders_of_day, sources

DAY = date(2024, 3, 31)


# Feature: pizza-game-dashboard, Property 9: For any data record throughout the pipeline, the source (real vs
# mock) should be clearly labeled and maintained from collection through final visualization
@given(st.data(), sources, sources)
def test_every_record_keeps_its_label_through_each_layer(data: st.DataObject, orders: Source, matches: Source) -> None:
    order_frame = data.draw(orders_of_day(DAY, orders))
    match_frame = data.draw(matches_around(DAY, matches))
    merged = align(order_frame, [match_frame], is_complete=True)
    assert set(merged["order_data_source"]) <= {orders}
    assert set(merged["match_data_source"]) <= {matches}
    assert set(roll_up(order_frame)["data_source"]) == ({orders} if len(order_frame) else set())
    assert set(match_events(match_frame)["data_source"]) <= {matches}


# Feature: pizza-game-dashboard, Property 9: For any data record throughout the pipeline, the source (real vs
# mock) should be clearly labeled and maintained from collection through final visualization
@given(orders_of_day(DAY))
def test_path_metadata_and_rows_name_one_source(orders: pd.DataFrame) -> None:
    source: Source = "mock" if len(orders) and orders["data_source"].iloc[0] == "mock" else "real"
    with TemporaryDirectory() as folder:
        store = LocalStore(Path(folder))
        DailyTable(store, RAW_ORDERS).put(DAY, Day(orders, source), "run")
        DailyTable(store, ORDER_VOLUME).put(DAY, Day(roll_up(orders), source), "run")
        for layout in (RAW_ORDERS, ORDER_VOLUME):
            table = DailyTable(store, layout)
            assert table.facts(DAY)["data-source"] == source
            assert set(table[DAY]["data_source"]) <= {source}
        assert f"/{source}/" in DailyTable(store, RAW_ORDERS).stored[DAY].key


def test_a_contract_rejects_any_other_label() -> None:
    for schema in contracts.CONTRACTS.values():
        labels = [name for name in schema.columns if name.endswith("data_source")]
        assert labels, f"{schema.name} does not say where its rows come from"
        for name in labels:
            allowed = [check.statistics.get("allowed_values") for check in schema.columns[name].checks]
            assert [set(values) - {"none"} for values in allowed if values] == [{"real", "mock"}], (schema.name, name)
