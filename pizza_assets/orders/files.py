"""Till exports: the orders of the files that ``ORDERS_FILES`` names; they count as real orders.

Belongs here: exports as one of the sources of a day. Does not belong here: reading them (``orders/``), falling back to
mock (``collect.py``).
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow

from pizza_assets.contracts import DOMINOS_ORDERS, arrow_schema, empty, from_arrow, split_valid
from pizza_assets.errors import SettingsError, SourceError
from pizza_assets.orders.till.book import Book
from pizza_assets.orders.till.evidence import find_out, merged
from pizza_assets.orders.till.files import matching, tables_by_path
from pizza_assets.orders.till.json_files import objects_table
from pizza_assets.orders.till.profile import Field, Profile, read_profile, ready_made
from pizza_assets.orders.till.tables import Table
from pizza_assets.platform.records import DayRecords, Rejected, by_position
from pizza_assets.settings import Settings

_LOGGER = logging.getLogger("pizza_assets.sources")

#: Our names of fields in ORDERS_COLUMNS, and those of a profile.
_FIELDS: Mapping[str, Field] = {
    "order_id": "order_id",
    "timestamp": "time",
    "location": "shop",
    "order_total": "total",
    "pizza_types": "pizzas",
    "quantity": "quantity",
    "currency": "currency",
}
#: The reason that a row of an order is kept with, when the order broke the contract.
_TO_CHECK = "Check the export with pizza-assets orders inspect."


def profile_of(settings: Settings) -> Profile:
    """Return what the settings say of till exports: ``ORDERS_PROFILE``, else ``ORDERS_COLUMNS`` and its like.

    Raises
    ------
    SettingsError
        When the profile cannot be read, or ``ORDERS_COLUMNS`` names a field that we do not have.
    """
    if unknown := sorted(set(settings.orders_columns) - set(_FIELDS)):
        raise SettingsError(f"ORDERS_COLUMNS must have keys out of {list(_FIELDS)}. Found {unknown}. Correct it.")
    given = Profile(columns={_FIELDS[name]: (column,) for name, column in settings.orders_columns.items()})
    name = settings.orders_profile
    below = Profile()
    if name:
        below = ready_made()[name] if name in ready_made() else read_profile(Path(name))
    profile = merged(below, given)
    return merged(Profile(time_zone=settings.orders_time_zone, currency=settings.orders_currency), profile)


class OrderFiles:
    """The till exports that ``ORDERS_FILES`` names.

    Raises
    ------
    SourceError
        When there is none, or some cannot be read: a line for each, with what was expected and what was found; or when
        the files leave open what has to be known.
    SettingsError
        When ``ORDERS_COLUMNS`` names a field that we do not have, or the profile cannot be read.
    """

    def __init__(self, settings: Settings) -> None:
        given = profile_of(settings)
        if settings.orders_columns and not settings.orders_profile:
            _LOGGER.info("ORDERS_COLUMNS is used. A profile can say more: pizza-assets orders inspect writes one.")
        by_path = _tables(settings.orders_files or "")
        findings = find_out([table for tables in by_path.values() for table in tables], given)
        try:
            findings.check()
        except SourceError as error:
            raise SourceError(
                f"{error} Set it in the profile (ORDERS_PROFILE), or run pizza-assets orders inspect.", final=True
            ) from None
        left_out = {table.source: why for table, why in findings.left_out}
        problems = [
            f"{path} must hold orders: {left_out[tables[0].source]}."
            for path, tables in by_path.items()
            if all(table.source in left_out for table in tables)
        ]
        if problems:
            raise SourceError("\n".join(problems), final=True)
        for question in findings.questions:
            _LOGGER.warning("Till exports: %s", question.text)
        self._book = Book(findings.tables, findings.profile)
        unusable = [
            f"Not one order of {name} could be stored: {reason}. {_TO_CHECK}"
            for name, reason in self._book.unusable().items()
        ]
        if unusable:
            raise SourceError("\n".join(unusable), final=True)

    def covers(self, day: date) -> bool:
        """Tell whether something is known of the orders of a UTC day: of some shop, or in part."""
        return self._book.covers(day)

    def uncovered_cities(self, day: date) -> list[str]:
        """Return the cities of which not all orders of a UTC day are known."""
        return self._book.uncovered_cities(day)

    def read(self, days: Sequence[date]) -> dict[date, DayRecords]:
        """Read the orders of the UTC days; they are held in memory, so ask for a month at most.

        A row whose time cannot be read counts for the day of the nearest earlier row in its file, else of the nearest
        later.
        """
        found = {day: self._records(day) for day in days}
        return {day: records for day, records in found.items() if records.received}

    def _records(self, day: date) -> DayRecords:
        frame, violations = split_valid(frame_of(self._book, self._book.orders(day)), DOMINOS_ORDERS)
        rejected, set_aside = list[Rejected](), list[Rejected]()
        for entry in self._book.aside(day):
            kept = rejected if entry.kind == "rejected" else set_aside
            kept.append(Rejected(entry.record, entry.reason if kept is rejected else f"{entry.kind}: {entry.reason}"))
        orders = self._book.orders(day) if len(violations) else pyarrow.table({})
        for position, why in by_position(violations).items():
            record = {name: str(value) for name, value in orders.slice(position, 1).to_pylist()[0].items()}
            rejected.append(Rejected(record, why))
        return DayRecords(frame.reset_index(drop=True), rejected, set_aside=set_aside)


def _tables(pattern: str) -> dict[Path, list[Table]]:
    try:
        paths = matching(pattern)
    except SourceError:
        raise SourceError(f"ORDERS_FILES={pattern} must match files. Found none. Correct it.", final=True) from None
    return tables_by_path(paths)


def frame_of(book: Book, orders: pyarrow.Table) -> pd.DataFrame:
    """Return orders of a book in the types of DOMINOS_ORDERS; their values are not checked."""
    if not len(orders):
        return empty(DOMINOS_ORDERS)
    shops = orders["location"].combine_chunks().dictionary_encode()
    cities = pyarrow.array([book.places[shop].city for shop in shops.dictionary.to_pylist()])
    orders = orders.append_column("data_source", pyarrow.repeat("real", len(orders)))
    orders = orders.append_column("city", cities.take(shops.indices))
    schema = arrow_schema(DOMINOS_ORDERS)
    return from_arrow(orders.select(schema.names).cast(schema), DOMINOS_ORDERS)


def read_again(records: Sequence[Mapping[str, object]], settings: Settings) -> tuple[pd.DataFrame, dict[int, str]]:
    """Read rejected rows of till exports with today's profile.

    Returns
    -------
    tuple
        The orders that can be stored (index: position of their first row), and why each row that is in none of them
        cannot, by its position.
    """
    given = merged(Profile(rows="order"), profile_of(settings))
    is_line = [set(record) == {"line"} for record in records]
    reasons = {at: "the row has not the cells of the table" for at, line in enumerate(is_line) if line}
    rows = [at for at, line in enumerate(is_line) if not line]
    nothing = empty(DOMINOS_ORDERS)
    try:
        findings = find_out([objects_table("rejected rows", [records[at] for at in rows])], given, takes_empty=True)
        findings.check()
    except SourceError as error:
        return nothing, reasons | dict.fromkeys(rows, str(error))
    with Book(findings.tables, findings.profile) as book:
        orders = [book.orders(day) for day in sorted({day for days in book.by_day.values() for day in days})]
        positions = [book.first_rows(day) for day in sorted({day for days in book.by_day.values() for day in days})]
        aside = {rows[entry.row - 1]: entry.reason for entry in book.all_aside()}
        if not orders:
            return nothing, reasons | aside
        at = [rows[position - 1] for of_day in positions for position in of_day]
        frame = frame_of(book, pyarrow.concat_tables(orders)).set_axis(np.array(at), axis="index")
    valid, violations = split_valid(frame, DOMINOS_ORDERS)
    return valid, reasons | aside | by_position(violations)
