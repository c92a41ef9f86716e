"""The book: the orders of all files, each once, on disk, to be asked by day.

Belongs here: orders out of rows, which are the same, and what is kept beside them. Does not belong here: reading files
and rows, telling what a profile is.

Rows are typed batch by batch and put into a DuckDB database that spills to a temporary folder, so that memory does not
grow with the files; items are grouped and orders compared there.
"""

import json
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import duckdb
import numpy as np
import pyarrow

from pizza_assets.orders.till.coverage import Coverage, coverage
from pizza_assets.orders.till.places import Place, place_of
from pizza_assets.orders.till.profile import Closed, Profile
from pizza_assets.orders.till.reading import PARSED, parse
from pizza_assets.orders.till.tables import Table

_MEMORY = "1GB"
REJECTED = "rejected"

#: Orders out of rows: of several files that have an order the last one counts, whole.
_GROUPED = """
CREATE TABLE grouped AS
SELECT shop, business_day, number, file, count(*) AS n_rows, min(position) AS first_row,
  sum(content::HUGEINT) AS content, count(DISTINCT content) AS contents
FROM parsed WHERE kind IS NULL GROUP BY ALL;
CREATE TABLE settled AS
SELECT *, row_number() OVER same = 1 AS is_last, first_value(content) OVER same = content AS is_same,
  first_value(file) OVER same AS last_file
FROM grouped WINDOW same AS (PARTITION BY shop, business_day, number ORDER BY file DESC);
"""
_AND_ROWS = "p.shop = s.shop AND p.business_day = s.business_day AND p.number = s.number AND p.file = s.file"
_SET_REPEATED = f"""
UPDATE parsed p SET kind = 'repeated',
  reason = CASE WHEN s.is_same THEN 'the same order is in ' ELSE 'a later version of the order is in ' END || f.name
FROM settled s JOIN files f ON f.file = s.last_file WHERE {_AND_ROWS} AND NOT s.is_last AND p.kind IS NULL
"""
_SET_BROKEN = """
UPDATE parsed p SET kind = 'rejected', reason = 'another row of this order was rejected'
FROM (SELECT DISTINCT file, number, shop, business_day FROM parsed WHERE kind = 'rejected' AND number IS NOT NULL) bad
WHERE p.kind IS NULL AND p.file = bad.file AND p.number = bad.number AND p.shop = coalesce(bad.shop, p.shop)
  AND p.business_day = coalesce(bad.business_day, p.business_day)
"""
_SET_WHOLE = """
UPDATE parsed p SET kind = marked.kind, reason = marked.reason
FROM (SELECT file, number, first(kind ORDER BY position) AS kind, first(reason ORDER BY position) AS reason FROM parsed
  WHERE kind IN ('void', 'refund', 'test') AND number IS NOT NULL GROUP BY file, number) marked
WHERE p.kind IS NULL AND p.file = marked.file AND p.number = marked.number
"""
_SET_TWICE = f"""
UPDATE parsed p SET kind = CASE WHEN s.contents = 1 THEN 'repeated' ELSE 'rejected' END,
  reason = CASE WHEN s.contents = 1 THEN 'the same row stands above it'
    ELSE 'another order of this shop and day has the number ' || p.number END
FROM settled s WHERE {_AND_ROWS} AND s.is_last AND s.n_rows > 1 AND p.position > s.first_row AND p.kind IS NULL
"""
_ORDERS = """
CREATE TABLE orders AS
SELECT shop, business_day, number, min(placed_at) AS placed_at, min(file) AS file, min(position) AS position,
  {total} AS total, flatten(coalesce(list(names ORDER BY position) FILTER (names IS NOT NULL), [])) AS names,
  CASE WHEN count(pizzas) = count(*) THEN sum(pizzas) END AS pizzas,
  any_value(currency) AS currency, count(DISTINCT currency) AS currencies, count(*) AS n_rows
FROM parsed WHERE kind IS NULL GROUP BY ALL
"""
_TOTAL_OF_ITEMS = "CASE WHEN count(total) = count(*) THEN round(sum(total), 4) END"
_TOTAL_OF_ORDER = "first(total ORDER BY position) FILTER (total IS NOT NULL)"
_SET_ORDERS = """
UPDATE parsed p SET kind = '{kind}', reason = '{reason}' FROM orders o
WHERE p.kind IS NULL AND p.shop = o.shop AND p.business_day = o.business_day AND p.number = o.number AND ({where})
"""


