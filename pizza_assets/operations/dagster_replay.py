"""Replaying the quarantine: the raw asset stores its days again, then what depends on them runs.

Belongs here: which days and assets run. Does not belong here: reading the rejects (``quarantine``), the raw assets.
A replay is a run like any other: checked, shown in the UI, with its tag.
"""

from collections.abc import Sequence
from datetime import date, timedelta

from pizza_assets.lake.layout import MERGED_ORDERS, ORDER_VOLUME, RAW_MATCHES
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable
from pizza_assets.platform.dagster_daily_asset import REPLAY_TAG
from pizza_assets.platform.dagster_runs import run_days
from pizza_assets.settings import Settings

_ONE_DAY = timedelta(days=1)


def replay(
    settings: Settings, store: Store, data_set: str, days: Sequence[date], *, verbose: bool = False
) -> list[str]:
    """Store these days of a raw asset again, with what their quarantine can give, and return the runs' ids.

    After it runs what is made of these days, what is merged from the matches of a day beside them, and the analysis
    as of the newest day, so that viewers see it. Analyses as of other later days stay what they were.
    """
    selection = f"key:{data_set} or (key:{data_set}+ and not group:raw)"
    tags = {REPLAY_TAG: data_set}
    runs = []
    for first, last in blocks(days):
        runs += run_days(settings, first, last, selection, tags=tags, verbose=verbose)
        beside = [first - _ONE_DAY, last + _ONE_DAY] if data_set == RAW_MATCHES.name else []
        merged = DailyTable(store, MERGED_ORDERS)
        for day in set(beside) & set(merged):
            runs += run_days(settings, day, day, "key:merged_orders", verbose=verbose)
    newest = max(DailyTable(store, ORDER_VOLUME), default=max(days))
    if newest not in days:
        runs += run_days(settings, newest, newest, "key:correlation_results+", verbose=verbose)
    return runs


def blocks(days: Sequence[date]) -> list[tuple[date, date]]:
    """Return the unbroken spans that days make up, each with its first and last day."""
    spans: list[tuple[date, date]] = []
    for day in sorted(days):
        if spans and spans[-1][1] + _ONE_DAY == day:
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return spans
