"""What a feed states: one row per product and transaction, out of the lines of some days.

Belongs here: checking, summing and keying the lines, in Arrow. Does not belong here: the database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pizza_assets.errors import ContractError
from pizza_assets.reference import cities
from pizza_assets.retail.contract import UNKNOWN, sales_schema

#: A product and a transaction, within one feed: what the lines are summed by.
_KEY = ["transaction_id", "product_key", "source_day"]
#: Text that is summed over as the numbers of its values, which is several times quicker.
_CODED = ["transaction_id", "data_source", "currency"]


@dataclass(frozen=True)
class Feed:
    """A day of a retailer as its feed gave it: its good lines, and how many were rejected before."""

    source_day: date
    sales: pa.Table
    rejected: int = 0


def check_feed(feed: Feed, retailer_id: str) -> None:
    """Raise ContractError unless the feed's lines keep the contract of sales as far as the facts rest on it."""
    sales = feed.sales
    where = f"{retailer_id} {feed.source_day}"
    if sales.schema.names != sales_schema().names or sales.schema.types != sales_schema().types:
        raise ContractError(f"{where}: expected the columns {sales_schema().names} with the contract's types.")
    required = [field.name for field in sales_schema() if not field.nullable]
    product = pc.multiply(sales["unit_price"], sales["quantity"])
    problems = {
        "lines without a value where one is required": sum(sales[name].null_count for name in required),
        "lines of another retailer": _count(pc.not_equal(sales["retailer_id"], retailer_id)),
        "lines with a quantity below 1": _count(pc.less(sales["quantity"], 1)),
        "lines whose total is not quantity x price": _count(pc.not_equal(sales["total_amount"], product)),
        "lines that come twice": sales.num_rows - sales.group_by(["transaction_id", "line"]).aggregate([]).num_rows,
        "sources beside the first (a day is all real or all mock)": max(0, len(pc.unique(sales["data_source"])) - 1),
    }
    found = [f"{count} {problem}" for problem, count in problems.items() if count]
    if found:
        raise ContractError(f"{where} was not loaded: {', '.join(found)}. Materialize its raw data again.")


def _count(mask: pa.ChunkedArray) -> int:
    return pc.sum(mask).as_py() or 0


def lines_of(feeds: Sequence[Feed]) -> pa.Table:
    """Return the lines of all feeds as one table, with their ``source_day``."""
    tables = [
        feed.sales.append_column("source_day", pa.array(np.full(feed.sales.num_rows, feed.source_day, "datetime64[D]")))
        for feed in feeds
    ]
    return pa.concat_tables(tables)


def newest_attributes(lines: pa.Table, key: str, attributes: Sequence[str]) -> pa.Table:
    """Return one row per `key`, sorted, with the attributes that its newest line tells and that line's ``as_of``.

    Of lines sold at one instant the greatest attributes count, so that the order of lines does not matter.
    """
    variants = lines.group_by([key, *attributes, "source_day"]).aggregate([("sold_at", "max")])
    order = [(name, "ascending") for name in (key, "source_day", "sold_at_max", *attributes)]
    ordered = variants.sort_by(order)
    newest = ordered.group_by(key, use_threads=False).aggregate(
        [(name, "last") for name in (*attributes, "source_day")]
    )
    return newest.rename_columns([key, *attributes, "as_of"])


def looked_up(values: pa.ChunkedArray, keys: Mapping[str, int]) -> pa.ChunkedArray:
    """Return the key of each value; 0, the unknown member, for null and 'unknown'."""
    known = {value: key for value, key in keys.items() if value != UNKNOWN}
    if not known:
        return pa.chunked_array([np.zeros(len(values), "int32")])
    places = pc.index_in(values, pa.array(known.keys(), pa.string()))
    return pc.fill_null(pc.take(pa.array(known.values(), pa.int32()), places), 0)


