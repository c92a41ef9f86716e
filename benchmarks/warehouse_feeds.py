"""Do checks and views say what pandas says? ``python -m benchmarks.warehouse_feeds`` (minutes). Exits 1 if not.

Each seed is twelve days of three retailers with returns, discounts, weighed goods, late lines, corrections, receipt
numbers that are used again, products that are renamed and a currency that changes, loaded in a random order. The checks
(six of each retailer's day, one of each retailer: 22 for the newest day) and the six views are then compared with a
plain recomputation.
BENCH_WAREHOUSE_URL names a server instead of the embedded one.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.warehouse import fresh, server
from pizza_assets.reference import cities
from pizza_assets.retail.contract import RETAILER_IDS, sales_schema
from pizza_assets.warehouse.calendar import MatchDate, mark_match_dates
from pizza_assets.warehouse.connection import Connection
from pizza_assets.warehouse.contract import VIEWS
from pizza_assets.warehouse.loader import load_day
from pizza_assets.warehouse.marts import refresh
from pizza_assets.warehouse.quality import check_day, check_retailers

#: The days are in two months, two quarters and three ISO weeks.
FIRST, DAYS = date(2025, 3, 27), 12
RETAILERS = {"retailer_1": "real", "retailer_2": "mock", "retailer_3": "mock"}
_CENT = Decimal("0.01")
Feeds = Mapping[tuple[str, date], list[dict[str, Any]]]
Rows = list[tuple[Any, ...]]


def make_feeds(seed: int) -> Feeds:
    """Return the lines of each retailer and day; some days have no feed."""
    rng = np.random.default_rng(seed)
    feeds: dict[tuple[str, date], list[dict[str, Any]]] = {}
    for retailer, source in RETAILERS.items():
        before: list[dict[str, Any]] = []
        for number in range(DAYS):
            day = FIRST + timedelta(days=number)
            own = list(_receipts(rng, retailer, source, day, number))
            if rng.random() < 0.9:
                feeds[retailer, day] = own + _of_the_day_before(rng, before)
            before = own
    return feeds


def _receipts(rng: np.random.Generator, retailer: str, source: str, day: date, number: int) -> Iterator[dict[str, Any]]:
    for receipt in range(rng.integers(3, 15)):
        sold_at = datetime.combine(day, time(12), UTC) + timedelta(minutes=int(rng.integers(0, 720)))
        head = {
            "retailer_id": retailer,
            "transaction_id": f"R{receipt}",  # the next day uses it again
            "sold_at": sold_at,
            "customer_id": [None, "C1", "C2", "C3"][rng.integers(4)],
            "store_id": ["S1", "S2", "unknown"][rng.integers(3)],
            "currency": "EUR" if retailer == "retailer_3" and number > DAYS // 2 else "GBP",
            "data_source": source,
        }
        head["store_city"] = {"S1": "Leeds", "S2": "New York", "unknown": "unknown"}[head["store_id"]]
        for line in range(1, rng.integers(2, 5)):
            yield {**head, "line": line, **_goods(rng, number)}


def _goods(rng: np.random.Generator, number: int) -> dict[str, Any]:
    product = int(rng.integers(5))
    quantity = Decimal(int(rng.integers(1, 7)))
    if product == 0:
        quantity = Decimal(int(rng.integers(50, 2000))).scaleb(-3)
    price = Decimal(int(rng.integers(0, 900))).scaleb(-2)
    gross = (quantity * price).quantize(_CENT, ROUND_HALF_UP)
    discount = (gross * Decimal(int(rng.integers(0, 5))) / 10).quantize(_CENT) if rng.random() < 0.3 else Decimal(0)
    sign = -1 if rng.random() < 0.15 else 1
    return {
        "product_sku": f"P{product}",
        "product_name": f"Product {product}" + (", renamed" if number > 6 else ""),
        "category": ["weighed", "frozen pizza", "drinks"][product % 3],
        "quantity": sign * quantity,
        "unit_price": price,
        "discount": sign * discount,
        "total_amount": sign * (gross - discount),
    }


def _of_the_day_before(rng: np.random.Generator, lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return corrections of lines of the day before, and lines that come late."""
    numbers = count(10)
    found = []
    for line in lines:
        # Later ones are of the next day at some shops, and their numbers may be taken there.
        kind = rng.random() if line["sold_at"].hour < 22 else 1.0
        if kind < 0.1:
            found.append({**line, **_goods(rng, 0)})
        elif kind < 0.2:
            found.append({**line, "line": next(numbers), **_goods(rng, 0)})
        elif kind < 0.25:
            found.append(dict(line))
    return found


