"""What a feed states: the lines of some days, checked and with the warehouse's keys.

Belongs here: checking and keying the lines, in Arrow. Does not belong here: the database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pizza_assets.errors import ContractError
from pizza_assets.retail.business_days import days_of_sale
from pizza_assets.retail.contract import QUANTITY_TYPE, UNKNOWN, sales_schema
from pizza_assets.retail.totals import unexplained

#: What makes a fact of a retailer this fact: a receipt's number is unique on one day at most.
FACT_KEY = ["date_key", "transaction_id", "line"]
#: What a fact says as the line does.
_AS_STATED = ["quantity", "unit_price", "discount", "total_amount", "currency", "data_source", "source_day"]


@dataclass(frozen=True)
class Feed:
    """A day of a retailer as its feed gave it: its good lines, and how many were rejected before.

    Stores in cities that we do not know are in `time_zone`.
    """

    source_day: date
    sales: pa.Table
    rejected: int = 0
    time_zone: str = "UTC"


_NONE = pa.scalar(Decimal(0), QUANTITY_TYPE)


def check_feed(feed: Feed, retailer_id: str) -> None:
    """Raise ContractError unless the feed's lines keep the contract of sales as far as the facts rest on it."""
    sales = feed.sales
    where = f"{retailer_id} {feed.source_day}"
    if sales.schema.names != sales_schema().names or sales.schema.types != sales_schema().types:
        raise ContractError(f"{where}: expected the columns {sales_schema().names} with the contract's types.")
    required = [field.name for field in sales_schema() if not field.nullable]
    problems = {
        "lines without a value where one is required": sum(sales[name].null_count for name in required),
        "lines of another retailer": _count(pc.not_equal(sales["retailer_id"], retailer_id)),
        "lines without a quantity": _count(pc.equal(sales["quantity"], _NONE)),
        "lines whose total is not quantity x price, less the discount": _count(unexplained(sales)),
        "lines that come twice": sales.num_rows - _different_lines(feed),
        "sources beside the first (a day is all real or all mock)": max(0, len(pc.unique(sales["data_source"])) - 1),
    }
    found = [f"{count} {problem}" for problem, count in problems.items() if count]
    if found:
        raise ContractError(f"{where} was not loaded: {', '.join(found)}. Materialize its raw data again.")


def _count(mask: pa.ChunkedArray) -> int:
    return pc.sum(mask).as_py() or 0


def _different_lines(feed: Feed) -> int:
    sales = feed.sales
    day = days_of_sale(sales["sold_at"], sales["store_city"], feed.time_zone)
    keyed = pa.table({"day": day, "transaction_id": sales["transaction_id"], "line": sales["line"]})
    return int(keyed.group_by(["day", "transaction_id", "line"]).aggregate([]).num_rows)


def lines_of(feeds: Sequence[Feed]) -> pa.Table:
    """Return the lines of all feeds as one table, with their ``source_day`` and ``date_key``."""
    tables = [
        feed.sales.append_column(
            "source_day", pa.array(np.full(feed.sales.num_rows, feed.source_day, "datetime64[D]"))
        ).append_column("date_key", date_keys(feed.sales["sold_at"], feed.sales["store_city"], feed.time_zone))
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


def date_keys(sold_at: pa.ChunkedArray, store_city: pa.ChunkedArray, time_zone: str) -> pa.ChunkedArray:
    """Return the calendar day at the store as YYYYMMDD; stores in cities that we do not know are in `time_zone`."""
    days = days_of_sale(sold_at, store_city, time_zone)
    distinct = pc.unique(days)
    numbers = pa.array([day.year * 10000 + day.month * 100 + day.day for day in distinct.to_pylist()], pa.int32())
    return pc.take(numbers, pc.index_in(days, distinct))


def facts_of(lines: pa.Table, keys: Mapping[str, Mapping[str, int]]) -> pa.Table:
    """Return what the lines state, one row per line and source day, sorted by the facts' key.

    Parameters
    ----------
    lines
        As `lines_of` returns them.
    keys
        For ``product_sku``, ``customer_id`` and ``store_id`` the surrogate key of each value.

    Returns
    -------
    Table
        The columns that are copied to the database, instants as UTC without a zone.
    """
    facts = pa.table(
        {
            "transaction_id": lines["transaction_id"],
            "line": lines["line"],
            "product_key": looked_up(lines["product_sku"], keys["product_sku"]),
            "date_key": lines["date_key"],
            "customer_key": looked_up(lines["customer_id"], keys["customer_id"]),
            "store_key": looked_up(lines["store_id"], keys["store_id"]),
            "sold_at": pc.cast(lines["sold_at"], pa.timestamp("us")),
            **{name: lines[name] for name in _AS_STATED},
            "is_return": pc.less(lines["quantity"], _NONE),
        }
    )
    return facts.sort_by([(name, "ascending") for name in (*FACT_KEY, "source_day")])
