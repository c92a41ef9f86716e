"""Rows of an export to typed rows: what each is, and why one is no order.

Belongs here: one row at a time, whole columns at a time. Does not belong here: orders out of several rows
(``book.py``), finding out what a column means (``evidence.py``).
"""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow
import pyarrow.compute as pc

from pizza_assets.orders.till.cell_values import amounts, known_text, pizzas, times
from pizza_assets.orders.till.profile import Field, Mark, Profile
from pizza_assets.orders.till.tables import Cells, Rows
from pizza_assets.platform.columns import EARLIEST, LATEST
from pizza_assets.reference import fold

Mask = npt.NDArray[np.bool_]

#: What is read of each row. ``kind`` is null for a row of an order, else ``rejected`` or why it is set aside;
#: ``record`` holds the row as it came, where it is no row of an order.
PARSED = pyarrow.schema(
    [
        ("position", pyarrow.int64()),
        ("kind", pyarrow.string()),
        ("reason", pyarrow.string()),
        ("record", pyarrow.string()),
        ("number", pyarrow.string()),
        ("placed_at", pyarrow.timestamp("us", "UTC")),
        ("business_day", pyarrow.date32()),
        ("shop", pyarrow.string()),
        ("total", pyarrow.float64()),
        ("names", pyarrow.list_(pyarrow.string())),
        ("pizzas", pyarrow.float64()),
        ("currency", pyarrow.string()),
        ("content", pyarrow.uint64()),
    ]
)
#: How a line of totals begins.
_TOTALS = (
    *("total", "totals", "sub total", "subtotal", "grand total", "grand totals", "report total", "sum", "summe"),
    *("gesamt", "gesamtsumme", "totale", "totali", "total general", "totaal", "somme", "suma"),
)
_LARGEST = 1e12


def parse(rows: Rows, columns: Mapping[Field, Sequence[str]], profile: Profile) -> pyarrow.Table:
    """Read rows as the profile says.

    Parameters
    ----------
    rows
        Some rows of a table.
    columns
        The table's columns of each field, as ``Profile.columns_in`` gives them.
    profile
        With a time zone; date order and decimal sign where the cells need them.

    Returns
    -------
    Table
        Of the schema ``PARSED``, a row for each row.
    """
    count = len(rows)
    found = _Found(count)
    for position, (_, why) in rows.broken.items():
        found.reject(position, why)
    number = known_text(_cells(rows, columns, "order_id").text)
    time = [rows.columns[name] for name in columns["time"]]
    read = times(time[0], time[1] if len(time) > 1 else None, profile.date_order)
    at = read.in_utc(profile.time_zone or "UTC")
    total = amounts(_cells(rows, columns, "total"), profile.decimal or ".")
    total = total / 100 if profile.minor_units else total
    total = np.where(np.abs(total) < _LARGEST, total, np.nan)
    names, pieces, quantity = _pizzas(rows, columns, profile)
    shop = _shops(rows, columns, profile)

    is_empty = known_text(time[0].text).is_null().to_numpy(zero_copy_only=False)
    has_no_number = number.is_null().to_numpy(zero_copy_only=False)
    found.set_aside(_are_totals(rows, is_empty, has_no_number & at.isna().to_numpy()), "total", "a line of totals")
    found.set_aside(_repeat_names(rows, columns), "total", "the names of the columns again")
    for mark in profile.marks:
        if (held := _held(rows, mark)) is not None:
            found.set_aside(held, mark.kind, f"{mark.column} says so")
    given = quantity if profile.rows != "item" else np.where(np.isnan(quantity), 0, quantity)
    with np.errstate(invalid="ignore"):
        is_refund = (quantity < 0) | ((total < 0) & (given <= 0 if profile.rows == "item" else np.True_))
    found.set_aside(is_refund, "refund", "a negative amount or quantity")

    unreadable: dict[Field, Mask] = {
        "order_id": number.is_null().to_numpy(zero_copy_only=False),
        "time": at.isna().to_numpy() | ~read.has_clock,
        "shop": shop.is_null().to_numpy(zero_copy_only=False),
        "total": np.isnan(total) & ("total" in columns) & (profile.total_of == "item"),
        "quantity": _bad_quantity(rows, columns, quantity),
    }
    expected = np.where(at.notna(), "a time of day beside the date", "a date and a time of day").astype(object)
    skipped = at.isna() & read.local.between(EARLIEST.tz_localize(None), LATEST.tz_localize(None))
    expected[skipped.to_numpy()] = f"a time that {profile.time_zone} has (its clocks went forward over this one)"
    for position in np.flatnonzero(np.logical_or.reduce(list(unreadable.values())) & found.is_open).tolist():
        problems = [
            _problem(rows, columns, name, position, time_expected=expected[position])
            for name in unreadable
            if unreadable[name][position]
        ]
        found.reject(position, "; ".join(problems))
    local = at.dt.tz_convert(profile.time_zone or "UTC").dt.tz_localize(None)
    business_day = (local - pd.Timedelta(hours=profile.day_starts)).to_numpy().astype("datetime64[D]")
    currency = known_text(_cells(rows, columns, "currency").text)
    is_code = pc.fill_null(pc.match_substring_regex(pc.utf8_upper(currency), "^[A-Z]{3}$"), False)
    currency = pc.if_else(is_code, pc.utf8_upper(currency), pyarrow.scalar(profile.currency or "GBP"))
    return pyarrow.table(
        {
            "position": rows.first_row + np.arange(count),
            "kind": pyarrow.array(found.kinds, pyarrow.string()),
            "reason": pyarrow.array(found.reasons, pyarrow.string()),
            "record": pyarrow.array(
                [None if kind is None else _json(rows.record(i)) for i, kind in enumerate(found.kinds)],
                pyarrow.string(),
            ),
            "number": number,
            "placed_at": pyarrow.Array.from_pandas(at.astype("datetime64[us, UTC]")),
            "business_day": pyarrow.array(business_day, pyarrow.date32()),
            "shop": shop,
            "total": pyarrow.array(total, mask=np.isnan(total)),
            "names": names,
            "pizzas": pyarrow.array(pieces, mask=np.isnan(pieces)),
            "currency": currency,
            "content": pyarrow.array(_content(rows), pyarrow.uint64()),
        },
        PARSED,
    )


