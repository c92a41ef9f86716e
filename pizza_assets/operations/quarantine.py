"""Rejected records in the lake: what lies there, by its reason.

Belongs here: reading and counting. Does not belong here: reading them again (``rereading.py``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pizza_assets.lake import formats, layout
from pizza_assets.lake.layout import RAW_MATCHES, RAW_ORDERS, SALES_TABLES, DailyLayout, SalesLayout
from pizza_assets.lake.store import Store
from pizza_assets.platform.quality.rejects import kind_of

#: Data sets whose quarantine can be read again, by the name of their asset.
REPLAYED: Mapping[str, DailyLayout] = {where.name: where for where in (RAW_MATCHES, RAW_ORDERS)}
#: All data sets with a quarantine.
QUARANTINED: Mapping[str, DailyLayout | SalesLayout] = {**REPLAYED, **SALES_TABLES}

#: A rejected record as it lies in the lake: ``reason`` and ``record``.
Reject = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """Rejects of one data set with one kind of reason: how many, on which days, and the newest of them."""

    data_set: str
    reason: str
    count: int
    days: Sequence[date]
    newest: Reject


def rejects(
    store: Store, where: DailyLayout | SalesLayout, first: date, last: date
) -> Iterator[tuple[date, list[Reject]]]:
    """Yield the rejected records of each day from `first` to `last` that has some."""
    for item in store.list(f"{where.prefix}/rejected/"):
        day = layout.day_of(item.key)
        if day and first <= day <= last:
            yield day, [*formats.read_ndjson(store.read(item.key))]


def kinds(store: Store, data_set: str, first: date, last: date) -> list[Kind]:
    """Return what lies in a data set's quarantine by its reason, the most frequent first."""
    found: dict[str, list[tuple[date, Reject]]] = {}
    for day, of_day in rejects(store, QUARANTINED[data_set], first, last):
        for reject in of_day:
            found.setdefault(kind_of(reject["reason"]), []).append((day, reject))
    ordered = sorted(found.items(), key=lambda item: len(item[1]), reverse=True)
    return [
        Kind(data_set, reason, len(of_kind), sorted({day for day, _ in of_kind}), of_kind[-1][1])
        for reason, of_kind in ordered
    ]
