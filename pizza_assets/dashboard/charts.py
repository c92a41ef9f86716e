"""The page's charts: Altair specifications of the visuals, and how they are compiled to Vega.

Belongs here: marks, scales, axes, tooltips. Does not belong here: data, which the page puts in, and colours,
which are custom properties of its style sheet so that dark mode and print need no second drawing.
"""

import json
from collections.abc import Mapping
from typing import Any

from pizza_assets.platform.vega import converter

#: Each chart's own data set has this name; further ones are named where they are used.
ROWS = "rows"
_FONT = "system-ui, -apple-system, 'Segoe UI', sans-serif"
_INK, _MUTED, _LINE, _ACCENT = "var(--ink)", "var(--muted)", "var(--line)", "var(--accent)"
_QUIET, _BAND, _SECOND, _THIRD = "var(--quiet)", "var(--band)", "var(--second)", "var(--third)"
#: The look of every chart.
CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": _FONT,
    "view": {"stroke": "transparent"},
    "axis": {
        "labelColor": _MUTED,
        "titleColor": _MUTED,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "gridColor": _LINE,
        "domain": False,
        "tickColor": _LINE,
        "labelPadding": 6,
    },
    "axisX": {"grid": False},
}
MATCH_TYPES = ("regular", "tournament", "final")
#: The final whistle, in hours from kick-off: two halves, a break of 15 minutes, some stoppage time.
FINAL_WHISTLE = 1.83


def vega_specs() -> Mapping[str, dict[str, Any]]:
    """Return the Vega specification of every chart by its name; data sets are empty."""
    charts = {
        "hours": _hours(),
        "days": _days(),
        "profile": _profile(),
        "matches": _matches(),
        "match": _match(),
        "coming": _coming(),
    }
    return {name: converter().vegalite_to_vega(chart.to_dict(validate=False)) for name, chart in charts.items()}


_LICENSE = (
    "/*! Vega <https://vega.github.io/vega/>, Copyright (c) 2015-2023, University of Washington Interactive Data Lab. "
    "BSD-3-Clause. With parts of D3 <https://d3js.org>, Copyright 2010-2023 Mike Bostock. ISC. */"
)
#: What our charts need of Vega: half of it. vl-convert carries these modules, by these addresses, and asks no network.
_BUNDLE = """
import { View } from "https://cdn.jsdelivr.net/npm/vega-view@6.1.0/+esm";
import { parse } from "https://cdn.jsdelivr.net/npm/vega-parser@7.1.0/+esm";
import { transforms } from "https://cdn.jsdelivr.net/npm/vega-dataflow@6.1.0/+esm";
import * as data from "https://cdn.jsdelivr.net/npm/vega-transforms@5.1.0/+esm";
import * as views from "https://cdn.jsdelivr.net/npm/vega-view-transforms@5.1.0/+esm";
import * as encodings from "https://cdn.jsdelivr.net/npm/vega-encode@5.1.0/+esm";
import { expressionInterpreter } from "https://cdn.jsdelivr.net/npm/vega-interpreter@2.0.0/+esm";
Object.assign(transforms, data, views, encodings);
window.vega = { View, parse, expressionInterpreter };
"""


def vega_script() -> str:
    """Return Vega with its expression interpreter, bundled by vl-convert, as one script that defines ``window.vega``.

    The interpreter runs where a Content-Security-Policy forbids ``eval``. The charts are compiled to Vega
    beforehand, so that no browser compiles them, and Vega-Lite is not part of the page.
    """
    # The bundle declares names such as `$` at the top level; they stay in here.
    return f"{_LICENSE}\n(()=>{{{converter().javascript_bundle(_BUNDLE)}}})();"


