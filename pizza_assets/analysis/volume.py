"""Orders to volume: counts per city and 15 minutes.

Belongs here: the roll-up that every analysis reads instead of the orders, on arrays of a day and as an expression
for engines. Does not belong here: windows. Both give the same bytes: totals are summed as whole ten-thousandths,
which are exact in whatever order they are added.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from pizza_assets import contracts

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: Parts of a unit of currency in which totals are summed: finer than any currency's coins.
_PARTS = 10_000
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
    parts, no_total = _sums(cell, np.floor(orders["order_total"].to_numpy(dtype=float) * _PARTS + 0.5), filled)
    pizzas, no_quantity = _sums(cell, orders["quantity"].to_numpy(dtype=float, na_value=np.nan), filled)
    volume = pd.DataFrame(
        {
            "bin_start": bin_starts[filled // len(currencies) // len(cities)],
            "city": cities[filled // len(currencies) % len(cities)],
            "currency": currencies[filled % len(currencies)],
            "data_source": orders["data_source"].iloc[0],
            "orders": counts[filled],
            "revenue": np.where(no_total, np.nan, (parts + 50) // 100 / 100),
            "pizzas": pd.array(pizzas, dtype="Int64"),
        }
    )
    volume.loc[no_quantity, "pizzas"] = pd.NA
    return contracts.conform(volume, contracts.ORDER_VOLUME)


def _sums(
    cell: npt.NDArray[np.int64], values: npt.NDArray[np.float64], filled: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return the whole sums of the filled cells, and which of them miss a value: their sum is unknown."""
    unknown = np.isnan(values)
    sums = np.bincount(cell, np.where(unknown, 0, values))[filled].astype("int64")
    return sums, np.bincount(cell, unknown)[filled] > 0


def roll_up_expression(orders: "ir.Table") -> "ir.Table":
    """Count orders in bins of 15 minutes: `roll_up` as an Ibis expression, over any number of days.

    Parameters
    ----------
    orders
        DOMINOS_ORDERS, at least the columns in ``COLUMNS``, in an engine whose session is in UTC.

    Returns
    -------
    Table
        ORDER_VOLUME by bin, city and currency.
    """
    import ibis

    cells = orders.mutate(hour=orders.timestamp.truncate("h"), quarter=(orders.timestamp.minute() // 15).cast("int64"))
    counted = cells.group_by("hour", "quarter", "city", "currency", "data_source").agg(
        orders=cells.count(),
        parts=(cells.order_total * _PARTS + 0.5).floor().cast("int64").sum().cast("int64"),
        pizzas=cells.quantity.sum().cast("int64"),
        no_total=cells.order_total.isnull().any(),
        no_quantity=cells.quantity.isnull().any(),
    )
    volume = counted.select(
        bin_start=counted.hour + counted.quarter * ibis.interval(minutes=15),
        city=counted.city,
        currency=counted.currency,
        data_source=counted.data_source,
        orders=counted.orders,
        revenue=counted.no_total.ifelse(
            ibis.null("float64"), ((counted.parts + 50) // 100).cast("int64").cast("float64") / 100
        ),
        pizzas=counted.no_quantity.ifelse(ibis.null("int64"), counted.pizzas),
    )
    return volume.order_by("bin_start", "city", "currency")
