"""A retailer's days: from its API where one is named, else mock. Says which, and hands on what was rejected, whole.

Belongs here: which source gives a day. Does not belong here: asking and reading (the module of each retailer), making
mock data (``mock``), storing anything.

Unlike orders and matches, a retailer whose API is named and fails has no mock days: sales are facts of a warehouse,
right or absent. The error tells, the day is missing, and a later run closes the gap. A day that is real in the lake is
kept where its API fails, or is not named any more.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date

import pandas as pd
import pyarrow

from pizza_assets.errors import SourceError
from pizza_assets.platform.api import AuthenticationError
from pizza_assets.platform.columns import Source
from pizza_assets.platform.kept import Kept
from pizza_assets.platform.records import Rejected, emptied
from pizza_assets.retail import retailer_1, retailer_2, retailer_3
from pizza_assets.retail.business_days import time_zone_of
from pizza_assets.retail.mock import mock_sales
from pizza_assets.retail.reading import Dialect, read_lines
from pizza_assets.retail.received import Feed
from pizza_assets.settings import Settings

_LOGGER = logging.getLogger("pizza_assets.sources")

OpenFeed = Callable[[Settings], AbstractContextManager[Feed]]

#: How to open each retailer's API, and how to read its lines.
RETAILERS: Mapping[str, tuple[OpenFeed, Dialect]] = {
    module.DIALECT.retailer_id: (module.open_feed, module.DIALECT) for module in (retailer_1, retailer_2, retailer_3)
}


@dataclass(frozen=True)
class CollectedSales:
    """One business day of one retailer: ``received == len(table) + len(rejected)``.

    `pages` holds the API's answers as they came (None for days made here), `reason` tells why a day was made here.
    """

    day: date
    table: pyarrow.Table
    data_source: Source
    received: int
    rejected: Sequence[Rejected]
    pages: Sequence[str] | None
    reason: str | None


def _not_real(day: date) -> int | None:
    del day
    return None


def collect_sales(
    retailer_id: str,
    days: Sequence[date],
    settings: Settings,
    matches_around: Callable[[date], pd.DataFrame],
    real_rows: Callable[[date], int | None] = _not_real,
    *,
    open_feed: OpenFeed | None = None,
) -> Iterator[CollectedSales | Kept]:
    """Yield the sales of each business day of a retailer, in the order of days.

    A day that is real in the lake is kept where the API fails, and where it answers twice without any lines though the
    lake has some.

    Parameters
    ----------
    retailer_id
        retailer_1, retailer_2 or retailer_3.
    days
        Business days, in any order.
    settings
        Address and credentials, limits, and whether mock data may stand in where no address is set.
    matches_around
        Returns the matches that kick off from the day before to the day after a day; asked for mock days only.
    real_rows
        Returns how many real lines the lake has of a day; None where it has no real sales of it.
    open_feed
        Opens the API in another way than the retailer's own.

    Raises
    ------
    SourceError
        When the API fails, when not one line of a day can be read, and when a day would be mock and
        ``PIZZA_ALLOW_MOCK`` is false; of days that are real in the lake never.
    SettingsError
        When a credential is missing, or the address is none that credentials may be sent to.
    """
    ordered = sorted(set(days))
    own_feed, dialect = RETAILERS[retailer_id]
    url_setting = f"{retailer_id}_url"
    if getattr(settings, url_setting) is None:
        reason = f"{url_setting.upper()} is not set"
        yield from _mock(retailer_id, ordered, settings, matches_around, real_rows, reason)
        return
    login_error: AuthenticationError | None = None
    with (open_feed or own_feed)(settings) as feed:
        for day in ordered:
            try:
                if login_error is not None:
                    raise login_error
                collected = _asked(dialect, feed, day, real_rows, time_zone_of(settings, retailer_id))
            except SourceError as error:
                login_error = error if isinstance(error, AuthenticationError) else None
                if real_rows(day) is None:
                    raise
                yield Kept(day, str(error))
            else:
                yield collected


def _asked(
    dialect: Dialect, feed: Feed, day: date, real_rows: Callable[[date], int | None], time_zone: str
) -> CollectedSales:
    """Return a business day as the API gives it, and asked twice where it would lose all lines that the lake has."""
    retailer_id = dialect.retailer_id
    answer = feed(day)
    rows = None if answer.lines else real_rows(day)
    if rows:
        answer = feed(day)
        if not answer.lines:
            raise SourceError(emptied(f"{retailer_id}'s API", "lines", day, rows))
    table, rejected = read_lines(answer.lines, dialect, answer.data_source, time_zone)
    if rejected and not len(table):
        raise SourceError(
            f"{retailer_id}: not one of {len(rejected)} lines of {day} could be read; the first: "
            f"{rejected[0].reason}. Its format has changed, or {retailer_id.upper()}_URL is another API."
        )
    return CollectedSales(day, table, answer.data_source, len(answer.lines), rejected, answer.pages, None)


def _mock(
    retailer_id: str,
    days: Sequence[date],
    settings: Settings,
    matches_around: Callable[[date], pd.DataFrame],
    real_rows: Callable[[date], int | None],
    reason: str,
) -> Iterator[CollectedSales | Kept]:
    """Yield days as they are without an API: kept where they are real, else mock."""
    made = []
    for day in days:
        if real_rows(day) is not None:
            yield Kept(day, reason)
            continue
        if not settings.pizza_allow_mock:
            raise SourceError(
                f"No real sales of {retailer_id}, and PIZZA_ALLOW_MOCK=false forbids mock ones: {reason}", final=True
            )
        table = mock_sales(retailer_id, day, matches_around(day), settings)
        made.append(day)
        yield CollectedSales(day, table, "mock", len(table), [], None, reason)
    if made:
        _LOGGER.warning("%s: %d days from %s to %s are mock: %s", retailer_id, len(made), made[0], made[-1], reason)
