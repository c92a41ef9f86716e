"""Small pictures of a run: SVG that stands in the UI beside the numbers.

Belongs here: a few marks on a few days. Does not belong here: the dashboard's charts (``dashboard/charts.py``).
Real and mock days never share a line, and each picture says which it shows.
"""

from collections.abc import Sequence

import pandas as pd

from pizza_assets.platform.quality.results import DayResult
from pizza_assets.platform.vega import converter

#: More days make the picture larger than the UI should carry with each run.
_MOST_DAYS = 120
#: A line through few days may be too short to see without dots.
_DOTTED_DAYS = 14
_WIDTH, _HEIGHT = 640, 160
_SOURCES, _COLOURS = ["real", "mock"], ["#1f6f54", "#b4552d"]


def orders_and_expectation(results: Sequence[DayResult]) -> str:
    """Return orders by day, with the band that their weekday makes plausible, as SVG."""
    import altair

    newest = sorted(results, key=lambda result: result.day)[-_MOST_DAYS:]
    days = pd.DataFrame([{"day": result.day.isoformat(), **result.figures} for result in newest])
    days = days.reindex(columns=["day", "orders", "low", "high", "data_source"])
    by_day = altair.Chart(days).encode(x=altair.X("day:T", title=None))
    orders = altair.Y("orders:Q", title="orders per day")
    colour = altair.Color("data_source:N", title="data", scale=altair.Scale(domain=_SOURCES, range=_COLOURS))
    band = by_day.mark_area(opacity=0.2, color="#777", aria=False).encode(
        y=altair.Y("low:Q", title="orders per day"), y2="high:Q"
    )
    dots = {"size": 12} if len(days) <= _DOTTED_DAYS else False
    line = by_day.mark_line(strokeWidth=1.2, point=dots, aria=False).encode(y=orders, color=colour)
    return _svg((band + line).properties(width=_WIDTH, height=_HEIGHT).to_dict(validate=False))


def _svg(specification: dict[str, object]) -> str:
    drawn: str = converter().vegalite_to_svg({**specification, "background": "white"})
    return drawn
