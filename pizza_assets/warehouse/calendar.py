"""Match dates: which days of the calendar have football, from the lake's matches.

Belongs here: ``dim_date``'s columns about matches. Does not belong here: reading the lake.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from pizza_assets.platform.columns import Source
from pizza_assets.warehouse.connection import Connection

_UPDATE = """
UPDATE sales.dim_date AS d
SET is_match_date = new.matches > 0, match_count = new.matches, matches_source = new.source
FROM unnest(%s::date[], %s::smallint[], %s::text[]) AS new (day, matches, source)
WHERE d.calendar_date = new.day
AND (d.match_count, d.matches_source) IS DISTINCT FROM (new.matches, new.source)
"""


@dataclass(frozen=True)
class MatchDate:
    """How many matches kick off on a day (UTC), and where that is known from."""

    day: date
    matches: int
    source: Source


def mark_match_dates(connection: Connection, dates: Iterable[MatchDate]) -> int:
    """Write which days have matches and return how many days that changed. Other days stay as they are."""
    found = list(dates)
    columns = [[item.day for item in found], [item.matches for item in found], [item.source for item in found]]
    return connection.execute(_UPDATE, columns).rowcount


def unmarked(connection: Connection, days: Sequence[date]) -> list[date]:
    """Return which of these days the calendar does not know to have, or not to have, matches."""
    marked = "SELECT calendar_date FROM sales.dim_date WHERE calendar_date = ANY(%s) AND is_match_date IS NOT NULL"
    known = {day for (day,) in connection.execute(marked, [list(days)])}
    return [day for day in days if day not in known]
