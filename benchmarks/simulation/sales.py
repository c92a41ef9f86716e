"""A retailer's sales in a simulated world: collected, stored, and loaded into a warehouse that goes away.

Belongs here: a run of the retail branch, and the connection to the warehouse with its faults. Does not belong here:
PostgreSQL, which is a real one; where there is none, sales are stored alone.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, cast

import pandas as pd
import psycopg
import pyarrow
from psycopg.sql import SQL, Identifier

from benchmarks.simulation.machine import Process
from benchmarks.simulation.pipeline import Asked, encoded_by_content, replaced
from benchmarks.simulation.stores import Lake
from benchmarks.simulation.world import SALES, World, settings_of
from pizza_assets import contracts
from pizza_assets.errors import SourceError
from pizza_assets.lake.layout import SALES_TABLES
from pizza_assets.lake.sales import SalesDay, SalesTable
from pizza_assets.platform.api import AuthenticationError
from pizza_assets.platform.kept import Kept
from pizza_assets.retail.collect import CollectedSales, collect_sales
from pizza_assets.retail.received import Feed, Received
from pizza_assets.settings import Settings
from pizza_assets.warehouse.connection import Connection
from pizza_assets.warehouse.intake import load_from_lake
from pizza_assets.warehouse.loader import DayLoad

RETAILER, TIME_ZONE = "retailer_1", "Europe/London"
WHERE = SALES_TABLES[f"raw_{RETAILER}"]

_TABLES = ("sales.fact_sales", "sales.fact_sales_superseded", "ops.load_audit", "ops.quality_result", "ops.stale_day")
_FACTS = """
SELECT source_day, transaction_id, line, unit_price FROM sales.fact_sales
UNION ALL SELECT source_day, transaction_id, line, unit_price FROM sales.fact_sales_superseded
"""
_LOADED = "SELECT source_day, received, rejected FROM ops.loaded_day"
#: What is stated of a day: receipts, lines and prices; by the day of the feed.
Fact = tuple[str, int, Decimal]
Facts = Mapping[date, frozenset[Fact]]


class _GoingAwayCursor(psycopg.Cursor[Any]):
    """Each statement may be the one that the database does not get."""

    def execute(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 as psycopg's
        self._reach()
        return super().execute(*arguments, **options)

    def executemany(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 as psycopg's
        self._reach()
        super().executemany(*arguments, **options)

    @contextmanager
    def copy(self, *arguments: Any, **options: Any) -> Iterator[psycopg.Copy]:  # noqa: ANN401 as psycopg's
        self._reach()
        with super().copy(*arguments, **options) as copying:
            yield copying

    def _reach(self) -> None:
        connection = cast("_GoingAwayConnection", self.connection)
        try:
            is_there = connection.process.statement()
        except BaseException:
            connection.pgconn.finish()  # a killed process closes its connections
            raise
        if not is_there:
            connection.pgconn.finish()
            raise psycopg.OperationalError("server closed the connection unexpectedly")


class _GoingAwayConnection(psycopg.Connection[Any]):
    process: Process


@dataclass
class Warehouse:
    """A database with the warehouse's schema, which a simulated world has for itself."""

    address: str
    admin: Connection = field(init=False)

    def __post_init__(self) -> None:
        self.admin = psycopg.connect(self.address, autocommit=True)

    def close(self) -> None:
        """Close the connection that looks at the facts."""
        self.admin.close()

    def clear(self) -> None:
        """Remove all facts and audits."""
        for table in _TABLES:
            self.admin.execute(SQL("DELETE FROM {}").format(Identifier(*table.split("."))))

    @contextmanager
    def connected(self, process: Process) -> Iterator[Connection]:
        """Open a connection of a process."""
        connection = _GoingAwayConnection.connect(self.address, autocommit=True, cursor_factory=_GoingAwayCursor)
        connection.process = process
        try:
            yield connection
        finally:
            connection.close()

    def facts(self) -> Facts:
        """Return all facts, and those that newer statements replaced, by the day of the feed that states them."""
        found: dict[date, set[Fact]] = {}
        for day, *fact in self.admin.execute(_FACTS):
            found.setdefault(day, set()).add((fact[0], fact[1], fact[2].normalize()))
        return {day: frozenset(of) for day, of in found.items()}

    def loaded(self) -> Mapping[date, tuple[int, int]]:
        """Return how many lines of each loaded day were received and rejected, as the audit says."""
        return {day: (received, rejected) for day, received, rejected in self.admin.execute(_LOADED)}


