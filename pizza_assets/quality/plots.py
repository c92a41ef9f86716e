"""Small pictures of a run: SVG that stands in the UI beside the numbers.

Belongs here: a few marks on a few days. Does not belong here: the dashboard's charts (``dashboard/charts.py``).
Real and mock days never share a line, and each picture says which it shows.
"""

import io
from collections.abc import Sequence

import pandas as pd

from pizza_assets.quality.results import DayResult

#: More days make the picture larger than the UI should carry with each run.
_MOST_DAYS = 120
#: A line through few days may be too short to see without dots.
_DOTTED_DAYS = 14
_WIDTH, _HEIGHT = 640, 160
_SOURCES, _COLOURS = ["real", "mock"], ["#1f6f54", "#b4552d"]
_WINDOWS = ["pre_match", "during_match", "post_match", "day"]


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
    return _svg((band + line).properties(width=_WIDTH, height=_HEIGHT).to_dict())


def uplift_by_window(correlation_results: bytes) -> str:
    """Return the overall uplift in each time window with its 95 % interval, as SVG.

    Parameters
    ----------
    correlation_results
        CORRELATION_RESULTS of one day, as CSV.
    """
    import altair

    rows = pd.read_csv(io.BytesIO(correlation_results))
    overall = rows[(rows["scope"] == "all") & (rows["method"] == "uplift")]
    shown = overall[["time_window", "data_source", "estimate", "ci_low", "ci_high"]]
    chart = altair.Chart(shown.astype({"estimate": float, "ci_low": float, "ci_high": float}))
    window = altair.Y("time_window:N", title=None, sort=_WINDOWS)
    colour = altair.Color("data_source:N", title="data", scale=altair.Scale(domain=_SOURCES, range=_COLOURS))
    lane = altair.YOffset("data_source:N")
    interval = chart.mark_rule(strokeWidth=2).encode(
        x=altair.X("ci_low:Q", title="orders against expected, %"), x2="ci_high:Q", y=window, yOffset=lane, color=colour
    )
    estimate = chart.mark_point(filled=True, size=60).encode(x="estimate:Q", y=window, yOffset=lane, color=colour)
    nothing = altair.Chart(pd.DataFrame({"x": [0]})).mark_rule(strokeDash=[3, 3], color="#777").encode(x="x:Q")
    return _svg((nothing + interval + estimate).properties(width=_WIDTH, height=_HEIGHT).to_dict())


def _svg(specification: dict[str, object]) -> str:
    import vl_convert

    drawn: str = vl_convert.vegalite_to_svg({**specification, "background": "white"})
    return drawn
