"""Cleaning rules, as Ibis expressions: types, reasons for rejection, and what unknown things are called.

Belongs here: what happens to one row, the same on every engine. Does not belong here: counting rows
(``quality``), answering questions (``questions``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pizza_assets.contracts.columns import EARLIEST, SOURCES
from pizza_assets.merchants.contract import (
    UNKNOWN_CATEGORY,
    UNKNOWN_CITY,
    UNKNOWN_MERCHANT,
    UNKNOWN_STATE,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: How sources write that a city or state is not known, in lower case.
UNKNOWN_PLACES = ("-1", "unknown")
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
    """Return text without blanks around it, null where nothing is left."""
    return column.cast("string").strip().nullif("")


def _place(column: "ir.Value") -> "ir.StringValue":
    place = _text(column)
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
        "merchant_id": _text(raw.merchant_id),
        "city_id": _place(raw.city_id),
        "state_id": _place(raw.state_id),
        "category": _text(raw.category),
        "purchase_amount": raw.purchase_amount.cast("float64"),
        "purchase_date": raw.purchase_date.cast("timestamp(6)"),
        "installments": _instalments(raw.installments),
        "authorized_flag": _authorised(raw.authorized_flag),
        "data_source": raw.data_source.cast("string") if "data_source" in raw.columns else ibis.literal("real"),
    }


def judged(raw: "ir.Table", limits: Limits) -> "ir.Table":
    """Return transactions with the types of MERCHANT_TRANSACTIONS and ``reason``: why a row is rejected, or null.

    Parameters
    ----------
    raw
        The columns of MERCHANT_TRANSACTIONS, of the types that ``inputs.check_schema`` lets pass. Without
        ``data_source`` the rows count as real.
    """
    columns = _typed(raw)
    return raw.select(**columns, reason=_reason(columns, limits))


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
    """Return the rows that are not rejected, without the reason."""
    return judged_transactions.filter(judged_transactions.reason.isnull()).drop("reason")


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


def merchant_names(merchants: "ir.Table") -> "ir.Table":
    """Return one row per merchant with the one name that it has, null where it has none or several.

    Parameters
    ----------
    merchants
        MERCHANTS: ids and names may repeat.
    """
    row = merchants.select(merchant_id=_text(merchants.merchant_id), merchant_name=_text(merchants.merchant_name))
    by_id = row.filter(row.merchant_id.notnull()).group_by("merchant_id")
    listed = by_id.agg(first=row.merchant_name.min(), last=row.merchant_name.max())
    return listed.select("merchant_id", merchant_name=(listed.first == listed.last).ifelse(listed.first, None))


def named(answer: "ir.Table", names: "ir.Table") -> "ir.Table":
    """Return `answer` with ``merchant_name``: the id where `merchant_names` has none. No row is added or lost."""
    found = names.rename(_id="merchant_id")
    joined = answer.left_join(found, answer.merchant_id == found._id).drop("_id")
    return joined.mutate(merchant_name=joined.merchant_name.fill_null(joined.merchant_id))
