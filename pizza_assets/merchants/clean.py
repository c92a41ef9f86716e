"""Cleaning rules, as Ibis expressions: types, reasons for rejection, and what unknown things are called.

Belongs here: what happens to one row, the same on every engine. Does not belong here: counting rows
(``quality``), answering questions (``questions``).
"""

import functools
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow

from pizza_assets.errors import SourceError
from pizza_assets.merchants.contract import (
    UNKNOWN_CATEGORY,
    UNKNOWN_CITY,
    UNKNOWN_MERCHANT,
    UNKNOWN_STATE,
)
from pizza_assets.platform.columns import EARLIEST, LATEST, SOURCES

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: How sources write that a city or state is not known, in lower case.
UNKNOWN_PLACES = ("-1", "unknown")
#: What programs write for a missing value, to the letter: 'Nan' is a town.
MISSING_WORDS = ("nan", "NaN", "NaT", "None", "<NA>", "NULL", "null", "N/A", "#N/A")
#: Whole numbers beyond these are not exact as floats.
_LARGEST_FLOAT_ID = 2**53
#: More monthly instalments than these are codes, not instalments (the data has -1 and 999).
MAX_INSTALMENTS = 60
#: Why a purchase in the future is rejected.
FUTURE = "purchase_date is in the future"
#: Amounts are summed as whole millionths: exact, and the same in whatever order an engine adds them.
MILLIONTHS = 1_000_000


@dataclass(frozen=True)
class Limits:
    """Beyond what a row cannot be true.

    ``latest`` is the local time after which a purchase lies in the future; amounts beyond plus or minus
    ``max_amount`` are absurd.
    """

    latest: datetime
    max_amount: float


def _text(column: "ir.Value") -> "ir.StringValue":
    """Return text without blanks around it, null where nothing is left or a word says that the value is missing."""
    text = column.cast("string").strip().nullif("")
    return text.isin(MISSING_WORDS).ifelse(None, text)


def _id(column: "ir.Value") -> "ir.StringValue":
    """Return an id as text; one that pandas made a float of (123.0, where others are missing) is the whole number."""
    if column.type().is_floating():
        is_exact = column.abs() < _LARGEST_FLOAT_ID
        exact = is_exact.ifelse(column, 0.0)
        return (is_exact & (exact % 1 == 0)).ifelse(exact.cast("int64").cast("string"), _text(column))
    text = _text(column)
    return is_float_id(text).ifelse(text.left(text.length() - 2), text)


def is_float_id(column: "ir.Value") -> "ir.BooleanValue":
    """Tell which ids are whole numbers written as floats; no null."""
    if column.type().is_floating():
        return (column.notnull() & ~column.isnan()).fill_null(False)
    text = column.cast("string").strip()
    return (text.endswith(".0") & text.re_search(r"^-?[0-9]+\.0$")).fill_null(False)


def _place(column: "ir.Value") -> "ir.StringValue":
    place = _id(column)
    return place.lower().isin(UNKNOWN_PLACES).ifelse(None, place)


def _instalments(column: "ir.Value") -> "ir.IntegerValue":
    """Return 0 to 60, null for anything else; whole numbers may come as floats where some are missing."""
    number = column.cast("float64")
    return number.between(0, MAX_INSTALMENTS).ifelse(number, None).cast("int64")


def _authorised(column: "ir.Value") -> "ir.StringValue":
    if column.type().is_boolean():
        return column.ifelse("Y", "N")
    return column.cast("string").strip().upper()


def _typed(raw: "ir.Table") -> dict[str, "ir.Value"]:
    import ibis

    return {
        "merchant_id": _id(raw.merchant_id),
        "city_id": _place(raw.city_id),
        "state_id": _place(raw.state_id),
        "category": _id(raw.category),
        "purchase_amount": raw.purchase_amount.cast("float64"),
        "purchase_date": raw.purchase_date.cast("timestamp(6)"),
        "installments": _instalments(raw.installments),
        "authorized_flag": _authorised(raw.authorized_flag),
        "data_source": raw.data_source.cast("string") if "data_source" in raw.columns else ibis.literal("real"),
    }


def judged(raw: "ir.Table", limits: Limits) -> "ir.Table":
    """Return transactions with the types of MERCHANT_TRANSACTIONS and ``reason``: why a row is rejected, or null.

    ``has_float_id`` tells which rows have an id that was written as a float.

    Parameters
    ----------
    raw
        The columns of MERCHANT_TRANSACTIONS, of the types that ``inputs.check_schema`` lets pass. Without
        ``data_source`` the rows count as real.
    """
    columns = _typed(raw)
    ids = (raw.merchant_id, raw.city_id, raw.state_id, raw.category)
    has_float_id = functools.reduce(operator.or_, map(is_float_id, ids))
    return raw.select(**columns, reason=_reason(columns, limits), has_float_id=has_float_id)


def rejected(raw: "ir.Table", limits: Limits) -> "ir.Table":
    """Return the rows that `judged` rejects, whole as they came, with the reason; dates as text, for any year."""
    rows = raw.mutate(reason=_reason(_typed(raw), limits), purchase_date=raw.purchase_date.cast("string"))
    return rows.filter(rows.reason.notnull())


