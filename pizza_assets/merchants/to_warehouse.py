"""The answers as tables of the warehouse, schema ``merchants``: all of one run, or none.

Belongs here: replacing the tables. Does not belong here: their columns (``merchants.contract``; the database has
them by a migration), computing answers. Readers see the older answers until the newer ones are all there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow
from psycopg.sql import SQL, Identifier

from pizza_assets.merchants.contract import ANSWERS, MERCHANT_TABLES, PUBLISHED_RUN
from pizza_assets.merchants.inputs import source_of
from pizza_assets.merchants.quality import Quality
from pizza_assets.merchants.questions import Rules
from pizza_assets.warehouse.connection import Connection, explained
from pizza_assets.warehouse.copying import copy_in

SCHEMA = "merchants"
#: Advisory lock of publishing ('merc'): one at a time.
_LOCK = 0x6D657263
_NOTE = SQL("INSERT INTO {} ({}) VALUES ({})")


@dataclass(frozen=True)
class Run:
    """The run whose answers are published: who computed them, by which rules, and what they are made of."""

    run_id: str
    transactions_run_id: str
    engine: str
    currency: str | None
    quality: Quality
    rules: Rules

    def row(self) -> dict[str, object]:
        """Return it as PUBLISHED_RUN has it, published now."""
        return {
            "run_id": self.run_id,
            "published_at": datetime.now(UTC),
            "transactions_run_id": self.transactions_run_id,
            "engine": self.engine,
            "data_source": self.quality.data_source,
            "currency": self.currency,
            "transactions": self.quality.stored,
            "first_purchase": self.quality.first,
            "last_purchase": self.quality.last,
            "declined_are_sales": self.rules.declined_are_sales,
            "midnight_is_unknown": self.rules.midnight_is_unknown,
        }


def publish(connection: Connection, answers: Mapping[str, pyarrow.Table], run: Run) -> dict[str, int]:
    """Put answers in the place of those that the warehouse has, in one transaction; return the rows of each table.

    Parameters
    ----------
    connection
        In autocommit mode.
    answers
        All of ``ANSWERS``, by name.

    Raises
    ------
    SourceError
        When the answers are not all of the run's data source.
    WarehouseError
        When the database rejects or goes away: the older answers stay.
    """
    labels = [label for table in answers.values() for label in table["data_source"].unique().to_pylist()]
    source_of([run.quality.data_source, *labels], "The answers")
    with explained(), connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        for name in MERCHANT_TABLES:
            connection.execute(SQL("DELETE FROM {}").format(Identifier(SCHEMA, name)))
        rows = {name: copy_in(connection, answers[name], Identifier(SCHEMA, name)) for name in ANSWERS}
        values = run.row()
        columns, places = SQL(", ").join(map(Identifier, values)), SQL(", ").join(SQL("%s") for _ in values)
        note = _NOTE.format(Identifier(SCHEMA, PUBLISHED_RUN.name), columns, places)
        connection.execute(note, [*values.values()])
    return rows


def published_rows(connection: Connection) -> dict[str, int]:
    """Return how many rows each table of answers has."""
    counts = {}
    for name in ANSWERS:
        row = connection.execute(SQL("SELECT count(*) FROM {}").format(Identifier(SCHEMA, name))).fetchone()
        counts[name] = int(row[0]) if row else 0
    return counts
