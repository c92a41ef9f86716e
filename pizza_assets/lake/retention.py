"""How long objects of the lake are kept: one table, for the bucket's lifecycle and for ``pizza-assets lake expire``.

Belongs here: prefixes, days and reasons, and which objects are past them. Does not belong here: options and schedules.
An age counts from the last write of an object, as in a bucket's lifecycle, not from the day that it stands for: a
season that is collected today is kept as long as the day of today.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pizza_assets.errors import UseError
from pizza_assets.lake import layout
from pizza_assets.lake.lock import WriterLock
from pizza_assets.lake.store import Listed, LocalStore, Store

#: Days for which raw data, what is made of it, and the dashboard's history are kept.
RAW_DAYS, PROCESSED_DAYS, HISTORY_DAYS = 90, 365, 30
#: Days for which a bucket keeps versions that were replaced, and parts of uploads that were never completed.
OLD_VERSION_DAYS, UPLOAD_DAYS = 30, 7


@dataclass(frozen=True)
class Rule:
    """Objects below ``prefix`` expire ``days`` days after their last write; where rules overlap, the shorter one."""

    name: str
    prefix: str
    days: int
    why: str


_FOOTBALL = layout.RAW_MATCHES.prefix
_HISTORY = f"{layout.DASHBOARD_PREFIX}/2"  # years, such as 2026/; current/ does not begin with a 2

RULES: tuple[Rule, ...] = (
    Rule("raw-orders", f"{layout.RAW_ORDERS.prefix}/", RAW_DAYS, "order_volume has what analyses read of them"),
    Rule("raw-matches", f"{_FOOTBALL}/", PROCESSED_DAYS, "an analysis reads the matches of its 365 days, and notes"),
    *(
        Rule(f"raw-{table.retailer_id}", f"{table.prefix}/", RAW_DAYS, "the warehouse has loaded them")
        for table in layout.SALES_TABLES.values()
    ),
    *(
        Rule(prefix.rpartition("/")[2], f"{prefix}/", PROCESSED_DAYS, "an analysis reads 365 days")
        for prefix in (
            layout.MATCH_EVENTS.prefix,
            layout.ORDER_VOLUME.prefix,
            layout.MERGED_ORDERS.prefix,
            layout.CORRELATION_PREFIX,
            layout.REPORT_PREFIX,
            layout.PIZZA_VS_FOOTBALL_PREFIX,
        )
    ),
    Rule("compact-months", "compact/", PROCESSED_DAYS, "they repeat days, which go first"),
    Rule("dashboard-history", _HISTORY, HISTORY_DAYS, "viewers read current/; the history is for looking back"),
)

#: What no rule covers, and why.
NEVER: dict[str, str] = {
    f"{layout.DASHBOARD_PREFIX}/current/": "what viewers see, also when nothing new comes",
    f"{layout.METADATA_PREFIX}/": "QuickSight's manifests, and the lineage",
    layout.PAGE_KEY: "the page that viewers open",
    layout.DEMO_KEY: "says that the days are a demo's",
    f"{layout.QUALITY_PREFIX}/": "the history of checks is small and asked for years later",
    f"{layout.WAREHOUSE_ARCHIVE_PREFIX}/": "facts that the warehouse has no longer",
    f"{layout.MERCHANT_TRANSACTIONS_PREFIX}/": "a manifest names its parts, of any age",
    f"{layout.MERCHANTS_PREFIX}/": "the list of merchants",
    f"{layout.MERCHANT_ANSWERS_PREFIX}/": "the answers of today, replaced every month",
}


def rule_of(key: str) -> Rule | None:
    """Return the rule that an object expires by; None when it is kept for ever."""
    return min((rule for rule in RULES if key.startswith(rule.prefix)), key=lambda rule: rule.days, default=None)


def by_rule(store: Store, now: datetime | None = None) -> dict[Rule, list[Listed]]:
    """Return the objects of a lake that are past their rule at `now` (UTC), by rule."""
    found: dict[Rule, list[Listed]] = {}
    at = now or datetime.now(UTC)
    for item in store.list(""):
        rule = rule_of(item.key)
        if rule is not None and at - item.modified_at >= timedelta(days=rule.days):
            found.setdefault(rule, []).append(item)
    return found


def check_is_folder(store: Store) -> None:
    """Raise UseError when the lake is a bucket: its lifecycle expires objects."""
    if not isinstance(store, LocalStore):
        raise UseError(
            f"{store.uri('')} is a bucket, which expires objects by its own lifecycle: 'pizza-assets aws deploy' "
            "sets the same rules there."
        )


def expire(store: Store, now: datetime | None = None) -> dict[Rule, list[Listed]]:
    """Remove what is past its rule from a lake in a folder, while no run writes to it; return it by rule.

    Raises
    ------
    UseError
        When the lake is a bucket.
    """
    check_is_folder(store)
    lock = WriterLock(store)
    lock.acquire()
    try:
        found = by_rule(store, now)
        for items in found.values():
            for item in items:
                store.delete(item.key)
    finally:
        lock.release()
    return found