class _Found:
    """What each row is; the first answer stays."""

    def __init__(self, count: int) -> None:
        self.kinds: list[str | None] = [None] * count
        self.reasons: list[str | None] = [None] * count
        self.is_open: Mask = np.ones(count, dtype=bool)

    def reject(self, position: int, why: str) -> None:
        self.kinds[position], self.reasons[position] = "rejected", why
        self.is_open[position] = False

    def set_aside(self, rows: Mask, kind: str, why: str) -> None:
        for position in np.flatnonzero(rows & self.is_open).tolist():
            self.kinds[position], self.reasons[position] = kind, why
        self.is_open &= ~rows


def _cells(rows: Rows, columns: Mapping[Field, Sequence[str]], name: Field) -> Cells:
    if name not in columns:
        return Cells(pyarrow.nulls(len(rows), pyarrow.string()))
    return rows.columns[columns[name][0]]


def _shops(rows: Rows, columns: Mapping[Field, Sequence[str]], profile: Profile) -> pyarrow.Array:
    if "shop" in columns:
        text = known_text(_cells(rows, columns, "shop").text)
        return pc.replace_substring_regex(text, r"\s+", " ")
    name = pyarrow.scalar(profile.shop, pyarrow.string())
    return pyarrow.repeat(name, len(rows))


