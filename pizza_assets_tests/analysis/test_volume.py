from collections.abc import Sequence
from datetime import UTC, date, datetime

import pandas as pd
import pyarrow
from hypothesis import given

from pizza_assets.analysis.volume import COLUMNS, REPEATING, roll_up
from pizza_assets.contracts import ORDER_VOLUME, validate
from pizza_assets_tests.frames import orders_frame
from pizza_assets_tests.strategies import orders_of_day

DAY = date(2024, 3, 31)


def test_orders_are_counted_in_bins_of_a_quarter_of_an_hour() -> None:
    times = [datetime(2024, 3, 31, 18, minute, tzinfo=UTC) for minute in (0, 14, 15, 15)]
    volume = roll_up(orders_frame(times, ["Leeds", "Leeds", "Leeds", "York"]))
    assert volume[["city", "orders", "revenue", "pizzas"]].to_dict("split")["data"] == [
        ["Leeds", 2, 21.0, 2],
        ["Leeds", 1, 10.5, 1],
        ["York", 1, 10.5, 1],
    ]
    assert [f"{start:%H:%M}" for start in volume["bin_start"]] == ["18:00", "18:15", "18:15"]


@given(orders_of_day(DAY))
def test_nothing_is_lost_and_the_contract_is_kept(orders: pd.DataFrame) -> None:
    volume = validate(roll_up(orders), ORDER_VOLUME)
    assert volume["orders"].sum() == len(orders)
    assert volume["pizzas"].sum() == orders["quantity"].sum()
    assert abs(volume["revenue"].sum() - orders["order_total"].sum()) < 0.01 * (len(orders) + 1)
    by_hand = orders.groupby([orders["timestamp"].dt.floor("15min"), "city"]).size()
    assert dict(zip(zip(volume["bin_start"], volume["city"], strict=True), volume["orders"], strict=True)) == dict(
        by_hand.items()
    )


def test_currencies_are_not_added_up() -> None:
    orders = orders_frame([datetime(2024, 3, 31, 18, tzinfo=UTC)] * 2, ["Leeds", "Leeds"])
    orders["currency"] = ["GBP", "EUR"]
    assert list(roll_up(orders)["currency"]) == ["EUR", "GBP"]


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    times = [datetime(2024, 3, 31, hour, tzinfo=UTC) for hour in (18, 18, 19, 20)]
    orders = orders_frame(times, ["Leeds"] * 4)
    orders.loc[1, "order_total"] = None
    orders.loc[2, "quantity"] = pd.NA
    volume = validate(roll_up(orders), ORDER_VOLUME)
    assert volume["orders"].tolist() == [2, 1, 1]
    assert volume["revenue"].isna().tolist() == [True, False, False]
    assert volume["pizzas"].isna().tolist() == [False, True, False]


@given(orders_of_day(DAY))
def test_texts_as_dictionaries_of_several_chunks_count_the_same(orders: pd.DataFrame) -> None:
    table = pyarrow.Table.from_pandas(orders[list(COLUMNS)], preserve_index=False)
    halves = [table.slice(0, len(table) // 2), table.slice(len(table) // 2)]
    encoded = pyarrow.concat_tables([_with_dictionaries(half, REPEATING) for half in halves])
    pd.testing.assert_frame_equal(roll_up(encoded), roll_up(orders))


def _with_dictionaries(table: pyarrow.Table, names: Sequence[str]) -> pyarrow.Table:
    for name in names:
        at = table.column_names.index(name)
        table = table.set_column(at, name, table[name].dictionary_encode())
    return table
