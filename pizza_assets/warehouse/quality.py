"""Quality: checks of what was loaded for a retailer and day.

Belongs here: measuring the facts and judging the figures. Does not belong here: rejecting single lines (that is the
contract's), the history of results and what the UI shows of them (``platform``).
"""

from datetime import date
from decimal import Decimal
from typing import Any

from pizza_assets.platform.quality.results import DayResult, Status
from pizza_assets.retail.money import EXPONENTS
from pizza_assets.warehouse.connection import Connection

#: Share of facts that must know their product and store.
_KNOWN_SHARE = 0.99
#: A day is compared with the median of the same weekday in these many days before it, of the same source; where there
#: are fewer than so many of them, with the least and the most of the days of the last weeks.
_USUAL_DAYS, _FEWEST_WEEKDAYS = 56, 3
_RECENT_DAYS, _FEWEST_DAYS = 28, 7
_USUAL_FACTOR = 2.0


#: As ``retail.totals`` tells it: the smallest unit of the currency, or half of it for each item.
_WRONG = """abs(k.total_amount + k.discount - k.quantity * k.unit_price) >= coalesce(u.unit, 0.01)
            AND abs(k.total_amount + k.discount - k.quantity * k.unit_price)
                > abs(k.quantity) * coalesce(u.unit, 0.01) / 2"""
_MEASURES = f"""
WITH retailer AS (SELECT retailer_key FROM sales.dim_retailer WHERE retailer_id = %(retailer)s),
loads AS (
    SELECT * FROM ops.load_audit JOIN retailer USING (retailer_key)
    WHERE source_day = %(day)s AND outcome = 'loaded'
),
last AS (SELECT * FROM loads ORDER BY audit_id DESC LIMIT 1),
kept AS (
    SELECT * FROM sales.fact_sales JOIN retailer USING (retailer_key) WHERE source_day = %(day)s
    UNION ALL
    SELECT * FROM sales.fact_sales_superseded JOIN retailer USING (retailer_key) WHERE source_day = %(day)s
),
earlier AS (
    SELECT d.received - d.rejected - d.merged AS facts, %(day)s::date - d.source_day AS days_before
    FROM ops.loaded_day d JOIN retailer USING (retailer_key)
    WHERE d.source_day BETWEEN %(day)s::date - %(usual_days)s AND %(day)s::date - 1
    AND d.data_source = (SELECT data_source FROM last)
),
weekday AS (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY facts) AS facts, count(*) AS days
    FROM earlier WHERE days_before %% 7 = 0
),
recent AS (
    SELECT min(facts) AS least, max(facts) AS most, count(*) AS days FROM earlier WHERE days_before <= %(recent_days)s
)
SELECT (SELECT count(*) FROM loads) AS loads,
       (SELECT mode FROM last) AS mode,
       (SELECT received - rejected - merged FROM last) AS stated,
       (SELECT received = rejected + merged + inserted + corrected + duplicate + ignored FROM last) AS adds_up,
       count(k.*) AS kept,
       count(k.*) FILTER (WHERE k.product_key = 0 OR k.store_key = 0) AS unknown,
       count(k.*) FILTER (WHERE {_WRONG}) AS wrong_totals,
       count(k.*) FILTER (
           WHERE d.date_key IS NULL OR p.product_key IS NULL OR c.customer_key IS NULL OR s.store_key IS NULL
       ) AS orphans,
       (SELECT count(*) FROM pg_constraint
        WHERE conrelid = 'sales.fact_sales'::regclass AND contype = 'f' AND convalidated) AS foreign_keys,
       max(d.calendar_date) AS newest,
       (SELECT facts FROM weekday) AS usual,
       (SELECT days FROM weekday) AS usual_days,
       (SELECT least FROM recent) AS least,
       (SELECT most FROM recent) AS most,
       (SELECT days FROM recent) AS recent_days
FROM kept k
LEFT JOIN sales.dim_date d USING (date_key)
LEFT JOIN sales.dim_product p USING (product_key)
LEFT JOIN sales.dim_customer c USING (customer_key)
LEFT JOIN sales.dim_store s USING (store_key)
LEFT JOIN unnest(%(currencies)s::text[], %(units)s::numeric[]) AS u (currency, unit) ON u.currency = k.currency
"""  # noqa: S608 a condition of ours
_MISSING = """
SELECT r.retailer_id FROM sales.dim_retailer r
WHERE r.retailer_key <> 0 AND NOT EXISTS (
    SELECT FROM ops.loaded_day d WHERE d.retailer_key = r.retailer_key AND d.source_day = %(day)s
)
ORDER BY r.retailer_key
"""
_NOTE_BROKEN = """
UPDATE ops.load_audit SET broken = %(broken)s WHERE audit_id = (
    SELECT max(audit_id) FROM ops.load_audit JOIN sales.dim_retailer USING (retailer_key)
    WHERE retailer_id = %(retailer)s AND source_day = %(day)s AND outcome = 'loaded'
)
"""
_BROKEN = """
SELECT retailer_id, source_day, broken FROM (
    SELECT DISTINCT ON (retailer_key, source_day) * FROM ops.load_audit WHERE outcome = 'loaded'
    ORDER BY retailer_key, source_day, audit_id DESC
) AS newest
JOIN sales.dim_retailer USING (retailer_key)
WHERE broken IS NOT NULL ORDER BY source_day, retailer_key
"""
_FOREIGN_KEYS = 5
#: The checks of a retailer and day, and the one of a day.
DAY_CHECKS = ("counts_reconcile", "completeness", "volume", "totals", "referential_integrity", "freshness")
MISSING_RETAILER = "missing_retailer"


