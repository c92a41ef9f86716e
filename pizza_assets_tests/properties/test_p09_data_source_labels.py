from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from pizza_assets import contracts
from pizza_assets.analysis.alignment import align
from pizza_assets.analysis.events import match_events
from pizza_assets.analysis.volume import roll_up
from pizza_assets.dashboard.datasets import data_sets
from pizza_assets.dashboard.page import payload, read_csv
from pizza_assets.lake.formats import csv_bytes
from pizza_assets.lake.layout import ORDER_VOLUME, RAW_ORDERS
from pizza_assets.lake.store import LocalStore
from pizza_assets.lake.tables import DailyTable, Day
from pizza_assets.platform.columns import Source
from pizza_assets_tests.analysis.seasons import Season, season
from pizza_assets_tests.dashboard.worlds import BUILT_AT
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


@st.composite
def _seasons_of_both(draw: st.DrawFn) -> Season:
    """Seasons whose orders turn from real to mock on some day, and whose matches are real or mock one by one."""
    of = season(draw(st.integers(5, 8)), draw(st.integers(0, 30)))
    first_mock = draw(st.integers(0, len(of.order_sources)))
    order_sources: dict[date, Source] = {
        day: "real" if number < first_mock else "mock" for number, day in enumerate(of.order_sources)
    }
    volume = of.volume.assign(data_source=of.volume["bin_start"].dt.date.map(order_sources).astype("str"))
    labels = draw(st.lists(sources, min_size=len(of.matches), max_size=len(of.matches)))
    matches = of.matches.assign(data_source=pd.Series(labels, index=of.matches.index, dtype="str"))
    return replace(of, volume=volume, matches=matches, order_sources=order_sources)


def _unpacked(columns: dict[str, Any]) -> pd.DataFrame:
    """Return a table of the page's data as its script sees it."""
    return pd.DataFrame(
        {
            name: [values["levels"][code] if code >= 0 else None for code in values["codes"]]
            if isinstance(values, dict)
            else values
            for name, values in columns.items()
        }
    )


# Feature: pizza-game-dashboard, Property 9: For any data record throughout the pipeline, the source (real vs
# mock) should be clearly labeled and maintained from collection through final visualization
@given(_seasons_of_both())
def test_the_page_shows_each_record_with_the_source_that_it_was_collected_with(of: Season) -> None:
    analysis = of.analysis()
    frames = data_sets(analysis, of.volume, of.matches, of.order_sources, BUILT_AT)
    page = payload({name: read_csv(csv_bytes(frame), name) for name, frame in frames.items()})
    tables = {name: _unpacked(columns) for name, columns in page["tables"].items()}
    used = {*of.order_sources.values(), *of.matches["data_source"]}
    assert page["meta"]["is_mock"] == (used != {"real"})
    shares = [100 * list(values).count("real") / len(values) for values in (of.order_sources.values(),)]
    assert [page["meta"]["share_real_orders"]] == pytest.approx(shares, abs=0.05)
    for row in tables["daily"].to_dict("records"):
        assert row["data_source"] == of.order_sources[date.fromisoformat(row["day"])]
    matches = of.matches.set_index("match_id")
    for row in tables["matches"].to_dict("records"):
        match = matches.loc[row["match_id"]]
        both = {match["data_source"], of.order_sources[match["timestamp"].date()]}
        expected = match["data_source"] if pd.isna(row["orders"]) else "real" if both == {"real"} else "mock"
        assert row["data_source"] == expected, "orders beside a match are real when both are"
    for name, found in (
        ("effects", analysis.results[analysis.results["method"] == "uplift"]),
        ("profile", analysis.profile),
    ):
        assert tables[name].groupby("data_source").size().to_dict() == found.groupby("data_source").size().to_dict()
    for name in ("correlations", "anomalies", "worth"):
        assert set(tables[name]["data_source"]) <= used
    assert {key.rsplit("|", 1)[1] for key in page["hours"]} <= used
    event(f"sources: {' and '.join(sorted(used))}")


def test_a_contract_rejects_any_other_label() -> None:
    for schema in contracts.CONTRACTS.values():
        labels = [name for name in schema.columns if name.endswith("data_source")]
        assert labels, f"{schema.name} does not say where its rows come from"
        for name in labels:
            allowed = [check.statistics.get("allowed_values") for check in schema.columns[name].checks]
            assert [set(values) - {"none"} for values in allowed if values] == [{"real", "mock"}], (schema.name, name)
