"""The answer for one's own shops: which days it is made from, and what it says, in a few lines.

Belongs here: days and text. Does not belong here: running it (``cli.py``), the statistics (``analysis/``).
"""

from collections.abc import Iterator
from datetime import date, timedelta

from pizza_assets.dashboard.publish import current_records
from pizza_assets.lake.store import Store
from pizza_assets.orders.till.book import Book
from pizza_assets.reference import cities, teams

_DURING = "during_match"


def covered_blocks(book: Book) -> list[tuple[date, date]]:
    """Return the spans of UTC days of which something is known, each with its first and last day."""
    days = [day for of_shop in book.by_day.values() for day in of_shop]
    spans: list[tuple[date, date]] = []
    for number in range((max(days) - min(days)).days + 1):
        day = min(days) + timedelta(days=number)
        if not book.covers(day):
            continue
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
        f"{found.orders:,} orders of {len(book.places)} shop{'s' if len(book.places) != 1 else ''} "
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
        f"As of {meta['as_of']}: {meta['orders']:,} orders, {meta['matches']} matches, all {meta['data_source']} data."
    )
    overall = [row for row in effects if row["scope"] == "all" and row["time_window"] == _DURING]
    for row in overall:
        yield f"Does football sell pizza? {row['sentence']}"
    here = {place.city for place in book.places.values()}
    clubs = {f"team:{team.name}": team.name for team in teams().values() if team.city in here}
    for row in effects:
        if row["scope"] in clubs and row["time_window"] == _DURING:
            yield f"{clubs[row['scope']]}: {row['sentence']}"
