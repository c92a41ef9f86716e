"""The events that the function takes: the schedule's, and those of a person, as days and a selection.

Belongs here: reading an event, and how many days the time left allows. Does not belong here: running them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from pizza_assets.errors import UseError
from pizza_assets.operations.expected_partitions import days_of_refresh

_KEYS = ("from", "to", "select")
_EXAMPLE = '{"from": "2026-11-01", "to": "2026-11-07", "select": "*"}'
#: Seconds that stay free for what follows a run; the first run's days, which are an evening's; and the longest run's.
MARGIN_SECONDS, FIRST_DAYS, MOST_DAYS = 60.0, 2, 31


@dataclass(frozen=True)
class Asked:
    """What an event asks for; both days are included."""

    first: date
    last: date
    select: str = "*"

    @property
    def days(self) -> int:
        """How many days that is."""
        return (self.last - self.first).days + 1

    def after(self, day: date) -> "Asked | None":
        """Return what is left when `day` is done; None when nothing is."""
        return None if day >= self.last else Asked(day + timedelta(days=1), self.last, self.select)

    def as_event(self) -> dict[str, str]:
        """Return the event that asks for it."""
        return {"from": str(self.first), "to": str(self.last), "select": self.select}


def asked(event: object, now: datetime, start: date) -> Asked:
    """Return what an event asks for: an empty one for what the daily refresh at `now` (UTC) brings.

    Parameters
    ----------
    start
        The first day that there is (PIZZA_START_DATE).

    Raises
    ------
    UseError
        When the event is no object, or has an unknown key, a day that is none, or days in the wrong order.
    """
    if not isinstance(event, Mapping):
        raise UseError(f"The event is a {type(event).__name__}: expected an object such as {_EXAMPLE}, or {{}}.")
    # EventBridge's own rules add these to what they send.
    given = {} if event.get("source") == "aws.events" else dict(event)
    if unknown := sorted(str(key) for key in given.keys() - set(_KEYS)):
        raise UseError(f"The event has the key '{unknown[0]}': expected {', '.join(_KEYS)}, as in {_EXAMPLE}, or {{}}.")
    first, last = days_of_refresh(now)
    if not given.keys() & {"from", "to"}:
        return Asked(max(first, start), last, _select(given))
    if "from" not in given:
        raise UseError(f"The event has 'to' and no 'from': expected both, as in {_EXAMPLE}.")
    found = Asked(_day(given, "from"), _day(given, "to" if "to" in given else "from"), _select(given))
    if found.first > found.last:
        raise UseError(f"The event asks for {found.first} to {found.last}: expected the earlier day first. Swap them.")
    return found


def _day(given: Mapping[str, Any], key: str) -> date:
    try:
        return date.fromisoformat(given[key])
    except (TypeError, ValueError):
        raise UseError(
            f"The event's '{key}' is {given[key]!r}: expected a day of the calendar such as '2026-11-01'."
        ) from None


def _select(given: Mapping[str, Any]) -> str:
    found = given.get("select", "*")
    if not isinstance(found, str) or not found.strip():
        raise UseError(f"The event's 'select' is {found!r}: expected a selection such as 'order_volume+'.")
    return found


def next_block(days_left: int, seconds_left: float, seconds_a_day: float | None) -> int:
    """Return how many days the next run takes; 0 when not even one day fits into the time.

    The first run is an evening's two days, which show how long a day takes. Twice that is planned for each later day.

    Parameters
    ----------
    seconds_left
        Until Lambda ends the function.
    seconds_a_day
        The most that a day took so far; None before the first.
    """
    free = seconds_left - MARGIN_SECONDS
    if seconds_a_day is None:
        return min(days_left, FIRST_DAYS) if free > 0 else 0
    return max(0, min(days_left, MOST_DAYS, int(free / max(2 * seconds_a_day, 0.001))))