def _reason(row: Mapping[str, "ir.Value"], limits: Limits) -> "ir.StringValue":
    import ibis

    amount, at = row["purchase_amount"], row["purchase_date"]
    return ibis.cases(
        (amount.isnull() | amount.isnan(), "purchase_amount is missing"),
        (amount.abs() > limits.max_amount, f"purchase_amount is absurd: beyond {limits.max_amount:,.0f} either way"),
        (at.isnull(), "purchase_date is missing"),
        (at > limits.latest, FUTURE),
        (at < EARLIEST.tz_localize(None).to_pydatetime(), f"purchase_date is before {EARLIEST:%Y}"),
        (row["authorized_flag"].fill_null("").notin(["Y", "N"]), "authorized_flag is neither Y nor N"),
        (row["data_source"].fill_null("").notin(SOURCES), "data_source is neither real nor mock"),
        else_=None,
    )


def accepted(judged_transactions: "ir.Table") -> "ir.Table":
    """Return the rows that are not rejected, as MERCHANT_TRANSACTIONS."""
    return judged_transactions.filter(judged_transactions.reason.isnull()).drop("reason", "has_float_id")


def attempts(transactions: "ir.Table") -> "ir.Table":
    """Return accepted transactions as the questions read them: nothing unknown is null, but instalments.

    ``millionths`` is the amount in whole millionths, ``is_sale`` tells whether it was authorised.
    """
    row = transactions
    return row.select(
        merchant_id=row.merchant_id.fill_null(UNKNOWN_MERCHANT),
        city_id=row.city_id.fill_null(UNKNOWN_CITY),
        state_id=row.state_id.fill_null(UNKNOWN_STATE),
        category=row.category.fill_null(UNKNOWN_CATEGORY),
        purchase_date=row.purchase_date,
        millionths=(row.purchase_amount * MILLIONTHS + 0.5).floor().cast("int64"),
        installments=row.installments,
        is_sale=row.authorized_flag == "Y",
    )


def on_the_shops_clock(raw: "ir.Table", time_zone: str | None) -> "ir.Table":
    """Return transactions whose ``purchase_date`` is an instant of a time zone with that zone's clock, without a zone.

    Without `time_zone` they are as they were.
    """
    import ibis

    if time_zone is None:
        return raw
    at = raw.purchase_date.cast("timestamp(6)")
    changes = _clock_changes(time_zone)
    local = [at + ibis.interval(seconds=offset) for _, offset in changes]
    until = [(at < ibis.timestamp(str(change)), clock) for (change, _), clock in zip(changes[1:], local, strict=False)]
    return raw.mutate(purchase_date=ibis.cases(*until, else_=local[-1]) if until else local[-1])


def _clock_changes(time_zone: str) -> list[tuple[datetime, int]]:
    """Return from when (UTC, without a zone) a zone's clock is how many seconds ahead; from the first year of data on.

    Raises
    ------
    SourceError
        When there is no such time zone.
    """
    zone = _zone(time_zone)
    hours = pd.date_range(EARLIEST, LATEST, freq="h")
    ahead = (hours.tz_convert(zone).tz_localize(None) - hours.tz_localize(None)).total_seconds().astype(int)
    changed = map(int, np.flatnonzero(np.diff(ahead, prepend=ahead[0] - 1)))
    return [(hours[place].tz_localize(None).to_pydatetime(), int(ahead[place])) for place in changed]


def _zone(name: str) -> tzinfo:
    try:
        zone: tzinfo = pyarrow.lib.string_to_tzinfo(name)
    except (ValueError, LookupError) as error:
        raise SourceError(f"purchase_date: expected a time zone that is known, found '{name}'.", final=True) from error
    return zone


def merchant_lines(merchants: "ir.Table") -> "ir.Table":
    """Return the list's ids and names as the transactions' are read, without lines that have no id."""
    lines = merchants.select(merchant_id=_id(merchants.merchant_id), merchant_name=_text(merchants.merchant_name))
    return lines.filter(lines.merchant_id.notnull())


def merchant_names(merchants: "ir.Table") -> "ir.Table":
    """Return one row per merchant with the one name that it has, null where it has none or several.

    Parameters
    ----------
    merchants
        MERCHANTS: ids and names may repeat.
    """
    row = merchant_lines(merchants)
    listed = row.group_by("merchant_id").agg(first=row.merchant_name.min(), last=row.merchant_name.max())
    return listed.select("merchant_id", merchant_name=(listed.first == listed.last).ifelse(listed.first, None))


def named(answer: "ir.Table", names: "ir.Table") -> "ir.Table":
    """Return `answer` with ``merchant_name``: the id where `merchant_names` has none. No row is added or lost."""
    found = names.rename(_id="merchant_id")
    joined = answer.left_join(found, answer.merchant_id == found._id).drop("_id")
    return joined.mutate(merchant_name=joined.merchant_name.fill_null(joined.merchant_id))
