"""Orders to volume: counts per city and 15 minutes.

Belongs here: the roll-up that every analysis reads instead of the orders, on arrays of a day and as an expression
for engines. Does not belong here: windows. Both give the same bytes: totals are summed as whole ten-thousandths,
which are exact in whatever order they are added.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow

from pizza_assets import contracts
from pizza_assets.analysis.columns import codes, microseconds

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: Parts of a unit of currency in which totals are summed: finer than any currency's coins.
_PARTS = 10_000
_BIN_SECONDS = 15 * 60
#: What engines call the microseconds since 1970 of an instant; Ibis has a name for seconds alone, and no quick one.
_MICROSECONDS = {"duckdb": "epoch_us", "pyspark": "unix_micros"}
#: Columns that the roll-up reads; the reader decodes no others, and those that repeat as dictionaries.
COLUMNS = ("timestamp", "order_total", "quantity", "data_source", "city", "currency")
REPEATING = ("data_source", "city", "currency")


def roll_up(orders: pyarrow.Table | pd.DataFrame) -> pd.DataFrame:
    """Count orders in bins of 15 minutes.

    Parameters
    ----------
    orders
        One day of DOMINOS_ORDERS, at least the columns in ``COLUMNS``; all of one data source. Quickest as an Arrow
        table whose ``REPEATING`` columns are dictionaries.

    Returns
    -------
    DataFrame
        ORDER_VOLUME, sorted by bin, city and currency. Bins without orders have no row.
    """
    if isinstance(orders, pd.DataFrame):
        orders = pyarrow.Table.from_pandas(orders[list(COLUMNS)], preserve_index=False)
    if not len(orders):
        return contracts.empty(contracts.ORDER_VOLUME)
    bins = microseconds(orders["timestamp"]) // (_BIN_SECONDS * 1_000_000)
    first = int(bins.min())
    city, cities = codes(orders["city"])
    currency, currencies = codes(orders["currency"])
    cell = bins  # in place: an array of each step would double the time
    cell -= first
    cell *= len(cities)
    cell += city
    if len(currencies) > 1:
        cell *= len(currencies)
        cell += currency
    counts = np.bincount(cell)
    filled = np.flatnonzero(counts)
    in_parts = orders["order_total"].to_numpy() * _PARTS
    in_parts += 0.5
    parts, no_total = _sums(cell, np.floor(in_parts, out=in_parts), filled)
    pizzas, no_quantity = _sums(cell, orders["quantity"].to_numpy(), filled)
    starts = (filled // len(currencies) // len(cities) + first) * _BIN_SECONDS
    volume = pd.DataFrame(
        {
            "bin_start": pd.DatetimeIndex(starts.astype("datetime64[s]").astype("datetime64[us]"), tz="UTC"),
            "city": cities[filled // len(currencies) % len(cities)],
            "currency": currencies[filled % len(currencies)],
            "data_source": orders["data_source"][0].as_py(),
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
    unknown = np.isnan(values) if values.dtype.kind == "f" else np.zeros(1, dtype=bool)
    if not unknown.any():
        return np.bincount(cell, values)[filled].astype("int64"), np.zeros(len(filled), dtype=bool)
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

    # Truncating an instant that has a time zone takes four times as long as dividing its microseconds.
    since_1970 = ibis.udf.scalar.builtin(
        lambda at: at, name=_MICROSECONDS[orders.get_backend().name], signature=(("timestamp",), "int64")
    )
    cells = orders.mutate(bin=since_1970(orders.timestamp) // (_BIN_SECONDS * 1_000_000))
    counted = cells.group_by("bin", "city", "currency", "data_source").agg(
        orders=cells.count(),
        parts=(cells.order_total * _PARTS + 0.5).floor().cast("int64").sum().cast("int64"),
        pizzas=cells.quantity.sum().cast("int64"),
        no_total=cells.order_total.isnull().any(),
        no_quantity=cells.quantity.isnull().any(),
    )
    volume = counted.select(
        bin_start=(counted.bin * _BIN_SECONDS).as_timestamp("s"),
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
