from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets import contracts
from pizza_assets.contracts import FOOTBALL_MATCHES, SALES, empty, sales_schema
from pizza_assets.reference import cities
from pizza_assets.retail.contract import PIZZA_CATEGORIES
from pizza_assets.retail.mock import mock_sales, planted_sales_effects
from pizza_assets.settings import Settings
from pizza_assets_tests.frames import match_row, matches_frame
from pizza_assets_tests.strategies import DAYS

LONDON = ZoneInfo("Europe/London")
NO_MATCHES = empty(FOOTBALL_MATCHES)
RETAILERS = ("retailer_1", "retailer_2", "retailer_3")
DAY = date(2024, 11, 2)
retailers = st.sampled_from(RETAILERS)


def sold(retailer_id: str, day: date, matches: pd.DataFrame = NO_MATCHES, **changes: object) -> pyarrow.Table:
    return mock_sales(retailer_id, day, matches, Settings(_env_file=None, **changes))


def match(day: date = DAY, teams: tuple[str, str] = ("London", "Leeds"), **changes: object) -> pd.DataFrame:
    return matches_frame([match_row("m-1", datetime.combine(day, time(15), LONDON), teams, (1, 0), **changes)])


@given(retailers, DAYS, st.integers(0, 2**63), st.floats(1, 3_000))
def test_a_day_keeps_the_contract_and_the_shops_hours(retailer_id: str, day: date, seed: int, lines: float) -> None:
    table = sold(retailer_id, day, mock_seed=seed, retail_mock_lines_per_day=lines)
    assert table.schema.equals(sales_schema())
    contracts.validate(contracts.from_arrow(table, SALES), SALES)
    local = [instant.astimezone(LONDON) for instant in table["sold_at"].to_pylist()]
    assert {at.date() for at in local} <= {day}
    assert all(7 <= at.hour < 22 for at in local)
    assert set(table["data_source"].to_pylist()) <= {"mock"}
    assert set(table["store_city"].to_pylist()) <= {city.name for city in cities().values() if city.mock_stores}


@given(retailers, DAYS)
def test_lines_of_a_receipt_stand_together_and_share_store_time_and_customer(retailer_id: str, day: date) -> None:
    frame = sold(retailer_id, day, retail_mock_lines_per_day=200).to_pandas()
    receipts = frame.groupby("transaction_id", sort=False)
    assert list(receipts.groups) == sorted(receipts.groups)
    assert (receipts["line"].agg(list).map(lambda lines: lines == list(range(1, len(lines) + 1)))).all()
    assert (receipts[["store_id", "store_city", "sold_at"]].nunique() == 1).all(axis=None)
    assert (receipts["customer_id"].nunique(dropna=False) == 1).all()
    assert frame["sold_at"].is_monotonic_increasing


def test_a_day_depends_on_seed_retailer_and_day_alone() -> None:
    tables = [
        sold("retailer_1", DAY),
        sold("retailer_2", DAY),
        sold("retailer_1", DAY + timedelta(days=1)),
        sold("retailer_1", DAY, mock_seed=1),
    ]
    assert sold("retailer_1", DAY).equals(tables[0])
    quantities = [table["quantity"].to_pylist() for table in tables]
    assert all(quantities.count(of_one) == 1 for of_one in quantities)


@pytest.mark.parametrize("retailer_id", RETAILERS)
def test_a_week_has_the_lines_that_the_setting_says(retailer_id: str) -> None:
    days = [date(2024, 11, 4) + timedelta(days=number) for number in range(28)]
    lines = [len(sold(retailer_id, day, retail_mock_lines_per_day=1000)) for day in days]
    assert np.mean(lines) == pytest.approx(1000, rel=0.02)
    assert np.mean(lines[5::7]) > 1.2 * np.mean(lines[0::7]), "Saturdays are busier than Mondays"


def test_customers_and_products_repeat_and_two_lines_may_have_one_product() -> None:
    frame = sold("retailer_1", DAY).to_pandas()
    assert frame["customer_id"].isna().mean() == pytest.approx(0.45, abs=0.05)
    assert frame["product_sku"].nunique() == 52
    assert frame.duplicated(["transaction_id", "product_sku"]).any()
    assert frame.groupby("product_sku")["unit_price"].nunique().max() == 1


def uplift(matches: pd.DataFrame, city: str, is_pizza: bool, **changes: object) -> float:
    """Return lines with the matches over lines without, in a city, of pizza or of all else."""
    counts = []
    for around in (matches, NO_MATCHES):
        table = sold("retailer_1", DAY, around, retail_mock_lines_per_day=600_000, **changes)
        pizza = pc.is_in(table["category"], pyarrow.array(PIZZA_CATEGORIES))
        counts.append(table.filter(pc.and_(pc.equal(table["store_city"], city), pc.equal(pizza, is_pizza))).num_rows)
    return counts[0] / counts[1]


def test_a_match_plants_the_uplift_in_pizza_in_the_home_city_alone() -> None:
    planted = {"retail_mock_pizza_uplift": 0.5}
    assert uplift(match(), "London", True, **planted) == pytest.approx(np.exp(0.5), rel=0.04)
    for city, is_pizza in (("London", False), ("Bristol", True), ("Bristol", False)):
        assert uplift(match(), city, is_pizza, **planted) == pytest.approx(1, rel=0.04)


@pytest.mark.parametrize(
    "matches",
    [
        match(status="POSTPONED"),
        match(day=DAY - timedelta(days=1)),
        match(day=DAY + timedelta(days=1)),
        match(teams=("Leeds", "London")),
        match(teams=("unknown", "London")),
    ],
    ids=["postponed", "the day before", "the day after", "away", "unknown city"],
)
def test_other_matches_change_nothing(matches: pd.DataFrame) -> None:
    assert sold("retailer_1", DAY, matches, retail_mock_pizza_uplift=2).equals(sold("retailer_1", DAY))


def test_no_uplift_is_planted_where_none_is_set() -> None:
    assert sold("retailer_1", DAY, match(), retail_mock_pizza_uplift=0).equals(sold("retailer_1", DAY))


def test_what_is_planted_is_named() -> None:
    assert planted_sales_effects(Settings(_env_file=None)) == {
        "mock_seed": 2026, "retail_mock_lines_per_day": 2500, "retail_mock_pizza_uplift": 0.10,
    }  # fmt: skip
