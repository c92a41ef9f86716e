"""The report's charts: Altair specifications of the answers, drawn as SVG.

Belongs here: marks, scales, labels. Does not belong here: choosing rows (``report``). Colours are custom
properties of the page's style sheet, with its light colours where there is no style sheet.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pizza_assets.dashboard.charts import CONFIG
from pizza_assets.platform.vega import converter

_WIDTH = 520
_ACCENT, _QUIET, _INK = "var(--accent)", "var(--quiet)", "var(--ink)"
#: First, second and third of a category's hours.
_OPACITY = (1.0, 0.6, 0.3)

Rows = Sequence[Mapping[str, object]]


def _chart(rows: Rows, height: int | dict[str, int], description: str) -> Any:  # noqa: ANN401 altair's classes are made at run time
    import altair as alt

    data = alt.InlineData(values=[dict(row) for row in rows])
    return alt.Chart(data).properties(width=_WIDTH, height=height, description=description)


def _advised() -> Any:  # noqa: ANN401 as above
    import altair as alt

    return alt.condition("datum.is_advised", alt.value(_ACCENT), alt.value(_QUIET))


def bars(rows: Rows, title: str, description: str) -> Any:  # noqa: ANN401 as above
    """Return horizontal bars of ``label`` and ``value``, in the order of the rows, with ``text`` at their end."""
    import altair as alt

    # A reader's fonts are wider than those that the drawing is measured with.
    axis = alt.Axis(labelLimit=230, minExtent=200, ticks=False, labelColor=_INK)
    chart = _chart(rows, {"step": 24}, description).encode(y=alt.Y("label:N", sort=None, title=None, axis=axis))
    most = max((float(str(row["value"])) for row in rows), default=1.0)
    amount = alt.X(
        "value:Q",
        title=title,
        scale=alt.Scale(domainMax=max(most * 1.45, 0), zero=True, nice=False),
        axis=alt.Axis(grid=True, tickCount=5, format="~s"),
    )
    marks = chart.mark_bar(color=_ACCENT, height=15).encode(x=amount)
    texts = chart.mark_text(align="left", dx=4, color=_INK, fontSize=11).encode(x=amount, text="text:N")
    return marks + texts


def columns(rows: Rows, x_title: str, y_title: str, number: str, description: str) -> Any:  # noqa: ANN401 as above
    """Return vertical bars of ``label`` and ``value``; those that are advised stand out. `number` is d3's format."""
    import altair as alt

    return (
        _chart(rows, 170, description)
        .mark_bar()
        .encode(
            x=alt.X("label:O", sort=None, title=x_title, axis=alt.Axis(labelAngle=0, ticks=False)),
            y=alt.Y("value:Q", title=y_title, axis=alt.Axis(tickCount=4, format=number)),
            color=_advised(),
        )
    )


def hour_grid(rows: Rows, description: str) -> Any:  # noqa: ANN401 as above
    """Return the best hours of each category as squares: the darker, the better."""
    import altair as alt

    hour = alt.X(
        "hour:O", scale=alt.Scale(domain=list(range(24))), title="hour of the local clock", axis=alt.Axis(labelAngle=0)
    )
    category = alt.Y(
        "label:N", sort=None, title=None, axis=alt.Axis(labelLimit=130, minExtent=115, ticks=False, labelColor=_INK)
    )
    opacity = alt.Opacity("position:O", scale=alt.Scale(domain=[1, 2, 3], range=list(_OPACITY)), legend=None)
    return (
        _chart(rows, {"step": 22}, description)
        .mark_rect(color=_ACCENT, cornerRadius=2)
        .encode(x=hour, y=category, opacity=opacity)
    )


def svg(chart: Any) -> str:  # noqa: ANN401 as above
    """Return a chart as SVG; its colours are custom properties."""
    return str(converter().vegalite_to_svg(chart.configure(**CONFIG).to_dict()))


def with_colours(drawing: str, style: str) -> str:
    """Return an SVG with the light colours of a style sheet in place of its custom properties."""
    light = dict(re.findall(r"--(\w+): light-dark\((#\w+),", style))
    return re.sub(r"var\(--(\w+)\)", lambda found: light[found[1]], drawing)
