"""The answer for one's own shops: which days it is made from, and what it says, in a few lines.

Belongs here: days and text. Does not belong here: running it (``cli.py``), the statistics (``analysis/``).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta

from pizza_assets.dashboard.publish import current_records
from pizza_assets.errors import SourceError
from pizza_assets.lake.store import Store
from pizza_assets.orders.till.book import Book
from pizza_assets.platform.printable import counted
from pizza_assets.reference import cities, teams

_DURING = "during_match"


def covered_blocks(book: Book) -> list[tuple[date, date]]:
    """Return the spans of UTC days of which something is known, each with its first and last day."""
    days = [day for of_shop in book.by_day.values() for day in of_shop]
    return _spans(day for day in _days(min(days), max(days)) if book.covers(day))


def days_with_matches(
    blocks: Sequence[tuple[date, date]], knows: Callable[[date], bool]
) -> tuple[list[tuple[date, date]], list[str]]:
    """Return the spans of days whose matches are known, and a sentence about the others, if there are some.

    Raises
    ------
    SourceError
        When the matches of none are known.
    """
    days = [day for first, last in blocks for day in _days(first, last)]
    known = [day for day in days if knows(day)]
    if not known:
        raise SourceError(
            f"The files of fixtures have no match from {days[0]} to {days[-1]}, the days of the orders. Give the files "
            "of those seasons."
        )
    unknown = [f"{first} to {last}" for first, last in _spans(day for day in days if not knows(day))]
    sentence = f"The files of fixtures do not cover {', '.join(unknown)}; these days are left out."
    return _spans(known), [sentence] if unknown else []


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _spans(days: Iterable[date]) -> list[tuple[date, date]]:
    """Return ascending days as spans, each with its first and last day."""
    spans: list[tuple[date, date]] = []
    for day in days:
        if spans and spans[-1][1] + timedelta(days=1) == day:
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return spans


def intake(book: Book) -> Iterator[str]:
    """Yield what the answer is made from, and which shops take no part."""
    found = book.counted
    aside = sum(found.set_aside.values())
    yield (
        f"{counted(found.orders, 'order')} of {counted(len(book.places), 'shop')} "
        f"({aside:,} rows set aside, {found.rejected:,} rejected)."
    )
    for shop, place in book.places.items():
        if not place.is_decided:
            yield f"{shop} takes no part: nobody can tell where it is ({place.why}). Say it in shops.csv."
        elif place.city not in cities():
            yield f"{shop} takes no part: no club is known that plays in {place.city}."


def answer(store: Store, book: Book) -> Iterator[str]:
    """Yield the answer as the lake's current data has it: over all matches, then for the clubs of the shops' cities."""
    effects, (meta, *_) = (current_records(store, name) for name in ("effects", "meta"))
    yield (
        f"As of {meta['as_of']}: {counted(meta['orders'], 'order')}, {counted(meta['matches'], 'match')}, "
        f"all {meta['data_source']} data."
    )
    overall = [row for row in effects if row["scope"] == "all" and row["time_window"] == _DURING]
    for row in overall:
        yield f"Does football sell pizza? {row['sentence']}"
    here = {place.city for place in book.places.values()}
    clubs = {f"team:{team.name}": team.name for team in teams().values() if team.city in here}
    for row in effects:
        if row["scope"] in clubs and row["time_window"] == _DURING:
            yield f"{clubs[row['scope']]}: {row['sentence']}"
