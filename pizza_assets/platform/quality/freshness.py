"""Freshness: the latest complete day is present.

Belongs here: which days are there and whole, from the lake's listing alone. Does not belong here: what is in them.
A day counts as complete when it was stored after it was over: one that was stored at six in the evening is not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from pizza_assets.lake import layout
from pizza_assets.lake.store import Listed


@dataclass(frozen=True)
class Freshness:
    """The newest complete day, and how many hours ago it ended; None where there is no complete day."""

    newest_complete: date | None
    hours: float | None
    limit_hours: float

    @property
    def is_fresh(self) -> bool:
        """Tell whether the newest complete day ended within the limit."""
        return self.hours is not None and self.hours <= self.limit_hours

    @property
    def sentence(self) -> str:
        """Return it for people, with what to do."""
        if self.newest_complete is None:
            return "No complete day is there yet. Materialize some (pizza-assets backfill)."
        text = f"The newest complete day is {self.newest_complete}; it ended {self.hours:.0f} h ago"
        if self.is_fresh:
            return f"{text}."
        return (
            f"{text}, and {self.limit_hours:.0f} h is the limit. Look whether the daily run is on and what failed, "
            "then materialize the missing days."
        )


def freshness(objects: Iterable[Listed], now: datetime, limit_hours: float) -> Freshness:
    """Judge a daily data set by its listing.

    Parameters
    ----------
    objects
        The objects of the data set, of any days; other objects do not count.
    now
        In UTC.
    limit_hours
        Hours since the end of the newest complete day from which it is late.
    """
    ends = (
        end
        for item in objects
        if (day := layout.day_of(item.key)) and item.modified_at >= (end := end_of(day)) and end <= now
    )
    newest = max(ends, default=None)
    if newest is None:
        return Freshness(None, None, limit_hours)
    return Freshness(newest.date() - timedelta(days=1), (now - newest).total_seconds() / 3600, limit_hours)


def end_of(day: date) -> datetime:
    """Return the instant (UTC) at which a day is over."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)