def load(connection: Connection, feeds: Feeds, seed: int) -> None:
    """Load the feeds in a random order, a quarter of them twice, and refresh the views."""
    rng = np.random.default_rng(seed)
    order = [*feeds, *[key for key in feeds if rng.random() < 0.25]]
    for at in rng.permutation(len(order)):
        retailer, day = order[at]
        lines = pa.Table.from_pylist(feeds[retailer, day], sales_schema())
        load_day(connection, lines, retailer_id=retailer, source_day=day, replace=bool(rng.random() < 0.5))
        if rng.random() < 0.1:
            refresh(connection)
    days = [MatchDate(FIRST + timedelta(days=number), number % 3, "mock") for number in range(DAYS)]
    mark_match_dates(connection, days)
    refresh(connection)


def statements(feeds: Feeds) -> pd.DataFrame:
    """Return every statement, with the day of its sale and whether it is a fact: the newest one of its line."""
    frame = pd.DataFrame([{**line, "source_day": day} for (_, day), lines in feeds.items() for line in lines])
    zones = {
        city: ZoneInfo(cities()[city].time_zone) if city in cities() else UTC for city in frame["store_city"].unique()
    }
    frame["sale_date"] = [
        at.astimezone(zones[city]).date() for at, city in zip(frame["sold_at"], frame["store_city"], strict=True)
    ]
    key = ["retailer_id", "sale_date", "transaction_id", "line"]
    frame = frame.sort_values([*key, "source_day"], ignore_index=True)
    frame["is_fact"] = ~frame.duplicated(key, keep="last")
    names = frame.sort_values(["source_day", "sold_at", "product_name", "category"])
    newest = names.groupby(["retailer_id", "product_sku"])[["product_name", "category"]].last()
    return frame.drop(columns=["product_name", "category"]).join(newest, on=["retailer_id", "product_sku"])


