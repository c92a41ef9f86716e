"""The fast way in for many lines at once: without the facts' constraints and indexes, which are made again after it.

Belongs here: when that pays, taking constraints off and putting them back. Does not belong here: loading. All of it
happens inside of the load's transaction: a killed load leaves facts and constraints as they were. Readers of the
facts wait meanwhile (the views' readers do not).

Checking five foreign keys row by row is what loading facts costs (measured: 40 s a million, against 5 s for making
keys and indexes again and checking all rows at once), but making them again takes time by what is there already.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.sql import SQL

from pizza_assets.warehouse.connection import Connection

#: Fewer lines than this are in within a second or two either way.
_FEWEST_LINES = 20_000
#: Making constraints again costs about a tenth, per fact that is there, of checking a new one row by row.
_SHARE_OF_FACTS = 0.1
_BYTES_PER_FACT = 130

_STATE = """
SELECT pg_has_role(relowner, 'USAGE'), pg_relation_size(oid) FROM pg_class WHERE oid = 'sales.fact_sales'::regclass
"""
_CONSTRAINTS = """
SELECT format('ALTER TABLE sales.fact_sales DROP CONSTRAINT %I', conname),
       format('ALTER TABLE sales.fact_sales ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid))
FROM pg_constraint
WHERE conrelid = 'sales.fact_sales'::regclass AND contype IN ('p', 'f')
ORDER BY contype DESC, conname
"""
_INDEXES = """
SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
FROM pg_index
WHERE indrelid = 'sales.fact_sales'::regclass AND NOT indisprimary
ORDER BY indexrelid
"""


def pays(connection: Connection, lines: int) -> bool:
    """Tell whether the fast way pays for so many lines or facts; only the tables' owner may take it."""
    if lines < _FEWEST_LINES:
        return False
    is_owner, size = connection.execute(_STATE).fetchone() or (False, 0)
    return bool(is_owner) and lines >= _SHARE_OF_FACTS * size / _BYTES_PER_FACT


@contextmanager
def without_constraints(connection: Connection) -> Iterator[None]:
    """Take keys and indexes off the facts for the block, then make them again; all rows are checked then."""
    connection.execute("LOCK TABLE sales.fact_sales IN ACCESS EXCLUSIVE MODE")
    connection.execute("SET LOCAL work_mem = '128MB'")
    connection.execute("SET LOCAL maintenance_work_mem = '256MB'")
    taken = [*connection.execute(_CONSTRAINTS).fetchall(), *connection.execute(_INDEXES).fetchall()]
    for drop, _ in taken:
        connection.execute(SQL(drop))
    yield
    for _, create in reversed(taken):
        connection.execute(SQL(create))
    connection.execute("ANALYZE sales.fact_sales")
