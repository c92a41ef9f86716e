"""Loading: what the feeds of a retailer state becomes facts, in one transaction, with its audit.

Belongs here: the order of the steps, and what a load did. Does not belong here: reading the lake; keying lines
(``feeds``); constraints during a backfill (``bulk``).

The rules. A fact is what the newest feed states of a line (day of the sale, transaction, line): a correction in a later
day's feed replaces the fact, and the older statement moves to ``fact_sales_superseded``; a line that comes late is one
more fact; a receipt's number that is used again on another day is another receipt; an older day loaded later changes
nothing. So the facts do not depend on the order of loads. A day that is loaded again adds what is new and leaves
the rest; with ``replace`` it replaces the day: what only that day stated goes or becomes again what an older
feed stated. Loads of one retailer wait for each other.
"""

import contextlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Literal, LiteralString

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg.sql import SQL, Identifier

from pizza_assets.errors import PizzaAssetsError, WarehouseError
from pizza_assets.warehouse import bulk, dimensions, load_sql
from pizza_assets.warehouse.connection import Connection, explain
from pizza_assets.warehouse.copying import copy_in
from pizza_assets.warehouse.feeds import FACT_KEY, Feed, check_feed, facts_of, lines_of

Mode = Literal["add", "replace"]

#: Advisory locks: the first number is ours ('sale'), the second the retailer, or 0 for all of them.
_LOCK = 0x73616C65


@dataclass(frozen=True)
class DayLoad:
    """What the load of one day did: received = rejected + inserted + corrected + duplicate + ignored.

    All count lines, ``removed`` facts of the day that were taken out first: all of them by a replace, else those that
    an older version summed by product.
    """

    source_day: date
    received: int
    rejected: int
    inserted: int
    corrected: int
    duplicate: int
    ignored: int
    removed: int


def load_day(
    connection: Connection,
    sales: pa.Table,
    *,
    retailer_id: str,
    source_day: date,
    rejected: int = 0,
    replace: bool = False,
) -> DayLoad:
    """Load one day of a retailer, as `load_days` does."""
    feeds = [Feed(source_day, sales, rejected)]
    return load_days(connection, feeds, retailer_id=retailer_id, replace=replace)[0]


def load_days(
    connection: Connection, feeds: Sequence[Feed], *, retailer_id: str, replace: bool = False
) -> list[DayLoad]:
    """Load days of a retailer in one transaction: all are there afterwards, or none.

    Many lines at once take the fast way of ``bulk``, where the user owns the tables.

    Parameters
    ----------
    connection
        In autocommit mode.
    feeds
        The days, each once; their lines in the schema of ``contracts.sales_schema()``.
    replace
        Replace the days: facts that they stated before and do not state now go.

    Raises
    ------
    ContractError
        When lines break the contract.
    WarehouseError
        When the database rejects or goes away. The audit says so where it can still be written.
    """
    mode: Mode = "replace" if replace else "add"
    feeds = sorted(feeds, key=lambda feed: feed.source_day)
    try:
        for feed in feeds:
            check_feed(feed, retailer_id)
        with connection.transaction():
            return _load(connection, feeds, retailer_id, mode)
    except (PizzaAssetsError, psycopg.Error) as error:
        told = explain(error) if isinstance(error, psycopg.Error) else error
        _audit_failure(connection, feeds, retailer_id, mode, str(told))
        raise told from error


def _load(connection: Connection, feeds: Sequence[Feed], retailer_id: str, mode: Mode) -> list[DayLoad]:
    retailer = _retailer_key(connection, retailer_id)
    lines = lines_of(feeds)
    lock(connection, retailer, alone=bulk.pays(connection, lines.num_rows))
    removed = _take_out(connection, retailer, [feed.source_day for feed in feeds], mode)
    facts = facts_of(lines, dimensions.keys(connection, lines, retailer))
    outcomes = _state(connection, facts, retailer)
    loads = [_day_load(feed, outcomes[feed.source_day], removed.get(feed.source_day, 0)) for feed in feeds]
    _audit(connection, feeds, loads, retailer, mode)
    return loads


def _retailer_key(connection: Connection, retailer_id: str) -> int:
    query = "SELECT retailer_key FROM sales.dim_retailer WHERE retailer_id = %s"
    found = connection.execute(query, [retailer_id]).fetchone()
    if found is None:
        raise WarehouseError(f"The warehouse knows no retailer '{retailer_id}'; a migration adds one to dim_retailer.")
    return int(found[0])


def lock(connection: Connection, retailer: int, *, alone: bool = False) -> None:
    """Wait for other loads of this retailer (`alone`: of all), and keep them waiting until the transaction ends."""
    everybody = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    connection.execute(SQL("SELECT {}(%s, 0)").format(Identifier(everybody)), [_LOCK])
    connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, retailer])
    connection.execute("SET LOCAL TIME ZONE 'UTC'")


def _take_out(connection: Connection, retailer: int, days: Sequence[date], mode: Mode) -> dict[date, int]:
    """Remove what the load states again of the days, and return how many facts of each."""
    values = {"retailer": retailer, "days": list(days), "all": mode == "replace"}
    connection.execute(load_sql.REMOVED)
    connection.execute(load_sql.TAKE_OUT, values)
    connection.execute(load_sql.FORGET, values)
    connection.execute(load_sql.RESTORE, values)
    return dict(connection.execute(load_sql.REMOVED_BY_DAY).fetchall())


