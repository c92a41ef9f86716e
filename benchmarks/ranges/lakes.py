"""Lakes to measure on: large days of orders, and a season of mock days.

Orders of a large day are those of a mock day, again and again with other instants and numbers.
"""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from pizza_assets import contracts
from pizza_assets.football.mock import mock_matches
from pizza_assets.lake import layout
from pizza_assets.lake.store import LocalStore
from pizza_assets.lake.tables import DailyTable, Day
from pizza_assets.orders.mock import mock_orders
from pizza_assets.settings import Settings

FIRST = date(2024, 8, 1)
_SECONDS = 86_400


def large(folder: Path, days: int, orders_a_day: int) -> None:
    """Write mock matches and so many orders for each of some days from `FIRST`, and a day of matches beside them."""
    store, settings = LocalStore(folder), Settings.load()
    matches, orders = (DailyTable(store, where) for where in (layout.RAW_MATCHES, layout.RAW_ORDERS))
    for number in range(days + 1):
        day = FIRST + timedelta(days=number)
        of_day = mock_matches(day, settings)
        matches.put(day, Day(of_day, "mock"), "bench")
        if number < days:
            orders.put(day, Day(_grown(mock_orders(day, of_day, settings), day, orders_a_day), "mock"), "bench")


def _grown(orders: pd.DataFrame, day: date, number: int) -> pd.DataFrame:
    grown = orders.iloc[np.resize(np.arange(len(orders)), number)].reset_index(drop=True)
    rng = np.random.default_rng(day.toordinal())
    midnight = pd.Timestamp(day, tz="UTC")
    seconds = (grown["timestamp"] - midnight).dt.total_seconds().to_numpy() + rng.integers(-3600, 3600, number)
    instants = midnight + pd.to_timedelta(np.sort(np.clip(seconds, 0, _SECONDS - 1)), unit="s")
    cents = np.round(grown["order_total"] * rng.uniform(0.8, 1.2, number), 2)
    named = grown.assign(
        order_id=[f"{day:%Y%m%d}-{at:08d}" for at in range(number)], timestamp=instants, order_total=cents
    )
    return contracts.conform(named, contracts.DOMINOS_ORDERS)
