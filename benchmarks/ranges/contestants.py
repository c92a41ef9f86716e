"""What is compared: each a function that does its work on a lake and returns the number of orders that it counted.

Every one of them runs in a process of its own (``python -m benchmarks.ranges.contestants NAME LAKE FIRST LAST``), which
prints the CPU-seconds of the work alone and of the whole process, with its children.
"""

import json
import os
import resource
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.parquet as pq

from pizza_assets.analysis import volume
from pizza_assets.cli import main
from pizza_assets.contracts import ORDER_VOLUME, from_arrow
from pizza_assets.lake import formats, layout
from pizza_assets.lake.store import LocalStore
from pizza_assets.lake.tables import DailyTable

#: The roll-up as somebody writes it who knows DuckDB: sums are exact, as ours are.
BEST_QUERY = """
    SELECT epoch_us(timestamp) // 900000000 AS bin, city, currency, data_source, count(*) AS orders,
        sum(CAST(floor(order_total * 10000 + 0.5) AS BIGINT)) AS parts, sum(quantity) AS pizzas,
        bool_or(order_total IS NULL) AS no_total, bool_or(quantity IS NULL) AS no_quantity
    FROM read_parquet($files) GROUP BY ALL ORDER BY ALL
"""


def files(lake: Path) -> list[str]:
    """Return the files of orders of a lake."""
    return sorted(map(str, (lake / layout.RAW_ORDERS.prefix / "mock").rglob("*.parquet")))


def decode(lake: Path, _: date, __: date) -> int:
    """Decode the columns that the roll-up needs, and nothing else: the floor."""
    return sum(len(pq.read_table(file, columns=list(volume.COLUMNS))) for file in files(lake))


def by_duckdb(lake: Path, _: date, __: date) -> int:
    """Run the best query."""
    table = duckdb.connect().sql(BEST_QUERY, params={"files": files(lake)}).to_arrow_table()
    return int(sum(table["orders"].to_pylist()))


def by_polars(lake: Path, _: date, __: date) -> int:
    """Do the same in Polars."""
    import polars as pl  # noqa: PLC0415 not among our dependencies

    cells = pl.scan_parquet(files(lake)).group_by(
        pl.col("timestamp").dt.epoch("us") // 900_000_000, "city", "currency", "data_source"
    )
    parts = (pl.col("order_total") * 10_000 + 0.5).floor().cast(pl.Int64).sum()
    found = cells.agg(pl.len().alias("orders"), parts, pl.col("quantity").sum()).collect(engine="streaming")
    return int(found["orders"].sum())


def by_pandas(lake: Path, _: date, __: date) -> int:
    """Do the same in pandas, a file at a time."""
    counted = 0
    for file in files(lake):
        orders = pd.read_parquet(file, columns=list(volume.COLUMNS))
        cells = orders.groupby([orders["timestamp"].dt.floor("15min"), "city", "currency"], observed=True)
        found = cells.agg(orders=("city", "size"), revenue=("order_total", "sum"), pizzas=("quantity", "sum"))
        counted += int(found["orders"].sum())
    return counted


def pure(lake: Path, first: date, last: date) -> int:
    """Roll up as the asset does, without Dagster and without storing it."""
    orders = DailyTable(LocalStore(lake), layout.RAW_ORDERS, volume.COLUMNS)
    days = [day for day in orders if first <= day <= last]
    return sum(int(volume.roll_up(orders.arrow(day, volume.REPEATING))["orders"].sum()) for day in days)


def roll_up(lake: Path, _: date, __: date) -> int:
    """Run the command ``roll-up``."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "volume.parquet")
        main(
            ["roll-up", "--orders", str(lake / layout.RAW_ORDERS.prefix / "mock"), "--output", str(output)],
            standalone_mode=False,
        )
        return int(from_arrow(pq.read_table(output), ORDER_VOLUME)["orders"].sum())


def _backfill(lake: Path, first: date, last: date, select: str) -> None:
    os.environ["PIZZA_LAKE"] = str(lake)
    with tempfile.TemporaryDirectory() as home:
        os.environ["DAGSTER_HOME"] = home
        arguments = ["backfill", "--from", str(first), "--to", str(last), "--select", select]
        try:
            main(arguments, standalone_mode=False)
        except SystemExit as ended:
            if ended.code:
                raise


def backfill(lake: Path, first: date, last: date) -> int:
    """Roll up through Dagster, and store it."""
    _backfill(lake, first, last, "order_volume")
    return int(DailyTable(LocalStore(lake), layout.ORDER_VOLUME).between(first, last)["orders"].sum())


def read_and_write(lake: Path, first: date, last: date) -> int:
    """Read orders whole and write merged ones: the floor of merging."""
    store, rows = LocalStore(lake), 0
    orders, merged = (DailyTable(store, where) for where in (layout.RAW_ORDERS, layout.MERGED_ORDERS))
    for day in merged:
        if first <= day <= last:
            rows += len(orders.arrow(day))
            with tempfile.NamedTemporaryFile() as file:
                file.write(formats.table_bytes(merged.arrow(day)))
                os.fsync(file.fileno())
    return rows


def merge(lake: Path, first: date, last: date) -> int:
    """Merge orders with matches through Dagster."""
    _backfill(lake, first, last, "merged_orders")
    return 0


def one_day(lake: Path, _: date, last: date) -> int:
    """Make the day after the last one, all of it."""
    _backfill(lake, last + timedelta(days=1), last + timedelta(days=1), "*")
    return 0


def season(lake: Path, first: date, last: date) -> int:
    """Make a season of mock days, all of it."""
    _backfill(lake, first, last, "*")
    return 0


CONTESTANTS: Mapping[str, Callable[[Path, date, date], int]] = {
    "decode": decode,
    "DuckDB": by_duckdb,
    "Polars": by_polars,
    "pandas": by_pandas,
    "ours, pure": pure,
    "ours, roll-up": roll_up,
    "ours, backfill": backfill,
    "read and write": read_and_write,
    "ours, merged": merge,
    "ours, one day": one_day,
    "ours, season": season,
}


def _seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(of.ru_utime + of.ru_stime for of in used)


def work(name: str, lake: Path, first: date, last: date) -> dict[str, float]:
    """Let one do its work, and return orders counted and CPU-seconds: of the work, and of the process so far."""
    before = _seconds()
    counted = CONTESTANTS[name](lake, first, last)
    return {"orders": counted, "work": _seconds() - before, "process": _seconds()}


if __name__ == "__main__":
    named, place, *span = sys.argv[1:]
    print(json.dumps(work(named, Path(place), *map(date.fromisoformat, span))))
