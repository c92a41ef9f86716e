"""From the lake into the warehouse: which days there are to load, and loading them in good portions.

Belongs here: reading the lake's sales and matches for the loader. Does not belong here: what a load does (``loader``).
``ops.load_audit`` is the checkpoint: a day that it has is loaded again only where it is replaced.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from pizza_assets.analysis.windows import NOT_PLAYED_AT_ALL
from pizza_assets.errors import LakeError
from pizza_assets.lake import layout
from pizza_assets.lake.sales import SalesTable
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable, days_with_note
from pizza_assets.warehouse import bulk
from pizza_assets.warehouse.calendar import MatchDate
from pizza_assets.warehouse.connection import Connection
from pizza_assets.warehouse.feeds import Feed
from pizza_assets.warehouse.loader import DayLoad, load_days

#: Days are read until they hold this many lines, and then loaded: bounds memory, and what a killed backfill loses.
LINES_AT_ONCE = 1_000_000

#: Days that an older version summed by product are loaded again, for a line is a fact now.
_LOADED = """
SELECT source_day FROM ops.loaded_day JOIN sales.dim_retailer r USING (retailer_key) WHERE retailer_id = %(retailer)s
EXCEPT
SELECT source_day FROM sales.fact_sales JOIN sales.dim_retailer r USING (retailer_key)
WHERE retailer_id = %(retailer)s AND line <= 0
"""
_RETAILERS = {where.retailer_id: where for where in layout.SALES_TABLES.values()}


def days_to_load(
    connection: Connection, store: Store, retailer_id: str, first: date, last: date, *, replace: bool = False
) -> list[date]:
    """Return the days from `first` to `last` that the lake has and the warehouse lacks; with `replace` all of them."""
    loaded = set() if replace else {day for (day,) in connection.execute(_LOADED, {"retailer": retailer_id})}
    table = SalesTable(store, _RETAILERS[retailer_id])
    return [day for day in table.stored if first <= day <= last and day not in loaded]


def load_from_lake(
    connection: Connection,
    store: Store,
    retailer_id: str,
    days: Sequence[date],
    *,
    time_zone: str = "UTC",
    replace: bool = False,
) -> Iterator[DayLoad]:
    """Load days of a retailer and yield what became of each; those that were yielded stay, whatever happens next.

    Each day is a transaction of its own, but where the fast way pays as many days as hold `LINES_AT_ONCE` lines.
    Stores in cities that we do not know are in `time_zone`.

    Raises
    ------
    LakeError
        When the lake does not have a day.
    ContractError, WarehouseError
        As `load_days`.
    """
    for feeds in _portions(SalesTable(store, _RETAILERS[retailer_id]), days, time_zone):
        together = bulk.pays(connection, sum(feed.sales.num_rows for feed in feeds))
        for portion in [feeds] if together else [[feed] for feed in feeds]:
            yield from load_days(connection, portion, retailer_id=retailer_id, replace=replace)


def _portions(table: SalesTable, days: Sequence[date], time_zone: str) -> Iterator[list[Feed]]:
    feeds: list[Feed] = []
    for day in sorted(days):
        try:
            feeds.append(Feed(day, table[day], int(table.facts(day).get("rejected", 0)), time_zone))
        except LakeError:
            yield feeds  # the days before it are whole
            raise
        if sum(feed.sales.num_rows for feed in feeds) >= LINES_AT_ONCE:
            yield feeds
            feeds = []
    if feeds:
        yield feeds


def match_dates(store: Store, first: date, last: date) -> list[MatchDate]:
    """Return for each day from `first` to `last` that the lake has how many matches kick off on it (UTC).

    Matches that were called off do not count. A day on which the matches of a competition are unknown is left out,
    unless others were played: it may have none, or some.
    """
    unknown = set(days_with_note(store, layout.RAW_MATCHES, "unknown"))
    table = DailyTable(store, layout.RAW_MATCHES, ["status"])
    found = []
    for day in (first + timedelta(days=number) for number in range((last - first).days + 1)):
        stored = table.stored.get(day)
        if stored is not None and stored.source is not None:
            played = int((~table[day]["status"].isin(NOT_PLAYED_AT_ALL)).sum())
            if played or day not in unknown:
                found.append(MatchDate(day, played, stored.source))
    return found