def compiled() -> dict[str, str]:
    """Return the files of the page that derive from this module, by name: ``make dictionary`` writes them.

    Compiling takes 2 CPU-seconds, a fifth of what a day costs, and its results change with the code alone.
    """
    specs = json.dumps(vega_specs(), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return {"charts.json": specs + "\n", "vega.js": vega_script()}


def _chart(layers: list[Any], height: int | dict[str, int], **params: float) -> Any:  # noqa: ANN401 - altair's classes are made at run time
    import altair as alt

    return (
        alt.layer(*layers, data=alt.NamedData(name=ROWS))
        .add_params(*(alt.param(name=name, value=value) for name, value in params.items()))
        .properties(width=600, height=height, autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
        .configure(**CONFIG)
    )


def _zero() -> Any:  # noqa: ANN401 - see _chart
    import altair as alt

    return alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(color=_INK, strokeWidth=1)


def _tooltip(**fields: str) -> Any:  # noqa: ANN401 - see _chart
    """Return titles and fields, which the page looks up when it shows a tooltip: not for every mark as it opens."""
    import altair as alt

    return alt.value(json.dumps({title.replace("_", " "): field for title, field in fields.items()}))


def _day_axis() -> Any:  # noqa: ANN401 - see _chart
    import altair as alt

    return alt.Axis(title=None, format="%-d %b", labelOverlap=True, tickCount={"expr": "width / 90"}, grid=False)


def _hours() -> Any:  # noqa: ANN401 - see _chart
    """Return the chart of the first screen: each hour's interval as a bar, its estimate as a dash."""
    import altair as alt

    signed = "(datum.value > 0 ? '+' : datum.value < 0 ? '−' : '') + abs(datum.value)"
    x_scale = alt.Scale(domain=[alt.ExprRef("x_low"), alt.ExprRef("x_high")], nice=False)
    axis = alt.Axis(title="hours from kick-off", values=[-6, -4, -2, 0, 2, 4, 6, 8], labelExpr=signed)
    y_scale = alt.Scale(domain=[alt.ExprRef("y_low"), alt.ExprRef("y_high")], clamp=True, nice=False)
    y_axis = alt.Axis(title=None, tickCount=5, labelExpr=f"{signed} + ' %'")
    x = alt.X("left:Q", scale=x_scale, axis=axis)
    kinds = ["above", "below", "noise"]
    colour = alt.Color("kind:N", legend=None, scale=alt.Scale(domain=kinds, range=[_ACCENT, _SECOND, _MUTED]))
    faded = alt.Opacity("kind:N", legend=None, scale=alt.Scale(domain=kinds, range=[0.3, 0.3, 0.16]))
    shown = _tooltip(Hours="hours", Against_normal="uplift_text", Interval_95="interval", City_kick_offs="n")
    match = (
        alt.Chart(alt.InlineData(values=[{"from": 0, "to": FINAL_WHISTLE}]))
        .mark_rect(color=_BAND)
        .encode(x=alt.X("from:Q", scale=x_scale), x2="to:Q")
    )
    marks = [{"at": 0, "text": "kick-off"}, {"at": FINAL_WHISTLE, "text": "final whistle"}]
    moments = alt.Chart(alt.InlineData(values=marks)).encode(x=alt.X("at:Q", scale=x_scale))
    lines = moments.mark_rule(color=_MUTED, strokeDash=[3, 3], aria=False)
    before, after = (
        alt.Chart(alt.InlineData(values=[mark])).encode(x=alt.X("at:Q", scale=x_scale), text="text:N") for mark in marks
    )
    look: dict[str, Any] = {"y": 2, "baseline": "top", "color": _MUTED, "fontSize": 12, "aria": False}
    names = [before.mark_text(align="right", dx=-5, **look), after.mark_text(align="left", dx=5, **look)]
    bars = (
        alt.Chart()
        .mark_rect(cornerRadius=2, aria=False)
        .encode(
            x=x,
            x2="right:Q",
            y=alt.Y("low:Q", scale=y_scale, axis=y_axis),
            y2="high:Q",
            color=colour,
            opacity=faded,
            tooltip=shown,
        )
    )
    dashes = (
        alt.Chart()
        .mark_rule(strokeWidth=3, aria=False)
        .encode(
            x=x, x2="right:Q", y=alt.Y("pct:Q", scale=y_scale), color=colour, tooltip=shown,
            opacity=alt.Opacity("kind:N", legend=None, scale=alt.Scale(domain=kinds, range=[1, 1, 0.55])),
        )
    )  # fmt: skip
    labels = (
        alt.Chart()
        .mark_text(baseline="bottom", dy=-4, fontSize=12, fontWeight="bold", aria=False)
        .encode(x=alt.X("middle:Q", scale=x_scale), y=alt.Y("high:Q", scale=y_scale), text="label:N", color=colour)
    )
    layers = [match, _zero().encode(y=alt.Y("zero:Q", scale=y_scale)), lines, bars, dashes, labels, *names]
    chart = _chart(layers, 280, x_low=-6, x_high=9, y_low=-20, y_high=40)
    return chart.resolve_scale(color="independent", opacity="independent")


def _days() -> Any:  # noqa: ANN401 - see _chart
    import altair as alt

    day = alt.X("from:T", scale=alt.Scale(type="utc"), axis=_day_axis())
    percent = alt.Y("dev_pct:Q", title="against normal, %", axis=alt.Axis(tickCount=6))
    ordinary = (
        alt.Chart(alt.NamedData(name="ordinary"))
        .mark_rect(color=_BAND)
        .encode(y="low:Q", y2="high:Q", tooltip=_tooltip(What="text"))
    )
    bars = (
        alt.Chart()
        .mark_bar(aria=False)
        .encode(
            x=day,
            x2="to:T",
            y=percent,
            y2=alt.datum(0),
            color=alt.Color(
                "kind:N", legend=None, scale=alt.Scale(domain=["match day", "other day"], range=[_ACCENT, _QUIET])
            ),
            tooltip=_tooltip(
                Day_UTC="day",
                Against_normal="dev_text",
                Orders="orders",
                Normal="expected",
                Kind="kind",
                Matches="matches",
            ),
        )
    )
    return _chart([ordinary, bars, _zero().encode(y="zero:Q")], 230)


def _profile() -> Any:  # noqa: ANN401 - see _chart
    import altair as alt

    hours = alt.X(
        "hour:Q",
        title="hours from kick-off",
        scale=alt.Scale(domain=[-6, 9], nice=False),
        axis=alt.Axis(values=[-6, -4, -2, 0, 2, 4, 6, 8], format="+d"),
    )
    domain = alt.Scale(domain=[alt.ExprRef("y_low"), alt.ExprRef("y_high")], clamp=True)
    percent = alt.Y("uplift_pct:Q", title="against normal, %", scale=domain, axis=alt.Axis(tickCount=5))
    during = (
        alt.Chart(alt.InlineData(values=[{"from": 0, "to": 2, "text": "during the match"}]))
        .mark_rect(color=_BAND)
        .encode(x=alt.X("from:Q"), x2="to:Q")
    )
    band = alt.Chart().mark_area(color=_ACCENT, opacity=0.18, aria=False).encode(x=hours, y=percent, y2="high:Q")
    band = band.encode(y=alt.Y("low:Q", scale=domain, title="against normal, %"))
    line = alt.Chart().mark_line(color=_ACCENT, strokeWidth=2, aria=False).encode(x=hours, y=percent)
    dots = (
        alt.Chart()
        .mark_point(color=_ACCENT, filled=True, size=36, opacity=1, aria=False)
        .encode(
            x=hours,
            y=percent,
            tooltip=_tooltip(Hour="hours", Against_normal="uplift_text", Interval_95="interval", City_kick_offs="n"),
        )
    )
    return _chart([during, band, _zero().encode(y="zero:Q"), line, dots], 200, y_low=-20, y_high=40)


def _matches() -> Any:  # noqa: ANN401 - see _chart
    import altair as alt

    kick_off = alt.X("kickoff:T", scale=alt.Scale(type="utc"), axis=_day_axis())
    scale = alt.Scale(domain=[-100, alt.ExprRef("y_high")], clamp=True, nice=False)
    percent = alt.Y("uplift_pct:Q", title="against normal, %", scale=scale, axis=alt.Axis(tickCount=6))
    type_colour = alt.Color(
        "match_type:N", legend=None, scale=alt.Scale(domain=MATCH_TYPES, range=[_SECOND, _ACCENT, _THIRD])
    )
    intervals = (
        alt.Chart(alt.NamedData(name="intervals"))
        .mark_rule(opacity=0.5, aria=False)
        .encode(x=kick_off, y=alt.Y("low:Q", scale=scale), y2="high:Q", color=type_colour)
    )
    size = alt.Size("expected:Q", legend=None, scale=alt.Scale(range=[24, 260], domainMin=0))
    dots = (
        alt.Chart()
        .mark_point(strokeWidth=1.4, cursor="pointer", aria=False)
        .encode(
            x=kick_off,
            y=percent,
            size=size,
            color=type_colour,
            fill=alt.condition("datum.is_clean", type_colour, alt.value("transparent")),
            fillOpacity=alt.value(0.55),
            shape=alt.Shape(
                "match_type:N", legend=None, scale=alt.Scale(domain=MATCH_TYPES, range=["circle", "square", "diamond"])
            ),
            tooltip=_tooltip(
                Matches="match",
                Kick_off="when",
                Orders_in="city",
                Against_normal="uplift_text",
                Orders="orders",
                Normal="normal",
                Type="kind",
                Counts="counts",
            ),
        )
    )
    chosen = (
        alt.Chart(alt.NamedData(name="chosen"))
        .mark_point(size=420, strokeWidth=2.5, color=_INK, aria=False)
        .encode(x=kick_off, y=percent)
    )
    return _chart([intervals, _zero().encode(y="zero:Q"), dots, chosen], 400, y_high=150)


def _match() -> Any:  # noqa: ANN401 - see _chart
    import altair as alt

    time = alt.X(
        "from:T",
        scale=alt.Scale(type="utc"),
        axis=alt.Axis(
            title="time of day there",
            format="%H:%M",
            tickCount={"expr": "width / 80"},
            labelOverlap="greedy",
            labelSeparation=8,
            grid=False,
        ),
    )
    orders = alt.Y("orders:Q", title="orders per hour", axis=alt.Axis(tickCount=5, tickMinStep=1))
    phases = (
        alt.Chart(alt.NamedData(name="phases"))
        .mark_rect(color=_BAND)
        .encode(
            x=time,
            x2="to:T",
            opacity=alt.Opacity("weight:Q", scale=None, legend=None),
            tooltip=_tooltip(Phase="text"),
        )
    )
    noise = (
        alt.Chart(alt.NamedData(name="noise"))
        .mark_area(interpolate="step-after", color=_QUIET, opacity=0.35, aria=False)
        .encode(x=time, y="low:Q", y2="high:Q")
    )
    bars = (
        alt.Chart()
        .mark_bar(color=_ACCENT, opacity=0.75, binSpacing=2, aria=False)
        .encode(
            x=time,
            x2="to:T",
            y=orders,
            y2=alt.datum(0),
            tooltip=_tooltip(Hour="hour", Orders="orders", Normal="expected", Goals="goals"),
        )
    )
    expected = (
        alt.Chart(alt.NamedData(name="noise"))
        .mark_line(interpolate="step-after", color=_INK, strokeDash=[5, 3], strokeWidth=1.6, aria=False)
        .encode(x=time, y="expected:Q")
    )
    goals = alt.Chart(alt.NamedData(name="goals")).encode(x=alt.X("at:T", scale=alt.Scale(type="utc")))
    shown = _tooltip(Goal="text", At="when")
    rules = goals.mark_rule(color=_THIRD, strokeWidth=1.5, aria=False).encode(tooltip=shown)
    balls = goals.mark_point(shape="circle", filled=True, size=70, color=_THIRD, opacity=1, aria=False).encode(
        y=alt.value(0), tooltip=shown
    )
    minutes = goals.mark_text(color=_INK, fontSize=11, dy=-10, aria=False).encode(y=alt.value(0), text="minute:N")
    return _chart([phases, noise, bars, expected, rules, balls, minutes], 220)


def _coming() -> Any:  # noqa: ANN401 - see _chart
    """Return the days ahead: expected orders as a dash, their intervals as bars, what they were without a match."""
    import altair as alt

    day = alt.X("from:T", scale=alt.Scale(type="utc"), axis=_day_axis())
    orders = alt.Y("orders:Q", title="orders a day", axis=alt.Axis(tickCount=5))
    shown = _tooltip(
        Day_UTC="day", Orders_to_expect="expected", Without_a_match="plain", Interval_80="interval", Interval_95="wide"
    )
    base = alt.Chart()
    wide, narrow = (
        base.mark_rect(color=_QUIET, opacity=opacity, aria=False).encode(
            x=day, x2="to:T", y=alt.Y(f"{low}:Q", title="orders a day"), y2=f"{high}:Q", tooltip=shown
        )
        for opacity, low, high in ((0.25, "low_95", "high_95"), (0.45, "low", "high"))
    )
    line = base.mark_rule(color=_ACCENT, strokeWidth=3, aria=False).encode(x=day, x2="to:T", y=orders, tooltip=shown)
    plain = base.mark_rule(color=_INK, strokeWidth=1.6, strokeDash=[5, 3], aria=False).encode(
        x=day, x2="to:T", y="without:Q"
    )
    return _chart([wide, narrow, line, plain], 220)