def date_keys(sold_at: pa.ChunkedArray, store_city: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the calendar day at the store as YYYYMMDD; days of unknown cities are UTC."""
    zones = {
        city: cities()[city].time_zone if city in cities() else "UTC" for city in pc.unique(store_city).to_pylist()
    }
    days = pc.cast(sold_at, pa.date32())
    for zone in sorted({*zones.values()} - {"UTC"}):
        here = pc.is_in(store_city, pa.array([city for city, its in zones.items() if its == zone]))
        local = pc.cast(pc.local_timestamp(pc.cast(sold_at, pa.timestamp("us", str(ZoneInfo(zone))))), pa.date32())
        days = pc.if_else(here, local, days)
    distinct = pc.unique(days)
    numbers = pa.array([day.year * 10000 + day.month * 100 + day.day for day in distinct.to_pylist()], pa.int32())
    return pc.take(numbers, pc.index_in(days, distinct))


def facts_of(lines: pa.Table, keys: Mapping[str, Mapping[str, int]]) -> pa.Table:
    """Return what the lines state, one row per transaction, product and source day, sorted by these.

    Parameters
    ----------
    lines
        As `lines_of` returns them.
    keys
        For ``product_sku``, ``customer_id`` and ``store_id`` the surrogate key of each value.

    Returns
    -------
    Table
        The columns that are copied to the database, instants as UTC without a zone. Lines of one product are
        summed; their price is the common one, or the mean to four places.
    """
    coded = {name: lines[name].combine_chunks().dictionary_encode() for name in _CODED}
    product_key = looked_up(lines["product_sku"], keys["product_sku"])
    keyed = pa.table(
        {
            **{name: column.indices for name, column in coded.items()},
            "fact": _numbered(coded["transaction_id"].indices, product_key, lines["source_day"]),
            "product_key": product_key,
            "source_day": lines["source_day"],
            "date_key": date_keys(lines["sold_at"], lines["store_city"]),
            "customer_key": looked_up(lines["customer_id"], keys["customer_id"]),
            "store_key": looked_up(lines["store_id"], keys["store_id"]),
            "sold_at": pc.cast(lines["sold_at"], pa.timestamp("us")),
            "quantity": lines["quantity"],
            "unit_price": lines["unit_price"],
            "total_amount": lines["total_amount"],
        }
    )
    least = ["product_key", "source_day", "date_key", "customer_key", "store_key", "sold_at"]
    # One thread: on whole numbers the hash is so quick that handing rows to other threads costs more.
    grouped = keyed.group_by("fact", use_threads=False).aggregate(
        [
            *((name, "min") for name in (*least, *_CODED, "unit_price")),
            *((name, "max") for name in ("unit_price", "currency")),
            *((name, "sum") for name in ("quantity", "total_amount")),
            ([], "count_all"),
        ]
    )
    columns = {name: grouped[f"{name}_min"] for name in least}
    columns |= {name: pc.take(column.dictionary, grouped[f"{name}_min"]) for name, column in coded.items()}
    mixed = pc.not_equal(grouped["currency_min"], grouped["currency_max"])
    if pc.any(mixed).as_py():
        example = pc.filter(columns["transaction_id"], mixed)[0]
        raise ContractError(f"Transaction {example} has one product in two currencies; they cannot be summed.")
    columns |= {
        "quantity": grouped["quantity_sum"],
        "unit_price": _price(grouped),
        "total_amount": grouped["total_amount_sum"],
        "line_count": grouped["count_all"],
    }
    return pa.table(columns).sort_by([(name, "ascending") for name in _KEY])


def _numbered(transactions: pa.Array, product_keys: pa.ChunkedArray, days: pa.ChunkedArray) -> pa.Array:
    """Return one whole number per transaction, product and day: rows with the same number make one fact."""
    day = pc.cast(days, pa.int32()).to_numpy().astype("int64")
    product = product_keys.to_numpy().astype("int64")
    day -= day.min(initial=day[0] if len(day) else 0)
    numbers = (transactions.to_numpy().astype("int64") * (product.max(initial=0) + 1) + product) * (
        day.max(initial=0) + 1
    )
    return pa.array(numbers + day)


def _price(grouped: pa.Table) -> pa.ChunkedArray:
    """Return the price of one item: the common one, else the mean to four places."""
    price = pc.cast(grouped["unit_price_min"], pa.decimal128(14, 4))
    several = pc.not_equal(grouped["unit_price_min"], grouped["unit_price_max"])
    if not pc.any(several).as_py():
        return price
    mean = pc.divide(pc.cast(grouped["total_amount_sum"], pa.decimal128(16, 2)), grouped["quantity_sum"])
    rounded = pc.round(mean, 4, round_mode="half_towards_infinity")
    return pc.if_else(several, pc.cast(rounded, pa.decimal128(14, 4)), price)