def check_day(connection: Connection, retailer_id: str, day: date) -> dict[str, DayResult]:
    """Check what was loaded of a retailer's day, note errors beside the load, and return the results by check."""
    values = {
        "retailer": retailer_id,
        "day": day,
        "usual_days": _USUAL_DAYS,
        "recent_days": _RECENT_DAYS,
        "currencies": [*EXPONENTS],
        "units": [Decimal(1).scaleb(-places) for places in EXPONENTS.values()],
    }
    cursor = connection.execute(_MEASURES, values)
    row = cursor.fetchone()
    measured = dict(zip((column.name for column in cursor.description or ()), row or (), strict=True))
    results = judge(day, measured)
    broken = ", ".join(name for name, result in results.items() if result.status == "error") or None
    connection.execute(_NOTE_BROKEN, {"retailer": retailer_id, "day": day, "broken": broken})
    return results


def _usual(measured: dict[str, Any]) -> tuple[float, float] | None:
    """Return the least and the most facts that are usual on such a day; None where there is too little to tell."""
    if measured["usual_days"] >= _FEWEST_WEEKDAYS:
        return measured["usual"], measured["usual"]
    return (measured["least"], measured["most"]) if measured["recent_days"] >= _FEWEST_DAYS else None


def judge(day: date, measured: dict[str, Any]) -> dict[str, DayResult]:
    """Judge the figures of a retailer and day, as ``_MEASURES`` gives them."""
    stated, kept = measured["stated"] or 0, measured["kept"]
    is_stated_once = measured["loads"] == 1 or measured["mode"] == "replace"
    known = 1 - measured["unknown"] / kept if kept else 1.0
    usual = _usual(measured)
    newest = measured["newest"]

    def result(name: str, failed: Status, *, passed: bool, observed: str, expected: str) -> tuple[str, DayResult]:
        message = "" if passed else f"expected {expected}, found {observed}"
        return name, DayResult(day, "passed" if passed else failed, message, {"found": observed})

    return dict(
        [
            result(
                "counts_reconcile",
                "error",
                passed=bool(measured["adds_up"]) and (kept == stated if is_stated_once else kept >= stated),
                observed=f"{kept} statements kept",
                expected=f"{stated}, what the audit says was stated" if measured["loads"] else "a load of the day",
            ),
            result(
                "completeness",
                "warn",
                passed=known >= _KNOWN_SHARE,
                observed=f"{known:.1%} of {kept} facts know their product and store",
                expected=f"at least {_KNOWN_SHARE:.0%}",
            ),
            result(
                "volume",
                "warn",
                passed=usual is None or usual[0] / _USUAL_FACTOR <= stated <= usual[1] * _USUAL_FACTOR,
                observed=f"{stated} facts stated",
                expected="any number, for too few days are there to compare with"
                if usual is None
                else f"half to double the usual {' to '.join(dict.fromkeys(f'{facts:.0f}' for facts in usual))}",
            ),
            result(
                "totals",
                "error",
                passed=measured["wrong_totals"] == 0,
                observed=f"{measured['wrong_totals']} facts whose total does not follow from quantity, price and "
                "discount",
                expected="none",
            ),
            result(
                "referential_integrity",
                "error",
                passed=measured["orphans"] == 0 and measured["foreign_keys"] == _FOREIGN_KEYS,
                observed=f"{measured['orphans']} facts without a member of a dimension, {measured['foreign_keys']} "
                "foreign keys in force",
                expected=f"none, {_FOREIGN_KEYS}",
            ),
            result(
                "freshness",
                "warn",
                passed=newest is not None and newest >= day,
                observed=f"the newest sale is of {newest}" if newest else "no sale",
                expected=f"{day} or later: sales of the day itself",
            ),
        ]
    )


def check_retailers(connection: Connection, day: date) -> DayResult:
    """Check that every retailer has the day; the figure ``missing`` names those that have not."""
    missing = " ".join(name for (name,) in connection.execute(_MISSING, {"day": day}))
    message = f"expected every retailer, found nothing of {missing}" if missing else ""
    return DayResult(day, "error" if missing else "passed", message, {"missing": missing})


def broken_days(connection: Connection) -> list[str]:
    """Return the retailer-days in whose newest load the checks found an error, each as a phrase."""
    return [f"{retailer_id} {day} ({names})" for retailer_id, day, names in connection.execute(_BROKEN)]


def newest_day(connection: Connection) -> date | None:
    """Return the newest day that any retailer has."""
    row = connection.execute("SELECT max(source_day) FROM ops.loaded_day").fetchone()
    return row[0] if row else None
