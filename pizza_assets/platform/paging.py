"""Pages of an API put together: all rows of a question, or an error.

Belongs here: the rules that hold for every API with pages. Does not belong here: how a page is asked for and where the
next one is named (the module of each API).
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pizza_assets.errors import SourceError
from pizza_assets.platform.api import Api
from pizza_assets.platform.http import Reply
from pizza_assets.platform.records import found

_LOGGER = logging.getLogger("pizza_assets.sources")

#: Limits of one question where the API gives no count: a day of a retailer has 3 pages of less than 1 MB.
MOST_PAGES, MOST_BYTES = 1_000, 2**30


@dataclass(frozen=True)
class Page:
    """One page: its rows, the API's count of all rows (None where it gives none), and what to ask for next.

    `following` is None on the last page.
    """

    reply: Reply
    rows: list[object]
    total: int | None
    following: str | None


class _ChangedError(SourceError):
    """The rows changed while the pages were read: asking from the start can help."""


def all_pages(
    api: Api, what: str, ask: Callable[[str], Page], identity: Callable[[object], object], first: str = ""
) -> list[Page]:
    """Return all pages, in order; asked for once more from the start where the rows changed between pages.

    Parameters
    ----------
    api
        For messages.
    what
        The rows that are asked for, for messages, such as ``lines of 2024-05-01``.
    ask
        Returns the page for `first` or for the `following` of the page before.
    identity
        Returns what makes a row this row; None where the row has no identity. A row must not be on two pages.
        Within one page it may repeat: that is a matter of the rows, not of paging.
    first
        What to ask for first.

    Raises
    ------
    SourceError
        When the pages are not whole: counts that differ, more or fewer rows than counted, a row on two pages, a next
        page that was there before, pages without end.
    """
    try:
        return _once(api, what, ask, identity, first)
    except _ChangedError as error:
        _LOGGER.warning("%s Asked again once, from the first page.", error)
    return _once(api, what, ask, identity, first)


def _once(
    api: Api, what: str, ask: Callable[[str], Page], identity: Callable[[object], object], first: str
) -> list[Page]:
    pages, asked, seen = list[Page](), {first}, set[str]()
    number = size = 0
    following: str | None = first
    while following is not None:
        page = ask(following)
        pages.append(page)
        number, size, following = number + len(page.rows), size + len(page.reply.body), page.following
        where = f"page {len(pages)} of the {what}"
        total = pages[0].total
        if page.total != total:
            raise _ChangedError(
                f"{api.name}: expected a count of {total} on {where}, as on page 1, found {page.total}. "
                "The rows changed while they were read: ask again later."
            )
        if total is not None and number > total:
            raise SourceError(
                f"{api.name}: expected {total} {what}, as its own count says, found {number} on {len(pages)} pages. "
                "Report it to the operator of the API."
            )
        if following in asked:
            raise SourceError(
                f"{api.name}: expected a new next page on {where}, found {found(following)} for the second time. "
                "Report it to the operator of the API."
            )
        keys = {json.dumps(key) for key in map(identity, page.rows) if key is not None}
        if repeated := seen & keys:
            raise _ChangedError(
                f"{api.name}: expected new rows on {where}, found {len(repeated)} of an earlier page, such as "
                f"{found(json.loads(min(repeated)))}. Others may be missing: ask again later."
            )
        if following is None:
            break
        if total is not None and not page.rows:
            raise SourceError(
                f"{api.name}: expected rows on {where}, which names a next page, found none. "
                "Report it to the operator of the API."
            )
        if len(pages) >= MOST_PAGES or size > MOST_BYTES:
            raise SourceError(
                f"{api.name}: expected at most {MOST_PAGES} pages and {MOST_BYTES >> 20} MiB of the {what}, found "
                f"{len(pages)} pages with {size >> 20} MiB, and no end. Report it to the operator of the API."
            )
        asked.add(following)
        seen |= keys
    if total is not None and number != total:
        raise _ChangedError(
            f"{api.name}: expected {total} {what}, as its own count says, found {number}. "
            "The answer is not whole: ask again later."
        )
    return pages


def required(api: Api, record: object, key: str, where: str = "") -> object:
    """Return what stands under `key`, which may be null but must be there; `where` names the object, such as ``meta.``.

    Raises
    ------
    SourceError
        When the key is absent: that is not null.
    """
    if not isinstance(record, Mapping) or key not in record:
        keys = f"the keys {sorted(record)[:20]}" if isinstance(record, Mapping) else found(record)
        raise SourceError(f"{api.name}: expected the key '{where}{key}', found {keys}. Check {api.url_setting}.")
    return record[key]


def listed(api: Api, record: object, key: str) -> list[object]:
    """Return the list under `key`; else raise a SourceError."""
    value = required(api, record, key)
    if not isinstance(value, list):
        raise SourceError(
            f"{api.name}: expected a list under the key '{key}', found {found(value)}. Check {api.url_setting}."
        )
    return value


def count(api: Api, record: object, key: str, where: str = "") -> int:
    """Return the whole number, 0 or more, under `key`; else raise a SourceError."""
    value = required(api, record, key, where)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise SourceError(
            f"{api.name}: expected a whole number under '{where}{key}', found {found(value)}. Check {api.url_setting}."
        )
    return value


def next_text(api: Api, record: object, key: str, expected: str, where: str = "") -> str | None:
    """Return the text under `key`, which names the next page, or None where it is null; else raise a SourceError."""
    value = required(api, record, key, where)
    if value is not None and (not isinstance(value, str) or not value):
        raise SourceError(
            f"{api.name}: expected {expected} or null under '{where}{key}', found {found(value)}. "
            "Report it to the operator of the API."
        )
    return value


def by_keys(*keys: str) -> Callable[[object], object]:
    """Return the identity that these keys make: None where the record lacks one of them."""

    def identity(record: object) -> object:
        values = [record.get(key) for key in keys] if isinstance(record, Mapping) else []
        return values if values and None not in values else None

    return identity
