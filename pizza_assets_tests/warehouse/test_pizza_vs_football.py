"""Sales as the analysis takes them from a real PostgreSQL: who enters, on which days, and what is kept of it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pytest

from pizza_assets.analysis.analyse import analyse
from pizza_assets.analysis.categories import CategorySales, sales_uplift
from pizza_assets.analysis.volume import roll_up
from pizza_assets.contracts import to_arrow
from pizza_assets.lake import open_lake
from pizza_assets.orders.mock import mock_orders
from pizza_assets.retail.contract import PIZZA_CATEGORIES
from pizza_assets.retail.dominos_sales import sales_of_orders
from pizza_assets.retail.mock import mock_sales
from pizza_assets.settings import Settings
from pizza_assets.warehouse.connection import Connection
from pizza_assets.warehouse.contract import PIZZA_VS_FOOTBALL
from pizza_assets.warehouse.feeds import Feed
from pizza_assets.warehouse.loader import load_day, load_days
from pizza_assets.warehouse.pizza_vs_football import (
    compared,
    newest_day,
    observed_days,
    replace_results,
    sales_by_category,
)
from pizza_assets.warehouse.retention import archive
from pizza_assets.warehouse.status import ask
from pizza_assets_tests.frames import match_row, matches_frame
from pizza_assets_tests.warehouse.shops import one, sales

WINTER, SUMMER = date(2025, 1, 6), date(2025, 7, 7)
LONDON, TOKYO = {"Europe/London"}, {"Asia/Tokyo"}


def days(first: date, *numbers: int) -> set[date]:
    return {first + timedelta(days=number) for number in numbers}


@pytest.mark.parametrize(
    ("first", "zones", "expected"),
    [
        (WINTER, LONDON, (0, 1, 2, 4, 5)),
        (SUMMER, LONDON, (0, 1, 4)),  # a UTC day reaches an hour into the next day there
        (SUMMER, {"UTC"}, (0, 1, 2, 4, 5)),
        (WINTER, TOKYO, (0, 1, 4)),
        (WINTER, {"America/New_York"}, (1, 2, 5)),
        (WINTER, LONDON | TOKYO, (0, 1, 4)),
    ],
)
def test_a_day_is_observed_when_every_day_that_it_touches_is_loaded(
    first: date, zones: set[str], expected: Sequence[int]
) -> None:
    assert observed_days(days(first, 0, 1, 2, 4, 5), zones) == days(first, *expected)


@pytest.mark.parametrize(
    ("observed", "retailers", "common"),
    [
        ({"a": range(10)}, "a", range(10)),
        ({"a": range(10), "b": range(9)}, "ab", range(9)),
        ({"a": range(10), "b": range(4)}, "a", range(10)),  # 10 retailer-days against 8
        ({"a": range(10), "b": range(5)}, "ab", range(5)),  # as many: the larger group
        ({"a": range(10), "b": range(2, 10), "c": range(10, 20)}, "ab", range(2, 10)),
        ({"a": (), "b": ()}, "ab", ()),
    ],
)
def test_the_group_with_the_most_days_in_common_is_compared(
    observed: Mapping[str, Sequence[int]], retailers: str, common: Sequence[int]
) -> None:
    found = compared({name: days(WINTER, *numbers) for name, numbers in observed.items()})
    assert found == (tuple(retailers), days(WINTER, *common))


def taken(connection: Connection, last: int = 9) -> dict[tuple[str, str], CategorySales]:
    """What enters, by category and source, in the days from the first one to the `last`."""
    found = sales_by_category(connection, WINTER, WINTER + timedelta(days=last))
    return {(item.category, item.data_source): item for item in found}


def load(connection: Connection, retailer: str, *numbers: int, **line: Any) -> None:
    for number in numbers:
        day = WINTER + timedelta(days=number)
        table = sales({"retailer_id": retailer, "transaction_id": f"{line} {number}", **line}, day=day)
        load_day(connection, table, retailer_id=retailer, source_day=day)


def test_items_are_counted_in_bins_of_utc_by_city(connection: Connection) -> None:
    at = datetime(2025, 1, 6, 18, 14, 59, tzinfo=UTC)
    lines = [
        {"transaction_id": "T1", "sold_at": at, "quantity": 3},
        {"transaction_id": "T2", "sold_at": at - timedelta(minutes=14), "quantity": 2, "currency": "EUR"},
        {"transaction_id": "T3", "sold_at": at + timedelta(seconds=1)},
        {"transaction_id": "T4", "sold_at": at, "store_id": "S2", "store_city": "York", "product_sku": "P2"},
        {"transaction_id": "T5", "sold_at": at, "category": "dairy", "product_sku": "P3"},
    ]
    load_day(connection, sales(*lines, day=WINTER), retailer_id="retailer_1", source_day=WINTER)
    volume = taken(connection)["frozen pizza", "mock"].volume.sort_values(["city", "bin_start"])
    assert volume[["city", "bin_start", "orders", "data_source"]].to_dict("split")["data"] == [
        ["Leeds", pd.Timestamp("2025-01-06 18:00Z"), 5, "mock"],
        ["Leeds", pd.Timestamp("2025-01-06 18:15Z"), 1, "mock"],
        ["York", pd.Timestamp("2025-01-06 18:00Z"), 1, "mock"],
    ]
    assert taken(connection)["dairy", "mock"].volume["orders"].sum() == 1


def test_a_retailer_without_a_day_takes_the_day_out_and_is_no_zero(connection: Connection) -> None:
    load(connection, "retailer_1", *range(10))
    load(connection, "retailer_2", *range(4), *range(6, 10))
    pizza = taken(connection)["frozen pizza", "mock"]
    assert pizza.retailers == ("retailer_1", "retailer_2")
    assert pizza.days == days(WINTER, *range(4), *range(6, 10))


def test_a_loaded_day_without_a_sale_of_the_category_is_a_zero(connection: Connection) -> None:
    load(connection, "retailer_1", *range(5))
    load(connection, "retailer_1", *range(5, 10), category="dairy", product_sku="P2")
    assert taken(connection)["frozen pizza", "mock"].days == days(WINTER, *range(10))


def test_a_retailer_that_does_not_sell_a_category_does_not_take_its_days_out(connection: Connection) -> None:
    load(connection, "retailer_1", *range(10))
    load(connection, "dominos", *range(3), category="delivered pizza")
    found = taken(connection)
    assert (found["frozen pizza", "mock"].retailers, len(found["frozen pizza", "mock"].days)) == (("retailer_1",), 10)
    assert found["delivered pizza", "mock"].retailers == ("dominos",)
    assert found["delivered pizza", "mock"].days == days(WINTER, *range(3))


def test_real_and_mock_sales_are_apart_retailer_by_retailer_and_day_by_day(connection: Connection) -> None:
    load(connection, "retailer_1", *range(4), quantity=2)
    load(connection, "retailer_1", *range(4, 10), data_source="real", quantity=5)
    load(connection, "retailer_2", *range(10), quantity=7)
    found = taken(connection)
    real, mock = found["frozen pizza", "real"], found["frozen pizza", "mock"]
    assert (real.retailers, real.days) == (("retailer_1",), days(WINTER, *range(4, 10)))
    assert set(real.volume["orders"]) == {5}
    # Ten days of one retailer are more retailer-days than four days of two.
    assert (mock.retailers, mock.days) == (("retailer_2",), days(WINTER, *range(10)))
    assert set(mock.volume["orders"]) == {7}
    assert [item.data_source for item in sales_by_category(connection, WINTER, WINTER)] == ["mock"]


def test_archived_months_are_unknown_and_not_without_sales(connection: Connection, settings: Settings) -> None:
    load(connection, "retailer_1", *range(24, 30))  # 30 January to 4 February
    list(archive(connection, open_lake(settings.pizza_lake), date(2025, 2, 1)))
    assert taken(connection, 40)["frozen pizza", "mock"].days == days(WINTER, *range(26, 30))
    load(connection, "retailer_1", 24, transaction_id="again")
    assert days(WINTER, 24) <= set(taken(connection, 40)["frozen pizza", "mock"].days)


def test_a_failed_load_observes_nothing(connection: Connection) -> None:
    load(connection, "retailer_1", 0, 1)
    broken = sales({"data_source": "real"}, {"transaction_id": "T2"}, day=WINTER + timedelta(days=2))
    with pytest.raises(Exception, match="source"):
        load_day(connection, broken, retailer_id="retailer_1", source_day=WINTER + timedelta(days=2))
    assert taken(connection)["frozen pizza", "mock"].days == days(WINTER, 0, 1)
    assert newest_day(connection) == WINTER + timedelta(days=1)


def test_an_empty_warehouse_has_nothing(connection: Connection) -> None:
    assert newest_day(connection) is None
    assert taken(connection) == {}


WEEKS = 16
SPAN = [WINTER + timedelta(days=number) for number in range(7 * WEEKS)]


def fixtures(towns: Sequence[str]) -> pd.DataFrame:
    """Each town at home every other week, one Saturday or Wednesday, against clubs from elsewhere."""
    rows = []
    for week in range(WEEKS):
        for number, town in enumerate(towns):
            if (week + number) % 2:
                day = WINTER + timedelta(days=7 * week + (5 if number % 3 else 2))
                at = datetime(day.year, day.month, day.day, 15 + number % 4, tzinfo=UTC)
                rows.append(match_row(f"{week}-{town}", at, (town, "unknown"), (1, 1), data_source="mock"))
    return matches_frame(rows)


@pytest.fixture(scope="module")
def towns() -> list[str]:
    """Half of the towns that the mock retailers have shops in; the others are what days are compared with."""
    everywhere = mock_sales("retailer_1", WINTER, fixtures([]), Settings(_env_file=None))["store_city"]
    return sorted(everywhere.unique().to_pylist())[::2]


def test_the_effect_planted_in_mock_sales_is_found_in_pizza_alone(connection: Connection, towns: list[str]) -> None:
    planted = 0.6
    settings = Settings(_env_file=None, retail_mock_lines_per_day=1500, retail_mock_pizza_uplift=planted)
    matches = fixtures(towns)
    feeds = [Feed(day, mock_sales("retailer_1", day, matches, settings)) for day in SPAN]
    load_days(connection, feeds, retailer_id="retailer_1")
    found = sales_uplift(sales_by_category(connection, SPAN[0], SPAN[-1]), matches, SPAN[-1])
    overall = found[(found["city"] == "all") & (found["time_window"] != "day")]
    is_pizza = overall["category"].isin(PIZZA_CATEGORIES)
    assert is_pizza.sum() == 6
    pizza, other = overall[is_pizza], overall[~is_pizza]
    # It is planted all day, and what the day has of it outside of the windows is taken for the town's habit.
    assert (pizza["ci_high"] > 85 * np.expm1(planted)).all()
    assert (pizza["ci_low"] < 100 * np.expm1(planted)).all()
    # A verdict that has to hold over a season of looks needs more than these weeks; the intervals are clear.
    assert (pizza["ci_low"] > 0).all()
    assert set(other["verdict"]) == {"no effect found"}
    assert ((other["ci_low"] < 0) & (other["ci_high"] > 0)).mean() >= 0.9
    assert set(found["data_source"]) == {"mock"}


def test_delivered_pizza_says_what_the_orders_say(connection: Connection) -> None:
    settings = Settings(_env_file=None, mock_orders_per_store_day=15)
    span, towns = SPAN[:84], ("London", "Leeds", "Liverpool", "Manchester")
    matches = fixtures(towns)
    orders = {day: mock_orders(day, matches, settings) for day in span}
    load_days(connection, [Feed(day, sales_of_orders(orders[day])[0]) for day in span], retailer_id="dominos")
    found = sales_uplift(sales_by_category(connection, span[0], span[-1]), matches, span[-1])
    observed = dict.fromkeys((day for day in span if day != date(2025, 3, 30)), "mock")
    volume = pd.concat([roll_up(orders[day]) for day in span], ignore_index=True)
    expected = analyse(volume, matches, observed_by(found, observed), span[-1]).results
    expected = expected.query("method == 'uplift' and scope == 'all'").set_index("time_window")
    overall = found.query("city == 'all'").set_index("time_window")
    assert set(overall["category"]) == {"delivered pizza"}
    for ours, theirs in {"items": "observed", "uplift_pct": "estimate", "ci_low": "ci_low", "n_matches": "n"}.items():
        np.testing.assert_allclose(overall[ours], expected.loc[overall.index, theirs])


def observed_by(found: pd.DataFrame, observed: dict[date, Any]) -> dict[date, Any]:
    """Return the days that the result counts: the last one in summer reaches into a day that is not loaded."""
    number = int(found["days"].iloc[0])
    return dict(sorted(observed.items())[:number])


def test_the_table_is_replaced_whole_and_read_by_readers(connection: Connection, reading: Connection) -> None:
    load(connection, "retailer_1", *range(10))
    matches = matches_frame([match_row("m", datetime(2025, 1, 8, 15, tzinfo=UTC), ("Leeds", "York"))])
    old = sales_uplift(sales_by_category(connection, WINTER, SPAN[9]), matches, SPAN[9])
    replace_results(connection, old.assign(category="what was"))
    connection.execute("SET ROLE loader")
    new = old.assign(uplift_pct=[1.5, *[None] * (len(old) - 1)], verdict=["higher", *old["verdict"][1:]])
    replace_results(connection, new.astype(old.dtypes))
    connection.execute("RESET ROLE")
    names, rows = ask(reading, "SELECT * FROM marts.pizza_vs_football ORDER BY city, time_window")
    assert names == list(PIZZA_VS_FOOTBALL.columns)
    expected = to_arrow(new.astype(old.dtypes), PIZZA_VS_FOOTBALL).sort_by(
        [("city", "ascending"), ("time_window", "ascending")]
    )
    assert [tuple(row) for row in rows] == [tuple(row.values()) for row in expected.to_pylist()]


def test_a_replacement_that_fails_leaves_what_was(connection: Connection) -> None:
    load(connection, "retailer_1", *range(10))
    found = sales_uplift(sales_by_category(connection, WINTER, SPAN[9]), matches_frame([]), SPAN[9])
    replace_results(connection, found)
    with pytest.raises(psycopg.errors.CheckViolation):
        replace_results(connection, found.assign(uplift_pct=7.0))
    assert one(connection, "SELECT count(*) FROM marts.pizza_vs_football") == len(found) > 0
    assert one(connection, "SELECT count(uplift_pct) FROM marts.pizza_vs_football") == 0