def _pizzas(
    rows: Rows, columns: Mapping[Field, Sequence[str]], profile: Profile
) -> tuple[pyarrow.Array, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return names, the number of pizzas (NaN: unknown), and the quantity that the row itself gives (NaN: none)."""
    quantity = amounts(_cells(rows, columns, "quantity"), profile.decimal or ".")
    names, spelled = pizzas(_cells(rows, columns, "pizzas").text)
    if profile.rows == "item":
        # The name of an item is one name, whatever stands in it.
        text = pc.replace_substring_regex(known_text(_cells(rows, columns, "pizzas").text), r"\s+", " ")
        names = pyarrow.ListArray.from_arrays(
            pyarrow.array(np.arange(len(rows) + 1), pyarrow.int32()), text.cast(pyarrow.string())
        )
        names = pc.if_else(text.is_null(), pyarrow.scalar(None, names.type), names)
        # Without names rows need not be items: they may be payments.
        spelled = np.full(len(rows), 1.0 if "pizzas" in columns or "quantity" in columns else np.nan)
        if profile.fill_down and "pizzas" in columns:  # the head of an order is a row of its own
            spelled = np.where(text.is_null().to_numpy(zero_copy_only=False), 0.0, spelled)
        if profile.pizza_categories and "category" in columns:
            wanted = [fold(value) for value in profile.pizza_categories]
            is_pizza = _folded_in(_cells(rows, columns, "category").text, wanted)
            names = pc.if_else(pyarrow.array(is_pizza), names, pyarrow.scalar(None, names.type))
            return names, np.where(is_pizza, np.where(np.isnan(quantity), 1, quantity), 0), quantity
    return names, np.where(np.isnan(quantity), spelled, quantity), quantity


def _bad_quantity(rows: Rows, columns: Mapping[Field, Sequence[str]], quantity: npt.NDArray[np.float64]) -> Mask:
    given = known_text(_cells(rows, columns, "quantity").text).is_valid().to_numpy(zero_copy_only=False)
    with np.errstate(invalid="ignore"):
        return np.asarray(
            given & ~((quantity >= 0) & (quantity < 2**31) & (quantity == np.floor(quantity))), dtype=bool
        )


def _held(rows: Rows, mark: Mark) -> Mask | None:
    """Tell which rows a mark means; None where the table has no such column."""
    name = next((name for name in rows.columns if name == mark.column or fold(name) == fold(mark.column)), None)
    if name is None:
        return None
    text = rows.columns[name].text
    if "*" in mark.values:
        return np.asarray(known_text(text).is_valid().to_numpy(zero_copy_only=False), dtype=bool)
    return _folded_in(text, [fold(value) for value in mark.values])


def _folded_in(text: pyarrow.Array, wanted: Sequence[str]) -> Mask:
    encoded = text.dictionary_encode()
    good = np.array([fold(value) in wanted for value in encoded.dictionary.to_pylist()] or [False], dtype=bool)
    at = encoded.indices.fill_null(0).to_numpy(zero_copy_only=False)
    return np.asarray(good[at] & text.is_valid().to_numpy(zero_copy_only=False), dtype=bool)


def _repeat_names(rows: Rows, columns: Mapping[Field, Sequence[str]]) -> Mask:
    """Tell which rows repeat the names of the columns, as reports do on each page."""
    repeats = np.ones(len(rows), dtype=bool)
    for name in (columns["order_id"][0], columns["time"][0]) if "order_id" in columns else ():
        repeats &= np.asarray(pc.fill_null(pc.equal(rows.columns[name].text, name), False))
    return repeats if "order_id" in columns else ~repeats


def _are_totals(rows: Rows, has_no_time: Mask, is_no_order: Mask) -> Mask:
    """Tell which rows are lines of totals, by their first cell that is not empty.

    It is a word for totals in a row without a time, or begins with one, as in 'Total 04/05/2024', where no number and
    no time can be read.
    """
    totals, at = np.zeros(len(rows), dtype=bool), np.flatnonzero(has_no_time | is_no_order)
    if len(at):
        first = pyarrow.nulls(len(at), pyarrow.string())
        for cells in rows.columns.values():
            first = pc.coalesce(first, cells.text.take(pyarrow.array(at)))
        begins = pc.match_substring_regex(first, rf"^(?i:{'|'.join(_TOTALS)})\b")
        begins = np.asarray(pc.fill_null(begins, False).to_numpy(zero_copy_only=False), dtype=bool)
        totals[at] = (_folded_in(first, _TOTALS) & has_no_time[at]) | (begins & is_no_order[at])
    return totals


def _problem(
    rows: Rows, columns: Mapping[Field, Sequence[str]], name: Field, position: int, *, time_expected: str
) -> str:
    here = columns.get(name, ())
    value = " ".join(filter(None, (rows.columns[column].text[position].as_py() for column in here)))
    title = " and ".join(here) or name
    if not value:
        return f"{title} is missing"
    expected = {
        "time": time_expected,
        "total": "an amount",
        "quantity": "a number of pieces",
    }.get(name, "a value")
    return f"{title} = '{value[:60]}': expected {expected}"


def _json(record: Mapping[str, object]) -> str:
    return json.dumps(record, ensure_ascii=False)


def _content(rows: Rows) -> npt.NDArray[np.uint64]:
    """Return a number that tells rows of different content apart."""
    total = np.zeros(len(rows), dtype=np.uint64)
    for cells in rows.columns.values():
        hashed = pd.util.hash_array(np.asarray(cells.text.fill_null("").to_numpy(zero_copy_only=False), dtype=object))
        total = total * np.uint64(1_000_003) + hashed
    return total
