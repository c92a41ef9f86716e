"""Quality of transactions and merchants: what was counted, and whether it is as expected.

Belongs here: counts, as one expression over all rows, and the checks on them. Does not belong here: rejecting
or repairing rows (``clean``).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import pyarrow

from pizza_assets.merchants.clean import FUTURE, merchant_lines
from pizza_assets.merchants.contract import UNKNOWN_MERCHANT
from pizza_assets.merchants.inputs import source_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: The names of the checks.
CHECKS = {
    "not_empty": "Some transaction is usable.",
    "rejected_rows": "At most a tenth of the rows is rejected; more, and the input is not what it says.",
    "future_dates": "No purchase lies in the future.",
    "null_merchants": "Every transaction names its merchant.",
    "negative_amounts": "No amount is negative: refunds and normalised data have some.",
    "midnight_stamps": "Purchases have a time of day: few are stamped 00:00:00.",
    "float_ids": "No id is a whole number written as a float.",
    "duplicate_merchants": "Every merchant is listed once.",
    "unmatched_merchants": "Every merchant with a transaction is listed.",
}
#: More rejected rows than this share: the input is not what it says.
MAX_REJECTED_SHARE = 0.1
#: One second of a day holds 0.001 % of it; more than this share at 00:00:00 are dates without a time.
MAX_MIDNIGHT_SHARE = 0.01


def census(judged: "ir.Table") -> "ir.Table":
    """Return the counts of judged transactions, one row per data source and reason (null: accepted)."""
    row = judged
    at = row.purchase_date
    return row.group_by("data_source", "reason").agg(
        rows=row.count(),
        null_merchants=row.merchant_id.isnull().sum(),
        unknown_categories=row.category.isnull().sum(),
        unknown_cities=row.city_id.isnull().sum(),
        unknown_instalments=row.installments.isnull().sum(),
        negative_amounts=(row.purchase_amount < 0).sum(),
        midnight_stamps=((at.hour() == 0) & (at.minute() == 0) & (at.second() == 0)).sum(),
        declined=(row.authorized_flag == "N").sum(),
        float_ids=row.has_float_id.sum(),
        # Of rejected rows nobody asks, and theirs may lie in years that Python cannot tell.
        first=at.min(where=row.reason.isnull()),
        last=at.max(where=row.reason.isnull()),
    )


def merchant_census(merchants: "ir.Table") -> "ir.Table":
    """Return how many merchants are listed, more than once, with names that conflict, and without a name."""
    row = merchant_lines(merchants)
    by_id = row.group_by("merchant_id").agg(
        lines=row.count(), first=row.merchant_name.min(), last=row.merchant_name.max()
    )
    return by_id.agg(
        listed=by_id.count(),
        repeated=(by_id.lines > 1).sum().fill_null(0),
        conflicting=(by_id.first != by_id.last).sum().fill_null(0),
        nameless=by_id.first.isnull().sum().fill_null(0),
    )


def unmatched(attempts: "ir.Table", names: "ir.Table") -> "ir.Table":
    """Return how many merchants of the attempts are not in the list, and their attempts; the unknown one apart."""
    known = attempts.filter(attempts.merchant_id != UNKNOWN_MERCHANT)
    by_id = known.group_by("merchant_id").agg(rows=known.count())
    unmatched = by_id.anti_join(names, "merchant_id")
    return unmatched.agg(unmatched_merchants=unmatched.count(), unmatched_attempts=unmatched.rows.sum().fill_null(0))


@dataclass(frozen=True)
class Check:
    """One check: whether it passed, whether failing is only a warning, and what was found."""

    name: str
    passed: bool
    says: str
    count: int
    is_warning: bool = True


@dataclass(frozen=True)
class Quality:
    """What was counted. ``received`` = ``stored`` + the sum of ``rejected``; counts are of stored rows."""

    data_source: str
    received: int
    stored: int
    rejected: Mapping[str, int]
    counts: Mapping[str, int]
    first: str | None
    last: str | None
    merchants: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def from_census(cls, found: pyarrow.Table, merchants: Mapping[str, int]) -> Self:
        """Return the quality from `census`, and `merchant_census` and `unmatched` as one mapping.

        Raises
        ------
        SourceError
            When the accepted rows are partly real and partly mock.
        """
        rows = found.to_pylist()
        kept = [row for row in rows if row["reason"] is None]
        rejected: dict[str, int] = {}
        for row in rows:
            if row["reason"] is not None:
                rejected[row["reason"]] = rejected.get(row["reason"], 0) + row["rows"]
        names = [name for name in found.column_names if name not in {"data_source", "reason", "first", "last"}]
        counts = {name: int(sum(row[name] or 0 for row in kept)) for name in names}
        stored = counts.pop("rows")
        # Spark gives local times the session's zone, UTC.
        times: list[datetime] = [at.replace(tzinfo=None) for row in kept for at in (row["first"], row["last"]) if at]
        return cls(
            data_source=source_of([row["data_source"] for row in kept], "The transactions"),
            received=stored + sum(rejected.values()),
            stored=stored,
            rejected=dict(sorted(rejected.items())),
            counts=counts,
            first=min(times).isoformat(sep=" ", timespec="seconds") if times else None,
            last=max(times).isoformat(sep=" ", timespec="seconds") if times else None,
            merchants=dict(merchants),
        )

    def share(self, count: str) -> float:
        """Return a count as a share of the stored rows."""
        return self.counts[count] / self.stored if self.stored else 0.0

    def as_document(self) -> dict[str, Any]:
        """Return it as JSON-able, with the checks."""
        return {**asdict(self), "checks": [asdict(check) for check in checks(self)]}


def checks(quality: Quality) -> list[Check]:
    """Return the checks of a quality, in the order that people read them."""
    rejected = sum(quality.rejected.values())
    share = rejected / quality.received if quality.received else 0.0
    future = quality.rejected.get(FUTURE, 0)
    counted, listed = quality.counts, quality.merchants
    midnight = quality.share("midnight_stamps")
    why = "; ".join(f"{count:,} x {reason}" for reason, count in quality.rejected.items())
    return [
        Check("not_empty", quality.stored > 0, f"{quality.stored:,} transactions are usable.", quality.stored, False),
        Check(
            "rejected_rows",
            share <= MAX_REJECTED_SHARE,
            f"{rejected:,} of {quality.received:,} rows were rejected ({share:.1%}){': ' + why if why else ''}.",
            rejected,
            False,
        ),
        Check("future_dates", future == 0, f"{future:,} purchases lie in the future; they were rejected.", future),
        Check(
            "null_merchants",
            counted["null_merchants"] == 0,
            f"{counted['null_merchants']:,} transactions name no merchant; they count as 'Unknown merchant'.",
            counted["null_merchants"],
        ),
        Check(
            "negative_amounts",
            counted["negative_amounts"] == 0,
            f"{counted['negative_amounts']:,} amounts are negative: refunds, or the data is normalised.",
            counted["negative_amounts"],
        ),
        Check(
            "midnight_stamps",
            midnight <= MAX_MIDNIGHT_SHARE,
            f"{midnight:.1%} of transactions are stamped 00:00:00 to the second: dates without a time, which count "
            "as hour 0 unless midnight is left out of the hours.",
            counted["midnight_stamps"],
        ),
        Check(
            "float_ids",
            counted.get("float_ids", 0) == 0,
            f"{counted.get('float_ids', 0):,} transactions have an id that was written as a float (123.0), as pandas "
            "does where others are missing; it is read as the whole number.",
            counted.get("float_ids", 0),
        ),
        Check(
            "duplicate_merchants",
            listed["repeated"] == 0,
            f"{listed['repeated']:,} of {listed['listed']:,} merchants are listed more than once; "
            f"{listed['conflicting']:,} with names that conflict go by their id.",
            listed["repeated"],
        ),
        Check(
            "unmatched_merchants",
            listed["unmatched_merchants"] == 0,
            f"{listed['unmatched_merchants']:,} merchants with {listed['unmatched_attempts']:,} transactions are "
            "not in the list; they go by their id.",
            listed["unmatched_merchants"],
        ),
    ]