class SalesRun:
    """A run of the retail branch in a process: the days that it stored, kept and loaded."""

    def __init__(
        self,
        asked: Asked,
        lake: Lake,
        world: World,
        process: Process,
        run_id: str,
        warehouse: Warehouse | None = None,
    ) -> None:
        self.days, self.process, self.loads = asked.days, process, list[DayLoad]()
        self.stored: dict[str, list[date]] = {}
        self.kept: dict[str, list[date]] = {}
        self._mode, self._world, self._run_id, self._warehouse = asked.modes[SALES], world, run_id, warehouse
        self._store = lake.store(process)
        self._lock = lake.lock(process, self._store)
        self._settings = settings_of(has_sales=self._mode != "unset", allows_mock=asked.allows_mock)

    def make(self) -> None:
        """Collect and store the days, then load all that are there.

        Raises
        ------
        PizzaAssetsError
            As the product does.
        """
        table = SalesTable(self._store, WHERE)
        try:
            for item in self._given(table):
                self._put(table, item)
        finally:
            self._lock.release()
        days = [day for day in self.days if day in table.stored]
        if self._warehouse is not None and days:
            with self._warehouse.connected(self.process) as connection:
                for load in load_from_lake(connection, self._store, RETAILER, days, time_zone=TIME_ZONE, replace=True):
                    self.loads.append(load)

    def _given(self, table: SalesTable) -> Iterator[CollectedSales | Kept]:
        """Collect days; where the API is up, what was made of the same answers before is known."""
        if self._mode != "up":
            yield from self._asked(table)
            return
        key = json.dumps([[str(day), self._lines(day)] for day in self.days])
        if key not in _collected_before:
            _collected_before[key] = [*self._asked(table)]
        yield from _collected_before[key]

    def _asked(self, table: SalesTable) -> Iterator[CollectedSales | Kept]:
        return collect_sales(RETAILER, self.days, self._settings, _no_matches, table.real_rows, open_feed=self._opened)

    @contextmanager
    def _opened(self, settings: Settings) -> Iterator[Feed]:
        del settings
        yield self._answer

    def _answer(self, day: date) -> Received:
        """Answer as the API's mode wants it."""
        mode, asked = self._mode, f"retailer 1, GET sales of {day}"
        if mode == "away" or (mode == "partly" and self.process.random.random() < 0.4):
            raise SourceError(f"{asked}: expected an answer, found none within 30 s. Try again later.")
        if mode in {"forbidden", "no-season"}:
            raise SourceError(f"{asked}: expected 200, found 403. Check the plan.", final=True)
        if mode == "rejected":
            raise AuthenticationError(f"{asked}: expected 200, found 401. Check RETAILER_1_API_KEY.")
        lines = self._lines(day)
        if mode == "wrong":
            lines = [
                {"receipt_number" if name == "receipt" else name: of for name, of in line.items()} for line in lines
            ]
        return Received([] if mode == "nothing" else lines, [str(lines)], "real")

    def _lines(self, day: date) -> list[dict[str, object]]:
        return [self._world.line(record) for record in self._world.visible(SALES, day)]

    def _put(self, table: SalesTable, item: CollectedSales | Kept) -> None:
        self._lock.acquire()
        kept: Kept | None
        if isinstance(item, Kept):
            kept = item
        else:
            (encoded,) = encoded_by_content(WHERE.name, {item.day: _stored_form(item)}, self._run_id).values()
            kept = replaced(table, encoded)
        if kept is None:
            self.stored.setdefault(WHERE.name, []).append(item.day)
        else:
            table.keep(kept, self._run_id)
            self.kept.setdefault(WHERE.name, []).append(item.day)


#: What was collected before, by all that the API gave: a few corrections of a few worlds.
_collected_before: dict[str, list[CollectedSales | Kept]] = {}


def facts_of(table: pyarrow.Table) -> frozenset[Fact]:
    """Return what a day of the lake states."""
    columns = (table[name].to_pylist() for name in ("transaction_id", "line", "unit_price"))
    return frozenset((number, line, price.normalize()) for number, line, price in zip(*columns, strict=True))


def _stored_form(of: CollectedSales) -> SalesDay:
    rejected = [{"reason": item.reason, "record": item.record} for item in of.rejected]
    facts = {"reason": of.reason} if of.reason else {}
    return SalesDay(of.table, of.data_source, of.received, rejected, of.pages, facts)


@lru_cache
def _nothing_kicks_off() -> pd.DataFrame:
    return contracts.empty(contracts.FOOTBALL_MATCHES)


def _no_matches(day: date) -> pd.DataFrame:
    del day
    return _nothing_kicks_off()
