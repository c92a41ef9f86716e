"""What an analysis reads of the lake, and the last analysis of this process.

The results, the report and the dashboard of a run show the same analysis of the newest day. It is made once.
"""

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

import pandas as pd

from pizza_assets.analysis.analyse import Analysis, Prepared, analyse_prepared, prepare
from pizza_assets.lake.tables import DailyTable, days_with_note
from pizza_assets.lake.uncovered import unobserved
from pizza_assets.platform.columns import Source


@dataclass(frozen=True, eq=False)
class Window:
    """What an analysis reads.

    Attributes
    ----------
    volume, matches
        ORDER_VOLUME and FOOTBALL_MATCHES of the days.
    sources
        The days (UTC) that orders were collected for, and where they are from.
    unobserved
        The days of cities of which not all orders are known; see `coverage.marked`.
    unknown_days
        Days (UTC) of which not all matches are known.
    """

    volume: pd.DataFrame
    matches: pd.DataFrame
    sources: Mapping[date, Source]
    unobserved: pd.DataFrame
    unknown_days: Collection[date]

    def prepared(self) -> Prepared:
        """Put it into arrays, once for all days of a range."""
        return prepare(self.volume, self.matches, self.sources, self.unknown_days, self.unobserved)

    def is_same(self, other: "Window") -> bool:
        """Return whether both hold the same rows; tables are the same only when they are the same object or equal."""
        return all(_is_same(getattr(self, field.name), getattr(other, field.name)) for field in fields(self))


def _is_same(one: Any, other: Any) -> bool:  # noqa: ANN401 any attribute of a window
    if one is other:
        return True
    return one.equals(other) if isinstance(one, pd.DataFrame) else bool(one == other)


def read_window(
    order_volume: DailyTable, raw_matches: DailyTable, first: date, last: date, *, compacts: bool = False
) -> Window:
    """Return what an analysis of `first` to `last` reads.

    With `compacts` the next analysis finds the months in one object each.
    """
    volume, matches = (table.between(first, last, compacts=compacts) for table in (order_volume, raw_matches))
    facts = {day: order_volume.facts(day) for day in order_volume if first <= day <= last}
    sources: dict[date, Source] = {
        day: "real" if of_day["data-source"] == "real" else "mock" for day, of_day in facts.items()
    }
    missing = unobserved(facts, volume["city"].unique())
    return Window(volume, matches, sources, missing, days_with_note(raw_matches.store, raw_matches.layout, "unknown"))


_last: deque[tuple[Window, tuple[object, ...], Analysis]] = deque(maxlen=1)


def analyse_window(window: Window, as_of: date, window_days: int, focus_teams: Collection[str] = ()) -> Analysis:
    """Analyse the `window_days` days up to `as_of`. The same question as the last one has the same answer object."""
    question = (as_of, window_days, tuple(focus_teams))
    for known, asked, analysis in _last:
        if asked == question and window.is_same(known):
            return analysis
    analysis = analyse_prepared(window.prepared(), as_of, window_days, focus_teams)
    _last.append((window, question, analysis))
    return analysis
