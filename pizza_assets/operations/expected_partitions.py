"""Due days: which days the lake should have by now, and which of them it does not have.

Belongs here: the calendar of the daily refresh, and judging what is stored against it. Does not belong here: starting
runs. Days are UTC; the refresh is at 18:00 of a time zone, and each brings its own day and completes the one before.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pizza_assets.lake import layout
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import days_with_note

REFRESH_AT = time(18)
#: What a refresh should have brought is missed only so long after it.
GRACE = timedelta(minutes=30)
ONE_DAY = timedelta(days=1)


def last_refresh(now: datetime, time_zone: str) -> datetime:
    """Return the newest instant (UTC) up to `now` at which a daily refresh was due."""
    zone = ZoneInfo(time_zone)
    local = now.astimezone(zone).date()
    today = datetime.combine(local, REFRESH_AT, zone)
    newest = today if today <= now else datetime.combine(local - ONE_DAY, REFRESH_AT, zone)
    return newest.astimezone(UTC)


def earliest_refresh_hour(time_zone: str) -> int:
    """Return the hour (UTC) in which the daily refresh is, the earlier one where summer time shifts it."""
    zone = ZoneInfo(time_zone)
    of_year = (datetime.combine(date(2025, month, 1), REFRESH_AT, zone) for month in range(1, 13))
    return min(at.astimezone(UTC).hour for at in of_year)


def days_of_refresh(at: datetime) -> tuple[date, date]:
    """Return the day that the refresh at `at` completes, and the day that it brings so far."""
    today = at.astimezone(UTC).date()
    return today - ONE_DAY, today


def expected(after: date, now: datetime, time_zone: str) -> list[date]:
    """Return the days later than `after` that have ended and whose first refresh is long enough ago."""
    newest = min(_refreshed(now, time_zone), now.astimezone(UTC).date() - ONE_DAY)
    return [after + timedelta(days=n) for n in range(1, (newest - after).days + 1)]


def missing(days: Iterable[date], collected: Mapping[date, datetime], now: datetime, time_zone: str) -> list[date]:
    """Return which of the expected `days` were not collected, or not again after they had ended.

    Parameters
    ----------
    days
        As `expected` gives them.
    collected
        When each stored day was collected (UTC).
    """
    refreshed = _refreshed(now, time_zone)

    def is_there(day: date) -> bool:
        at = collected.get(day)
        return at is not None and (day >= refreshed or at >= _end(day))

    return [day for day in days if not is_there(day)]


def settled(after: date, absent: Sequence[date], now: datetime, time_zone: str) -> date:
    """Return the day up to which nothing is left to be done: before the first missing and the last refreshed one."""
    newest = _refreshed(now, time_zone) - ONE_DAY
    return max(after, min([newest, *(day - ONE_DAY for day in absent)]))


def blocks(days: Iterable[date], longest: int) -> Iterator[tuple[date, date]]:
    """Yield the first and last day of each stretch of consecutive `days`, of at most `longest` days."""
    first = last = None
    for day in sorted(days):
        if first is not None and last is not None and day == last + ONE_DAY and (day - first).days < longest:
            last = day
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = day
    if first is not None and last is not None:
        yield first, last


def collected_at(store: Store, days: Iterable[date]) -> Mapping[date, datetime]:
    """Return when the raw data of those `days` was stored (UTC) that every layer up to the analysis has.

    A day that was kept because its source did not answer was collected then: it is not asked for without end.

    The dashboard's dated history is left out: it expires.
    """
    found = {day: _stored_at(store, day) for day in days}
    return {day: at for day, at in found.items() if at is not None}


def kept_since(store: Store, first: date) -> set[date]:
    """Return the days from `first` on of which matches or orders were kept when they were last asked for."""
    collected = [where for where in layout.DAILY_TABLES.values() if where.by_source]
    return {day for where in collected for day in days_with_note(store, where, "kept") if day >= first}


def _stored_at(store: Store, day: date) -> datetime | None:
    raw: list[datetime] = []
    for where in layout.DAILY_TABLES.values():
        # Mock first: where real replaces it meanwhile, real is there before mock goes.
        keys = (where.key(day, "mock"), where.key(day, "real")) if where.by_source else (where.key(day, "real"),)
        times = [item.modified_at for key in keys for item in store.list(key) if item.key == key]
        if not times:
            return None
        if where.by_source:
            note = where.note_key(day, "kept")
            raw.append(max([*times, *(item.modified_at for item in store.list(note) if item.key == note)]))
    summary = layout.dated_key(layout.CORRELATION_PREFIX, day, layout.CORRELATION_FILES[-1])
    return min(raw) if any(store.list(summary)) else None


def _refreshed(now: datetime, time_zone: str) -> date:
    """Return the day that the newest refresh brought for which enough time has passed."""
    return last_refresh(now - GRACE, time_zone).date()


def _end(day: date) -> datetime:
    return datetime.combine(day + ONE_DAY, time(0), UTC)
