"""What several assets make of a stored day, and what other processes make.

Belongs here: functions of one day. Does not belong here: arithmetic (``analysis``), which days are made, and storing
them; Dagster, which takes other processes seconds to import.
"""

import math
from collections.abc import Collection
from datetime import date, timedelta

from pizza_assets.analysis import alignment
from pizza_assets.analysis.analyse import Analysis, Prepared, analyse_prepared
from pizza_assets.analysis.events import match_events, played
from pizza_assets.analysis.volume import REPEATING, roll_up
from pizza_assets.lake import formats
from pizza_assets.lake.layout import CORRELATION_FILES
from pizza_assets.lake.tables import DailyTable, Day, Files
from pizza_assets.lake.uncovered import UNCOVERED
from pizza_assets.platform.columns import Source
from pizza_assets.platform.metrics import STRONGEST

#: A finding: significant after Benjamini-Hochberg at this level.
ALPHA = 0.05


def source_of(table: DailyTable, day: date) -> Source:
    """Return whether a day of a table with a folder per source is real or mock."""
    source = table.stored[day].source
    if source is None:
        raise TypeError(f"{table.layout.name} has no folder per source")
    return source


def events(raw_matches: DailyTable, day: date) -> Day:
    """Return what happened in the day's matches."""
    matches = raw_matches[day]
    return Day(match_events(matches), source_of(raw_matches, day), facts={"played": len(played(matches))})


def volume(raw_orders: DailyTable, day: date) -> Day:
    """Return the day's orders, counted; cities of which the day does not tell all orders stay named."""
    orders = raw_orders.arrow(day, REPEATING)
    uncovered = raw_orders.facts(day).get(UNCOVERED)
    facts: dict[str, object] = {"orders": len(orders)} | ({UNCOVERED: uncovered} if uncovered else {})
    return Day(roll_up(orders), source_of(raw_orders, day), facts=facts)


def merged(raw_orders: DailyTable, raw_matches: DailyTable, day: date) -> Day:
    """Return the day's orders beside the matches around them; whole when the next day's matches are known.

    A match near midnight needs the day beside, which the table takes from the lake.
    """
    around = [raw_matches[near] for near in (day + timedelta(days=n) for n in (-1, 0, 1)) if near in raw_matches]
    is_complete = day + timedelta(days=1) in raw_matches
    frame = alignment.align(raw_orders.arrow(day, alignment.REPEATING), around, is_complete=is_complete)
    return Day(frame, source_of(raw_orders, day), facts={"is-complete": is_complete})


def correlation_files(analysis: Analysis) -> Files:
    """Return an analysis as the files that the lake keeps of it."""
    results = analysis.results
    found = results[(results["q_value"] <= ALPHA) & results["verdict"].isin(["higher", "lower"])]
    content = (
        formats.csv_bytes(results),
        formats.csv_bytes(found),
        formats.json_bytes(analysis.summary),
    )
    facts: dict[str, object] = {"rows": len(results), "findings": len(found), "as-of": analysis.as_of.isoformat()}
    strongest = results["correlation_coefficient"].abs().max()
    if not math.isnan(strongest):
        facts[STRONGEST] = float(strongest)
    return Files(dict(zip(CORRELATION_FILES, content, strict=True)), facts)


def analysed(prepared: Prepared, window_days: int, focus_teams: Collection[str], as_of: date) -> Files:
    """Analyse the window that ends with a day, and return it as its files; any process can do it."""
    return correlation_files(analyse_prepared(prepared, as_of, window_days, focus_teams))
