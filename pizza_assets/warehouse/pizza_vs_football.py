"""Pizza against football in the warehouse: sales as the analysis takes them, and the table of what it found.

Belongs here: which retailers and days enter, counting their items, replacing the table. Does not belong here: what
is estimated of them (``analysis.categories``).

**What enters.** Sales of one source are counted over retailers on the days that all of these are observed on, for a
retailer that is missing on a day would look like a fall of sales, and one that is new like a rise. Of all groups of
the retailers that sell a category, the one with the most retailer-days in common is taken. Observed is a UTC day when
the feeds of every calendar day that it touches at the retailer's shops are loaded from the source, and none of them
has been archived since: no other day is a zero, it is unknown. Returns take no part, for they do not tell when somebody
wanted pizza; a weighed line is one item.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import UTC, date, datetime, time, timedelta
from itertools import combinations
from zoneinfo import ZoneInfo

import pandas as pd
from psycopg.sql import Identifier

from pizza_assets.analysis.categories import CategorySales
from pizza_assets.analysis.grid import instants_of
from pizza_assets.analysis.windows import BIN_MINUTES
from pizza_assets.contracts import to_arrow
from pizza_assets.platform.columns import Source
from pizza_assets.reference import cities
from pizza_assets.warehouse.connection import Connection
from pizza_assets.warehouse.contract import PIZZA_VS_FOOTBALL
from pizza_assets.warehouse.copying import copy_in

_ONE_DAY = timedelta(days=1)

_NEWEST = "SELECT max(source_day) FROM ops.loaded_day"
_LOADED = """
SELECT r.retailer_id, d.data_source, d.source_day
FROM ops.loaded_day d
JOIN sales.dim_retailer r USING (retailer_key)
WHERE d.data_source IS NOT NULL AND NOT EXISTS (
    SELECT FROM ops.archive a
    WHERE a.retailer_key = d.retailer_key AND a.month = date_trunc('month', d.source_day)::date
    AND a.archived_at > d.loaded_at
)
"""
_SHOPS = """
SELECT DISTINCT r.retailer_id, s.city FROM sales.dim_store s JOIN sales.dim_retailer r USING (retailer_key)
"""
_SELLERS = """
SELECT f.data_source, p.category, array_agg(DISTINCT r.retailer_id)
FROM sales.fact_sales f
JOIN sales.dim_product p USING (product_key)
JOIN sales.dim_retailer r ON r.retailer_key = f.retailer_key
WHERE f.sold_at >= %(start)s AND f.sold_at < %(end)s AND NOT f.is_return
GROUP BY f.data_source, p.category
ORDER BY f.data_source DESC, p.category
"""
_ITEMS = f"""
SELECT s.city, floor(extract(epoch FROM f.sold_at) / {BIN_MINUTES * 60})::bigint AS bin,
       sum(CASE WHEN f.quantity = trunc(f.quantity) THEN f.quantity ELSE 1 END)::bigint
FROM sales.fact_sales f
JOIN sales.dim_product p USING (product_key)
JOIN sales.dim_store s USING (store_key)
JOIN sales.dim_retailer r ON r.retailer_key = f.retailer_key
WHERE f.sold_at >= %(start)s AND f.sold_at < %(end)s
AND NOT f.is_return AND f.data_source = %(source)s AND p.category = %(category)s AND r.retailer_id = ANY(%(retailers)s)
GROUP BY 1, 2
"""  # noqa: S608 a number of ours


def newest_day(connection: Connection) -> date | None:
    """Return the newest day that any retailer is loaded for; None for an empty warehouse."""
    row = connection.execute(_NEWEST).fetchone()
    return row[0] if row else None


def observed_days(loaded: Set[date], time_zones: Set[str]) -> set[date]:
    """Return the UTC days whose every moment lies in a calendar day of `loaded`, in all of these time zones."""
    zones = [ZoneInfo(name) for name in time_zones]
    around = {day + number * _ONE_DAY for day in loaded for number in (-1, 0, 1)}

    def touched(day: date) -> Iterator[date]:
        start = datetime.combine(day, time(), UTC)
        for zone in zones:
            yield start.astimezone(zone).date()
            yield (start + _ONE_DAY - timedelta(microseconds=1)).astimezone(zone).date()

    return {day for day in around if loaded >= set(touched(day))}


def compared(observed: Mapping[str, Set[date]]) -> tuple[tuple[str, ...], set[date]]:
    """Return the retailers that are counted together, and the days that all of them are observed on.

    They are the group with the most retailer-days in common; of several the largest group.

    Parameters
    ----------
    observed
        The days of each retailer, at least one retailer.
    """
    groups = [
        (group, set.intersection(*(set(observed[name]) for name in group)))
        for size in range(1, len(observed) + 1)
        for group in combinations(sorted(observed), size)
    ]
    return max(groups, key=lambda found: (len(found[0]) * len(found[1]), len(found[0])))


def sales_by_category(connection: Connection, first: date, last: date) -> Iterator[CategorySales]:
    """Yield the sales of each source and category in the UTC days from `first` to `last`, real ones first.

    Call it in a transaction of one snapshot (REPEATABLE READ) where loads may commit meanwhile.
    """
    observed = _observed(connection)
    span = {
        "start": datetime.combine(first, time(), UTC),
        "end": datetime.combine(last + _ONE_DAY, time(), UTC),
    }
    for source, category, sellers in connection.execute(_SELLERS, span).fetchall():
        days = {name: {day for day in observed[name, source] if first <= day <= last} for name in sellers}
        retailers, common = compared(days)
        asked = {**span, "source": source, "category": category, "retailers": list(retailers)}
        yield CategorySales(category, source, retailers, _volume(connection, asked, source), common)


def _observed(connection: Connection) -> Mapping[tuple[str, Source], set[date]]:
    zones: dict[str, set[str]] = defaultdict(set)
    for retailer, city in connection.execute(_SHOPS):
        zones[retailer].add(cities()[city].time_zone if city in cities() else "UTC")
    loaded: dict[tuple[str, Source], set[date]] = defaultdict(set)
    for retailer, source, day in connection.execute(_LOADED):
        loaded[retailer, source].add(day)
    return defaultdict(set, {key: observed_days(days, zones[key[0]] or {"UTC"}) for key, days in loaded.items()})


def _volume(connection: Connection, asked: Mapping[str, object], source: Source) -> pd.DataFrame:
    rows: Sequence[tuple[str, int, int]] = connection.execute(_ITEMS, asked).fetchall()
    volume = pd.DataFrame(rows, columns=["city", "bin", "orders"])
    return volume.assign(bin_start=instants_of(volume["bin"].to_numpy(dtype="int64")), data_source=source)


def replace_results(connection: Connection, results: pd.DataFrame) -> None:
    """Replace the table by these results (PIZZA_VS_FOOTBALL) in one transaction; readers see the old ones till then."""
    with connection.transaction():
        connection.execute("DELETE FROM marts.pizza_vs_football")
        copy_in(connection, to_arrow(results, PIZZA_VS_FOOTBALL), Identifier("marts", "pizza_vs_football"))
