"""Which days an export covers: nothing is known of the others, and nothing is not zero.

Belongs here: a shop's own rhythm, and the days it leaves out. Does not belong here: reading, storing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from pizza_assets.orders.till.profile import Closed

#: So many days in a row without an order are a closed week, an outage, or the way to a stray date.
LONG = 7
#: A day without orders is an outage where its weekday usually has so many: by chance it has none once in 150 times.
USUAL = 5
#: Weeks before and after that tell what is usual.
WEEKS = 8

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Coverage:
    """What is known of one shop.

    Attributes
    ----------
    first, last
        Days of the first and the last order; what is known of them, and of days beside a long gap, is a part.
    gaps
        Days between them of which nothing is known, as first and last day.
    """

    first: date
    last: date
    gaps: tuple[tuple[date, date], ...]

    def covers(self, day: date) -> bool:
        """Tell whether all of a day is known."""
        return self.first < day < self.last and not self.has_gap(day) and not self._is_edge(day)

    def _is_edge(self, day: date) -> bool:
        """Tell whether a day lies at a long gap, where an export may begin or end within the day."""
        one = timedelta(days=1)
        return any(day in (first - one, last + one) for first, last in self.gaps if (last - first).days + 1 >= LONG)

    def has_gap(self, day: date) -> bool:
        """Tell whether a day lies in a gap."""
        return any(first <= day <= last for first, last in self.gaps)

    def spans(self, day: date) -> bool:
        """Tell whether a day lies between the first and the last order."""
        return self.first <= day <= self.last


def coverage(orders: Mapping[date, int], closed: Sequence[Closed] = (), opened: Sequence[Closed] = ()) -> Coverage:
    """Find out what is known of a shop.

    Parameters
    ----------
    orders
        Orders by day; at least one.
    closed, opened
        What a person says of the shop: more days of which nothing is known, and days that truly had no order.

    Returns
    -------
    Coverage
        Without outages and closed weeks. A weekday on which the shop never opens is known: it has no orders.
    """
    first, last = min(orders), max(orders)
    counts = np.zeros((last - first).days + 1, dtype=np.int64)
    for day, count in orders.items():
        counts[(day - first).days] = count
    unknown = _long_gaps(counts) | _outages(counts)
    for span, value in (*((one, True) for one in closed), *((one, False) for one in opened)):
        low, high = (span.first - first).days, (span.last - first).days + 1
        unknown[max(low, 0) : max(high, 0)] = value
    return Coverage(
        first, last, tuple((first + timedelta(days=a), first + timedelta(days=b - 1)) for a, b in _runs(unknown))
    )


def _runs(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return where each run of true values begins, and where it ends (exclusive)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _long_gaps(counts: Counts) -> npt.NDArray[np.bool_]:
    unknown = np.zeros(len(counts), dtype=bool)
    for begin, end in _runs(counts == 0):
        unknown[begin:end] = end - begin >= LONG
    return unknown


def _outages(counts: Counts) -> npt.NDArray[np.bool_]:
    """Find days without orders whose weekday usually has some, in the weeks before and after."""
    unknown = np.zeros(len(counts), dtype=bool)
    for day in np.flatnonzero(counts == 0).tolist():
        beside = counts[day % 7 :: 7][max(day // 7 - WEEKS, 0) : day // 7 + WEEKS + 1]
        others = np.delete(beside, min(day // 7, WEEKS))
        unknown[day] = len(others) > 0 and np.median(others) >= USUAL
    return unknown