def _copy(connection: Connection, facts: pa.Table, retailer: int, table: Identifier) -> None:
    """Copy the facts to a table with the columns of ``fact_sales``."""
    keyed = facts.append_column("retailer_key", pa.repeat(pa.scalar(retailer, pa.int16()), facts.num_rows))
    copy_in(connection, keyed, table)


def _state(connection: Connection, facts: pa.Table, retailer: int) -> dict[date, Counter[str]]:
    """Make facts of what the feeds state, and return for each day how many met which end."""
    outcomes: dict[date, Counter[str]] = defaultdict(Counter)
    days = {item["values"]: item["counts"] for item in pc.value_counts(facts["source_day"]).to_pylist()}
    values = {"retailer": retailer, "days": [*days], "dates": pc.unique(facts["date_key"]).to_pylist()}
    is_stated_once = facts.group_by(FACT_KEY).aggregate([]).num_rows == facts.num_rows
    if (
        is_stated_once
        and bulk.pays(connection, facts.num_rows)
        and connection.execute(load_sql.HAS_FACTS, values).fetchone() == (False,)
    ):
        # Nothing is there that these facts could repeat: they need no detour.
        with bulk.without_constraints(connection):
            _copy(connection, facts, retailer, Identifier("sales", "fact_sales"))
        outcomes |= {day: Counter(inserted=number) for day, number in days.items()}
    else:
        connection.execute(load_sql.STAGE)
        _copy(connection, facts, retailer, Identifier("stated"))
        connection.execute("ANALYZE stated")
        _reconcile(connection, values, outcomes, is_stated_once=is_stated_once)
    if any(counts[outcome] for counts in outcomes.values() for outcome in ("inserted", "corrected")):
        connection.execute(load_sql.MARK_STALE, values)
    return outcomes


def _reconcile(
    connection: Connection,
    values: Mapping[str, object],
    outcomes: dict[date, Counter[str]],
    *,
    is_stated_once: bool,
) -> None:
    """Make facts of what is staged beside what other feeds have stated, and count the ends in `outcomes`."""
    if connection.execute(load_sql.WAS_LOADED, values).fetchone() == (True,):
        _count(connection, load_sql.SETTLE, outcomes, values)
    held = connection.execute(load_sql.HELD, values).rowcount
    if held == 0 and is_stated_once:
        before = _count(connection, load_sql.LEFT, outcomes)
        with bulk.without_constraints(connection) if bulk.pays(connection, before) else contextlib.nullcontext():
            connection.execute(load_sql.INSERT)
        return
    connection.execute(load_sql.JUDGE)
    _count(connection, load_sql.OUTCOMES, outcomes)
    newest = sum(counts["inserted"] + counts["corrected"] for counts in outcomes.values())
    with bulk.without_constraints(connection) if bulk.pays(connection, newest) else contextlib.nullcontext():
        for statement in (load_sql.SUPERSEDE, load_sql.REMOVE_SUPERSEDED, load_sql.INSERT_NEWEST):
            connection.execute(statement)
    connection.execute(load_sql.MARK_HELD_STALE)


def _count(
    connection: Connection,
    statement: LiteralString,
    outcomes: dict[date, Counter[str]],
    values: Mapping[str, object] | None = None,
) -> int:
    """Run a statement that answers with days, ends and numbers, add these to `outcomes` and return their sum."""
    found = connection.execute(statement, values).fetchall()
    for day, outcome, number in found:
        outcomes[day][outcome] += number
    return sum(number for _, _, number in found)


def _day_load(feed: Feed, outcomes: Counter[str], removed: int) -> DayLoad:
    return DayLoad(
        feed.source_day,
        received=feed.sales.num_rows + feed.rejected,
        rejected=feed.rejected,
        inserted=outcomes["inserted"],
        corrected=outcomes["corrected"],
        duplicate=outcomes["duplicate"],
        ignored=outcomes["ignored"],
        removed=removed,
    )


def _audit(connection: Connection, feeds: Sequence[Feed], loads: Sequence[DayLoad], retailer: int, mode: Mode) -> None:
    sources = [pc.unique(feed.sales["data_source"]).to_pylist() for feed in feeds]
    rows = [
        {**asdict(load), "retailer": retailer, "mode": mode, "data_source": next(iter(source), None)}
        for load, source in zip(loads, sources, strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.executemany(load_sql.AUDIT, rows)


def _audit_failure(connection: Connection, feeds: Sequence[Feed], retailer_id: str, mode: Mode, reason: str) -> None:
    rows = [
        {
            "retailer_id": retailer_id,
            "source_day": feed.source_day,
            "mode": mode,
            "received": feed.sales.num_rows + feed.rejected,
            "rejected": feed.rejected,
            "reason": reason,
        }
        for feed in feeds
    ]
    # The database may be what failed: then the load's own error is the one to tell.
    with contextlib.suppress(psycopg.Error), connection.cursor() as cursor:
        cursor.executemany(load_sql.AUDIT_FAILURE, rows)
