"""The roll-up as an expression gives the bytes of the roll-up on arrays. The Spark tests run these too."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets import contracts
from pizza_assets.analysis.volume import roll_up, roll_up_expression
from pizza_assets.cli import main
from pizza_assets.contracts import DOMINOS_ORDERS, ORDER_VOLUME
from pizza_assets.football.mock import mock_matches
from pizza_assets.lake import formats
from pizza_assets.merchants.engines import DuckDBEngine, Engine
from pizza_assets.orders.mock import mock_orders
from pizza_assets.settings import Settings
from pizza_assets_tests.strategies import orders_of_day


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with DuckDBEngine("1GB") as duckdb:
        yield duckdb


def volume_bytes(volume: pd.DataFrame) -> bytes:
    return formats.parquet_bytes(volume, ORDER_VOLUME)


def by_expression(engine: Engine, orders: pd.DataFrame) -> bytes:
    rows = engine.lookup("orders", contracts.to_arrow(orders, DOMINOS_ORDERS))
    table = engine.run(roll_up_expression(rows)).table.cast(contracts.arrow_schema(ORDER_VOLUME))
    return volume_bytes(contracts.from_arrow(table, ORDER_VOLUME))


def season(days: int) -> list[pd.DataFrame]:
    settings = Settings.load(mock_orders_per_store_day=40)
    every = [date(2024, 3, 30) + timedelta(days=number) for number in range(days)]
    return [mock_orders(day, mock_matches(day, settings), settings) for day in every]


@given(orders=orders_of_day(most=20), seed=st.integers(0, 2**32))
def test_any_day_gives_the_same_bytes(engine: Engine, orders: pd.DataFrame, seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = len(orders)
    fractions = rng.choice([0, 1e-4, 0.005, 0.01, 0.123456], count)
    orders["order_total"] = rng.integers(0, 100_000, count) / 100 + fractions
    orders.loc[rng.random(count) < 0.1, "order_total"] = None
    orders.loc[rng.random(count) < 0.1, "quantity"] = pd.NA
    orders["timestamp"] += pd.to_timedelta(rng.choice([0, 1, 999_999], count), unit="us")
    orders["currency"] = pd.Series(rng.choice(["GBP", "EUR"], count), dtype="str")
    assert by_expression(engine, orders) == volume_bytes(roll_up(orders))


def test_days_together_are_the_days_one_after_another(engine: Engine) -> None:
    days = season(4)
    together = pd.concat(days, ignore_index=True).sample(frac=1, random_state=1)
    one_by_one = pd.concat([roll_up(day) for day in days], ignore_index=True)
    assert by_expression(engine, together) == volume_bytes(one_by_one)


def test_the_command_writes_the_volume_of_a_folder() -> None:
    days = season(2)
    for number, day in enumerate(days):
        path = Path("orders", f"day={number}", "orders.parquet")
        path.parent.mkdir(parents=True)
        path.write_bytes(formats.parquet_bytes(day, DOMINOS_ORDERS))
    result = CliRunner().invoke(main, ["roll-up", "--orders", "orders", "--output", "volume.parquet"])
    assert result.exit_code == 0, result.stderr
    assert f"{sum(map(len, days)):,} orders" in result.stdout
    written = contracts.from_arrow(pq.read_table("volume.parquet"), ORDER_VOLUME)
    assert volume_bytes(written) == volume_bytes(pd.concat([roll_up(day) for day in days], ignore_index=True))


def test_the_command_finds_no_orders() -> None:
    result = CliRunner().invoke(main, ["roll-up", "--orders", "nowhere"])
    assert result.exit_code == 1
    assert "nowhere: expected Parquet files of orders, found none" in result.stderr