def views(facts: pd.DataFrame) -> dict[str, Rows]:
    """Return what the six views should say, by the names of their columns."""
    facts = facts.assign(
        receipt=[f"{day} {number}" for day, number in zip(facts["sale_date"], facts["transaction_id"], strict=True)],
        month_start=[day.replace(day=1) for day in facts["sale_date"]],
        iso_year=[day.isocalendar().year for day in facts["sale_date"]],
        iso_week=[day.isocalendar().week for day in facts["sale_date"]],
        week_start=[day - timedelta(days=day.weekday()) for day in facts["sale_date"]],
        iso_day_of_week=[day.isoweekday() for day in facts["sale_date"]],
        year=[day.year for day in facts["sale_date"]],
        quarter=[(day.month + 2) // 3 for day in facts["sale_date"]],
        is_match_date=[bool((day - FIRST).days % 3) for day in facts["sale_date"]],
        matches_source="mock",
    )
    marks, labels = ["is_match_date", "matches_source"], ["currency", "data_source"]
    product = ["product_sku", "product_name", "category"]
    outside = [not 0 <= (day - FIRST).days < DAYS for day in facts["sale_date"]]
    facts = facts.astype(dict.fromkeys(marks, object))
    facts.loc[outside, marks] = None
    daily = _summed(facts, ["sale_date", "iso_day_of_week", *marks, "retailer_id", *labels])
    monthly = _summed(facts, ["month_start", "retailer_id", "category", *labels])
    of_month = monthly.groupby(["month_start", "retailer_id", *labels])["net_revenue"].transform("sum")
    monthly["share_of_month"] = [
        net / all_ if all_ > 0 else None for net, all_ in zip(monthly["net_revenue"], of_month, strict=True)
    ]
    top = _summed(facts, ["retailer_id", *product, *labels])
    top = top.sort_values(["net_revenue", "product_sku"], ascending=[False, True])
    top["revenue_rank"] = top.groupby(["retailer_id", *labels]).cumcount() + 1
    weekly = _summed(facts, ["iso_year", "iso_week", "week_start", "retailer_id", *labels])
    whole = {
        (row.week_start, row.retailer_id, row.currency, row.data_source): row.net_revenue
        for row in weekly.itertuples() if row.days == 7
    }  # fmt: skip
    last = [
        whole.get((row.week_start - timedelta(days=7), row.retailer_id, row.currency, row.data_source))
        if row.days == 7
        else None
        for row in weekly.itertuples()
    ]
    weekly = weekly.assign(
        previous_revenue=pd.Series(last, dtype=object),
        change=pd.Series(
            [net / old - 1 if old and old > 0 else None for net, old in zip(weekly["net_revenue"], last, strict=True)],
            dtype=object,
        ),
    )
    found = {
        "mv_daily_sales_summary": daily,
        "mv_monthly_sales_by_category": monthly,
        "mv_top_products_by_revenue": top,
        "mv_weekly_sales_trends": weekly,
        "mv_quarterly_sales_summary": _summed(facts, ["year", "quarter", "retailer_id", *labels]),
        "mv_daily_sales_by_product": _summed(facts, ["sale_date", *marks, "retailer_id", *product, *labels]),
    }
    return {name: _comparable(frame[[*VIEWS[name].columns]].values.tolist()) for name, frame in found.items()}


def _summed(facts: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    nothing = Decimal(0)

    def sums(of: pd.DataFrame) -> dict[str, Any]:
        sold, back = of[of["quantity"] > 0], of[of["quantity"] < 0]
        net = sum(of["total_amount"], nothing)
        # A receipt is counted once for each day and product where the view adds up days and products.
        receipts = of.drop_duplicates(["receipt", "product_sku"] if "product_name" in by else ["receipt"])
        return {
            "transactions": len(receipts),
            "customers": of["customer_id"].nunique(),
            "facts": len(of),
            "days": of["sale_date"].nunique(),
            "net_quantity": sum(of["quantity"], nothing),
            "returned_quantity": -sum(back["quantity"], nothing),
            "gross_revenue": sum(sold["total_amount"] + sold["discount"], nothing),
            "discounts": sum(sold["discount"], nothing),
            "returns": -sum(back["total_amount"], nothing),
            "net_revenue": net,
            "revenue_per_transaction": (net / len(receipts)).quantize(_CENT, ROUND_HALF_UP),
        }

    groups = facts.groupby(by, dropna=False, sort=False)
    return pd.DataFrame([{**dict(zip(by, key, strict=True)), **sums(of)} for key, of in groups])


def checks(said: pd.DataFrame, feeds: Feeds, retailer: str, day: date) -> Rows:
    """Return what the six checks of a retailer's day should say: name, passed and what was observed."""
    of_day = said[(said["retailer_id"] == retailer) & (said["source_day"] == day)]
    stated, known = len(of_day), (of_day["store_id"] != "unknown").mean()
    wrong = sum(
        abs(line.total_amount + line.discount - line.quantity * line.unit_price) >= _CENT
        and abs(line.total_amount + line.discount - line.quantity * line.unit_price) > abs(line.quantity) * _CENT / 2
        for line in of_day.itertuples()
    )
    earlier = {before: len(lines) for (who, before), lines in feeds.items() if who == retailer and before < day}
    recent = [*earlier.values()]
    usual = (min(recent), max(recent)) if len(recent) >= 7 else None
    newest = of_day["sale_date"].max()
    return [
        ("counts_reconcile", stated == len(feeds[retailer, day]), f"{stated} statements kept"),
        ("completeness", known >= 0.99, f"{known:.1%} of {stated} facts know their product and store"),
        ("volume", usual is None or usual[0] / 2 <= stated <= usual[1] * 2, f"{stated} facts stated"),
        ("totals", wrong == 0, f"{wrong} facts whose total does not follow from quantity, price and discount"),
        ("referential_integrity", True, "0 facts without a member of a dimension, 5 foreign keys in force"),
        ("freshness", newest >= day, f"the newest sale is of {newest}"),
    ]


def _comparable(rows: Sequence[Sequence[Any]]) -> Rows:
    """Return rows in one order, money without its scale and shares to twelve places."""
    return sorted((tuple(_plain(value) for value in row) for row in rows), key=repr)


def _plain(value: Any) -> Any:  # noqa: ANN401 whatever a view holds
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    return round(float(value), 10) if isinstance(value, Decimal | float) else value


def differences(connection: Connection, seed: int) -> tuple[list[str], int]:
    """Load a seed's feeds into an empty warehouse; return what differs, and how many results were compared."""
    feeds = make_feeds(seed)
    load(connection, feeds, seed)
    said = statements(feeds)
    wrong, compared = [], 0
    for name, expected in views(said[said["is_fact"]]).items():
        columns = ", ".join(VIEWS[name].columns)
        found = _comparable(connection.execute(f"SELECT {columns} FROM marts.{name}".encode()).fetchall())  # noqa: S608 names of the contract
        compared += 1
        wrong += [f"{name}: {row}" for row in set(expected) ^ set(found)]
    for retailer, day in feeds:
        found = [
            (name, result.status == "passed", result.figures["found"])
            for name, result in check_day(connection, retailer, day).items()
        ]
        expected = checks(said, feeds, retailer, day)
        compared += len(expected)
        wrong += [
            f"{retailer} {day}: {one} is not {other}"
            for one, other in zip(found, expected, strict=True)
            if one != other
        ]
    last = FIRST + timedelta(days=DAYS - 1)
    found = check_retailers(connection, last).figures["missing"]
    expected = " ".join(retailer for retailer in RETAILER_IDS if (retailer, last) not in feeds)
    compared += len(RETAILER_IDS)
    wrong += [f"{last}: missing {found}, not {expected}"] if found != expected else []
    return wrong, compared


def main(arguments: list[str], shown: Callable[[str], None] = print) -> int:
    """Compare seeds and say what differs; return 1 where something does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    seeds = parser.parse_args(arguments).seeds
    bad = total = 0
    with server() as address:
        for seed in range(seeds):
            with fresh(address, "bench_feeds") as connection:
                wrong, compared = differences(connection, seed)
            total += compared
            bad += bool(wrong)
            for line in wrong[:5]:
                shown(f"seed {seed}: {line}")
    shown(f"{seeds} seeds, {total:,} checks and views compared, {bad} seeds differ")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