@dataclass(frozen=True)
class Entry:
    """A row that is no order: the row as it came, why, and for which UTC day it is kept."""

    source: str
    row: int
    kind: str
    reason: str
    record: Mapping[str, object]


@dataclass(frozen=True)
class Counted:
    """Rows of the files: ``rows == stored + set aside + rejected``; `orders` counts what the stored rows make."""

    rows: int
    stored: int
    set_aside: Mapping[str, int]
    rejected: int
    orders: int


class Book:
    """The orders of some tables, read as a profile says.

    Parameters
    ----------
    tables
        In the order of their age: of an order that several hold, the last one counts.
    profile
        Complete: with columns for number and time, a shop, and date order and decimal sign where they are needed.
    on_progress
        Called with the source and the number of rows read so far.

    Raises
    ------
    SourceError
        When a file cannot be read.
    """

    def __init__(
        self, tables: Sequence[Table], profile: Profile, on_progress: Callable[[str, int], None] | None = None
    ) -> None:
        self.profile, self._tables = profile, tables
        self._folder = Path(tempfile.mkdtemp(prefix="pizza-orders-"))
        self._remove = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        # In memory up to the limit, in the folder beyond it: a database in a file waits for the disk at each step.
        self._db = duckdb.connect()
        self._db.execute(f"SET memory_limit = '{_MEMORY}'; SET temp_directory = '{self._folder}'")
        self._db.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
        self._db.execute("CREATE TABLE files (file INTEGER, name TEXT)")
        self._db.register("empty", PARSED.empty_table())
        self._db.execute("CREATE TABLE parsed AS SELECT 0::INTEGER AS file, * FROM empty")
        self._db.unregister("empty")
        for number, table in enumerate(tables):
            self._db.execute("INSERT INTO files VALUES (?, ?)", [number, table.source])
            self._read(number, table, on_progress)
        self._settle()

    def close(self) -> None:
        """Remove what lies on disk."""
        self._db.close()
        self._remove()

    def __enter__(self) -> "Book":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, number: int, table: Table, on_progress: Callable[[str, int], None] | None) -> None:
        columns = self.profile.columns_in(table.columns)
        rows_read = 0
        for rows in table.batches():
            if len(rows):
                batch = parse(rows, columns, self.profile)
                self._db.register("batch", batch)
                self._db.execute(f"INSERT INTO parsed SELECT {number}, * FROM batch")
                self._db.unregister("batch")
                rows_read += len(rows)
                if on_progress:
                    on_progress(table.source, rows_read)

    def _settle(self) -> None:
        by_item = self.profile.rows == "item"
        of_order = by_item and self.profile.total_of == "order"
        if of_order:  # what stands in one row of an order is said of all
            self._db.execute(_SET_WHOLE)
        self._db.execute(_GROUPED)
        self._db.execute(_SET_REPEATED)
        self._db.execute(_SET_BROKEN if by_item else _SET_TWICE)
        self._db.execute("DROP TABLE grouped; DROP TABLE settled")
        self._db.execute(_ORDERS.format(total=_TOTAL_OF_ORDER if of_order else _TOTAL_OF_ITEMS))
        for kind, reason, where in (
            ("refund", "the amounts of the order add up to less than nothing", "o.total < 0"),
            ("no pizza", "the order has no pizza", "o.pizzas = 0"),
            (REJECTED, "the amounts of the order are in several currencies", "o.currencies > 1"),
        ):
            self._db.execute(_SET_ORDERS.format(kind=kind, reason=reason, where=where))
            self._db.execute(f"DELETE FROM orders o WHERE {where}")
        self._fill_records()
        self._db.execute(
            """CREATE TABLE aside AS
            SELECT p.file, f.name AS source, p.position, p.kind, p.reason, p.record, p.placed_at::DATE AS day
            FROM parsed p JOIN files f ON f.file = p.file WHERE p.kind IS NOT NULL"""
        )
        self._db.execute(
            """CREATE TABLE dated AS SELECT file, position, placed_at::DATE AS day FROM parsed
            WHERE placed_at IS NOT NULL AND file IN (SELECT file FROM aside WHERE day IS NULL);
            UPDATE aside SET day = found.day FROM (
              SELECT a.file, a.position,
                coalesce(b.day, (SELECT arg_min(d.day, d.position) FROM dated d WHERE d.file = a.file)) AS day
              FROM aside a ASOF LEFT JOIN dated b ON a.file = b.file AND a.position >= b.position WHERE a.day IS NULL
            ) AS found WHERE aside.file = found.file AND aside.position = found.position AND aside.day IS NULL;
            UPDATE aside SET day = (SELECT min(placed_at)::DATE FROM orders) WHERE day IS NULL;
            DROP TABLE dated"""
        )

    def _fill_records(self) -> None:
        """Read the rows again that turned out to be no order only beside others, to keep them as they came."""
        query = "SELECT file, list(position) FROM parsed WHERE kind IS NOT NULL AND record IS NULL GROUP BY file"
        for file, positions in self._db.execute(query).fetchall():
            wanted = np.array(sorted(positions))
            for rows in self._tables[file].batches():
                here = wanted[(wanted >= rows.first_row) & (wanted < rows.first_row + len(rows))]
                if len(here):
                    records = [json.dumps(rows.record(at - rows.first_row), ensure_ascii=False) for at in here.tolist()]
                    self._db.register("found", pyarrow.table({"position": here, "record": records}))
                    self._db.execute(
                        "UPDATE parsed SET record = found.record FROM found "
                        f"WHERE parsed.file = {file} AND parsed.position = found.position"
                    )
                    self._db.unregister("found")

    def _value(self, query: str, *parameters: object) -> int:
        (row,) = self._db.execute(query, list(parameters)).fetchall()
        return int(row[0] or 0)

    @cached_property
    def counted(self) -> Counted:
        """Count the rows of all files."""
        aside = self._db.execute("SELECT kind, count(*) FROM aside GROUP BY kind ORDER BY kind").fetchall()
        kinds = {str(kind): int(count) for kind, count in aside}
        rejected = kinds.pop(REJECTED, 0)
        stored = self._value("SELECT sum(n_rows) FROM orders")
        return Counted(
            self._value("SELECT count(*) FROM parsed"),
            stored,
            kinds,
            rejected,
            self._value("SELECT count(*) FROM orders"),
        )

    def rows_by_source(self) -> dict[str, int]:
        """Return the number of rows read of each table."""
        query = """SELECT f.name, count(p.position) FROM files f LEFT JOIN parsed p USING (file)
            GROUP BY f.file, f.name ORDER BY f.file"""
        return {str(name): int(count) for name, count in self._db.execute(query).fetchall()}

    def unusable(self) -> dict[str, str]:
        """Return the tables of which every row was rejected, and why the first one was."""
        query = """SELECT f.name, first(p.reason ORDER BY p.position) FROM parsed p JOIN files f ON f.file = p.file
            GROUP BY f.file, f.name HAVING count(*) = count(*) FILTER (p.kind = 'rejected') ORDER BY f.file"""
        return {str(name): str(reason) for name, reason in self._db.execute(query).fetchall()}

    def examples(self) -> dict[str, list[Entry]]:
        """Return of each kind of row that is no order the first one for each of up to three reasons."""
        query = """SELECT source, position, kind, reason, record FROM aside
            QUALIFY row_number() OVER (PARTITION BY kind, regexp_replace(reason, '''[^'']*''|[0-9]+', '', 'g')
              ORDER BY file, position) = 1 ORDER BY kind, file, position """
        found: dict[str, list[Entry]] = {}
        for row in self._db.execute(query).fetchall():
            entries = found.setdefault(str(row[2]), [])
            if len(entries) < 3:
                entries.append(_entry(row))
        return found

    @cached_property
    def places(self) -> dict[str, Place]:
        """Where each shop is: as the profile says, else as its name or address does."""
        shops = [str(row[0]) for row in self._db.execute("SELECT DISTINCT shop FROM orders ORDER BY shop").fetchall()]
        return {shop: place_in(self.profile, shop) for shop in shops}

    @cached_property
    def by_day(self) -> dict[str, dict[date, int]]:
        """Orders of each shop by UTC day."""
        query = "SELECT shop, placed_at::DATE, count(*) FROM orders GROUP BY ALL ORDER BY ALL"
        found: dict[str, dict[date, int]] = {}
        for shop, day, count in self._db.execute(query).fetchall():
            found.setdefault(str(shop), {})[day] = int(count)
        return found

    @cached_property
    def coverage(self) -> dict[str, Coverage]:
        """What is known of each shop."""
        return {
            shop: coverage(days, _of_shop(self.profile.closed, shop), _of_shop(self.profile.opened, shop))
            for shop, days in self.by_day.items()
        }

    def covers(self, day: date) -> bool:
        """Tell whether some shop's orders of the UTC day are known, at least in part."""
        return any(day in self.by_day[shop] or known.covers(day) for shop, known in self.coverage.items()) or bool(
            day in self._days_aside
        )

    @cached_property
    def _days_aside(self) -> set[date]:
        return {row[0] for row in self._db.execute("SELECT DISTINCT day FROM aside").fetchall()}

    def uncovered_cities(self, day: date) -> list[str]:
        """Return the cities of which not all is known on a UTC day: of a shop there a part is missing, or of all."""
        cities: dict[str, list[Coverage]] = {}
        for shop, known in self.coverage.items():
            cities.setdefault(self.places[shop].city, []).append(known)
        return sorted(
            city
            for city, shops in cities.items()
            if any(known.spans(day) and not known.covers(day) for known in shops)
            or not any(known.covers(day) for known in shops)
        )

    @cached_property
    def _number(self) -> str:
        """Return the expression of an order's number among all orders: with shop and day where numbers begin again."""
        shops, days = (
            self._value(
                f"SELECT count(*) FROM (SELECT number FROM orders GROUP BY number HAVING count(DISTINCT {what}) > 1)"
            )
            for what in ("shop", "business_day")
        )
        parts = ["shop"] * bool(shops) + ["business_day"] * bool(days) + ["number"]
        return f"concat_ws('/', {', '.join(parts)})"

    def orders(self, day: date) -> pyarrow.Table:
        """Return the orders of a UTC day in the order of the files, with the columns that exports have."""
        query = f"""SELECT {self._number} AS order_id, placed_at AS "timestamp", shop AS location, total AS order_total,
            CASE WHEN len(names) > 0 THEN names END AS pizza_types, pizzas AS quantity, currency
            FROM orders WHERE placed_at >= $1::DATE AND placed_at < $1::DATE + 1 ORDER BY file, position"""
        table: pyarrow.Table = self._db.sql(query, params=[day]).to_arrow_table()
        return table

    def first_rows(self, day: date) -> list[int]:
        """Return the number of the first row of each order of a UTC day, in the order of ``orders``."""
        query = """SELECT position FROM orders WHERE placed_at >= $1::DATE AND placed_at < $1::DATE + 1
            ORDER BY file, position"""
        return [int(row[0]) for row in self._db.execute(query, [day]).fetchall()]

    def all_aside(self) -> Iterator[Entry]:
        """Yield the rows that are no order, of all days."""
        query = "SELECT source, position, kind, reason, record FROM aside ORDER BY file, position"
        for row in self._db.execute(query).fetchall():
            yield _entry(row)

    def aside(self, day: date) -> Iterator[Entry]:
        """Yield the rows that are no order and are kept for a UTC day, set aside or rejected."""
        query = """SELECT source, position, kind, reason, record FROM aside WHERE day = ? ORDER BY file, position """
        for row in self._db.execute(query, [day]).fetchall():
            yield _entry(row)


def _entry(row: tuple[object, ...]) -> Entry:
    source, number, kind, reason, record = row
    return Entry(str(source), int(str(number)), str(kind), str(reason), json.loads(str(record)) if record else {})


def _of_shop(days: Sequence[Closed], shop: str) -> list[Closed]:
    return [one for one in days if one.shop in (None, shop)]


def place_in(profile: Profile, shop: str) -> Place:
    """Return where a shop is: as the profile says, else as its name or address does."""
    if city := profile.shops.get(shop):
        return Place(city, "the profile says so")
    return place_of(shop)
