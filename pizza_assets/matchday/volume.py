"""Orders to volume: counts per city and 15 minutes.

Belongs here: the roll-up that every analysis reads instead of the orders. Does not belong here: windows.
"""

import numpy as np
import pandas as pd

from pizza_assets import contracts

#: Columns that the roll-up reads; the reader decodes no others.
COLUMNS = ("timestamp", "order_total", "quantity", "data_source", "city", "currency")


def roll_up(orders: pd.DataFrame) -> pd.DataFrame:
    """Count orders in bins of 15 minutes.

    Parameters
    ----------
    orders
        One day of DOMINOS_ORDERS, at least the columns in ``COLUMNS``; all of one data source.

    Returns
    -------
    DataFrame
        ORDER_VOLUME, sorted by bin, city and currency. Bins without orders have no row.
    """
    if orders.empty:
        return contracts.empty(contracts.ORDER_VOLUME)
    bins, bin_starts = pd.factorize(orders["timestamp"].dt.floor("15min"), sort=True)
    city, cities = pd.factorize(orders["city"], sort=True)
    currency, currencies = pd.factorize(orders["currency"], sort=True)
    cell = (bins * len(cities) + city) * len(currencies) + currency
    counts = np.bincount(cell)
    filled = np.flatnonzero(counts)
    volume = pd.DataFrame(
        {
            "bin_start": bin_starts[filled // len(currencies) // len(cities)],
            "city": cities[filled // len(currencies) % len(cities)],
            "currency": currencies[filled % len(currencies)],
            "data_source": orders["data_source"].iloc[0],
            "orders": counts[filled],
            "revenue": np.bincount(cell, orders["order_total"])[filled].round(2),
            "pizzas": np.bincount(cell, orders["quantity"])[filled].astype("int64"),
        }
    )
    return contracts.conform(volume, contracts.ORDER_VOLUME)
