"""The local page: one HTML file with everything in it, drawn by the browser without a network.

Belongs here: reading what is published, packing it, filling the template, the Content-Security-Policy. Does
not belong here: what a chart looks like (``charts``), the page's own scripts and style (``page_assets``).
"""

import base64
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd

from pizza_assets.contracts import arrow_schema, empty
from pizza_assets.dashboard import spec
from pizza_assets.dashboard.datasets import DATA_SETS
from pizza_assets.errors import LakeError
from pizza_assets.lake import layout
from pizza_assets.lake.store import Store
from pizza_assets.platform.printable import of_cell
from pizza_assets.reference import cities

#: Matches that carry their hours, so that they open; older ones are listed but do not. Keeps the file small.
MAX_OPENED = 750
#: The hours from kick-off that one match shows.
_OPENED_HOURS = (-3, 5)
#: Days of cities that the page holds one by one; of more it holds the sum of all cities.
MAX_CITY_DAYS = 12_000
ALL_CITIES = "all"
_SCRIPTS = (
    "model.js",
    "words.js",
    "charts.js",
    "tables.js",
    "figures.js",
    "match.js",
    "coming.js",
    "tonight.js",
    "more.js",
    "page.js",
)
_LEFT_OUT = {
    "matches": ("goal_minutes", "pre_match_pct", "post_match_pct", "competition", "result", "uplift_pct"),
    "daily": ("dev_pct", "revenue", "currency", "is_match_day"),
    "correlations": ("as_of", "sentence"),
    "retail": ("p_value", "reason"),
    "effects": ("as_of", "sentence", "expected", "team"),
}


def read_current(store: Store) -> Mapping[str, pd.DataFrame]:
    """Return the current data sets as they were published.

    Raises
    ------
    LakeError
        When nothing was published yet.
    """
    if not any(store.list(layout.MANIFEST_KEY)):
        raise LakeError(
            f"{store.uri(layout.MANIFEST_KEY)} does not exist, so there is nothing to show. Run 'pizza-assets demo' "
            "or 'pizza-assets backfill' first."
        )
    return {name: read_csv(store.read(layout.current_key(name)), name) for name in DATA_SETS}


def read_csv(data: bytes, name: str) -> pd.DataFrame:
    """Return a published CSV with the types of its contract. Raises LakeError when it lacks a column."""
    schema = DATA_SETS[name]
    texts = [
        column for column, kind in schema.columns.items() if kind.dtype.type == pd.StringDtype(na_value=float("nan"))
    ]
    frame = pd.read_csv(io.BytesIO(data), dtype=dict.fromkeys(texts, "str"), keep_default_na=False, na_values=[""])
    if lacking := [column for column in schema.columns if column not in frame]:
        raise LakeError(
            f"The current data set '{name}' lacks the columns {', '.join(lacking)}. pizza-assets verify prints the "
            "command that makes it again."
        )
    for column in texts:
        frame[column] = frame[column].map(of_cell, na_action="ignore")
    for field in arrow_schema(schema):
        if str(field.type).startswith("timestamp"):
            frame[field.name] = pd.to_datetime(frame[field.name], utc=True).dt.as_unit("us")
    if frame.empty:
        return empty(schema)
    return frame.astype({column: kind.dtype.type for column, kind in schema.columns.items()})[list(schema.columns)]


def packed(frame: pd.DataFrame) -> dict[str, Any]:
    """Return a frame by column: texts as codes into their distinct values, instants as minutes since 1970."""
    columns: dict[str, Any] = {}
    for name, values in frame.items():
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            columns[str(name)] = (values.astype("int64") // 60_000_000).tolist()
        elif isinstance(values.dtype, pd.StringDtype):
            codes, levels = pd.factorize(values)
            columns[str(name)] = {"levels": levels.tolist(), "codes": codes.tolist()}
        else:
            plain = values.astype(float).round(6) if values.dtype.kind == "f" else values
            columns[str(name)] = [None if pd.isna(value) else value for value in plain.tolist()]
    return columns


def _hours(hourly: pd.DataFrame, matches: pd.DataFrame) -> dict[str, Any]:
    """Return the hours of the newest matches, by match, city and source.

    Each is the first hour (since 1970), and from there one number of orders and of expected orders an hour,
    null where nothing is known.
    """
    newest = matches.drop_duplicates("match_id").sort_values("kickoff_ts")["match_id"].tail(MAX_OPENED)
    shown = hourly[hourly["match_id"].isin(newest) & hourly["hours_from_kickoff"].between(*_OPENED_HOURS)]
    hour = shown["bucket_ts"].astype("int64") // 3_600_000_000
    series = {}
    for key, rows in shown.assign(hour=hour).groupby(["match_id", "city", "data_source"], sort=False):
        first, last = int(rows["hour"].iloc[0]), int(rows["hour"].iloc[-1])
        by_hour = dict(zip(rows["hour"], zip(rows["orders"], rows["expected"].round(1), strict=True), strict=True))
        pairs = [by_hour.get(at, (None, None)) for at in range(first, last + 1)]
        series["|".join(map(str, key))] = [first, [orders for orders, _ in pairs], [expected for _, expected in pairs]]
    return series


def _days(daily: pd.DataFrame) -> pd.DataFrame:
    """Return the days of each city, or of very many their sum over all cities with a baseline."""
    if len(daily) <= MAX_CITY_DAYS:
        return daily
    sums = daily.dropna(subset="expected").groupby(["day", "data_source"], as_index=False)[["orders", "expected"]].sum()
    return sums.assign(city=ALL_CITIES).astype({"city": "str"}).reindex(columns=daily.columns)


def _worth(daily: pd.DataFrame) -> pd.DataFrame:
    """Return the orders whose value is known and their value, by source, city and currency."""
    known = daily.dropna(subset=["revenue", "currency"])
    return known.groupby(["data_source", "city", "currency"], as_index=False)[["orders", "revenue"]].sum().round(2)


def _zones(frames: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Return the IANA time zone of each city that the page names; cities without a known one have UTC."""
    named = {city for name in ("matches", "anomalies", "forecast") for city in frames[name]["city"]}
    return {city: cities()[city].time_zone for city in sorted(named) if city in cities()}


@cache
def _student_975() -> list[float]:
    """Return the 97.5 % quantiles of Student's t with 1 to 60 degrees of freedom."""
    from scipy.special import stdtrit

    return [round(float(stdtrit(degrees, 0.975)), 4) for degrees in range(1, 61)]


def _matches(matches: pd.DataFrame) -> pd.DataFrame:
    """Return the matches; the opponent is named where its own row is not there to tell it."""
    is_told = matches.duplicated("match_id", keep=False)
    return matches.assign(opponent=matches["opponent"].mask(is_told, "")).round({"ci_low": 1, "ci_high": 1})


def payload(frames: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Return all that the page shows, JSON-able."""
    shown = {**frames, "daily": _days(frames["daily"]), "matches": _matches(frames["matches"])}
    kept = {name: frame.drop(columns=list(_LEFT_OUT.get(name, ()))) for name, frame in shown.items()}
    meta = json.loads(frames["meta"].to_json(orient="records", date_format="iso"))
    return {
        "meta": meta[0] if meta else None,
        "tables": {name: packed(kept[name]) for name in kept if name not in ("meta", "hourly")}
        | {"worth": packed(_worth(frames["daily"]))},
        "zones": _zones(frames),
        "hours": _hours(frames["hourly"], frames["matches"]),
        "rules": {
            "minUnits": spec.MIN_UNITS,
            "minWeeks": spec.MIN_WEEKS,
            "staleAfterDays": spec.STALE_AFTER_DAYS,
            "headlineWindow": spec.HEADLINE_WINDOW,
            "student975": _student_975(),
            "maxOpened": MAX_OPENED,
        },
    }


def _asset(name: str) -> str:
    return (files(__package__) / "page_assets" / name).read_text(encoding="utf-8")


def _inert(document: object) -> str:
    """Return JSON that cannot end the script element that it stands in."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def content_security_policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    """Return the policy: nothing but these scripts and styles, no network, no eval, no inline handlers."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {' '.join(map(_hash, scripts))}",
            f"style-src {' '.join(map(_hash, styles))}",
            "img-src data:",
            "connect-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def render(frames: Mapping[str, pd.DataFrame]) -> str:
    """Return the page of these data sets as one HTML document."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    spec.check()
    vega, style = _asset("vega.js"), _asset("page.css")
    own = "(() => {\n'use strict';\n" + "\n".join(map(_asset, _SCRIPTS)) + "\n})();\n"
    meta, effects = frames["meta"], frames["effects"]
    overall = effects[(effects["scope"] == "all") & (effects["time_window"] == spec.HEADLINE_WINDOW)]
    template = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(_asset("page.html.j2"))
    return template.render(
        title=spec.TITLE,
        policy=content_security_policy([vega, own], [style]),
        style=Markup(style),  # noqa: S704 our own file
        vega=Markup(vega),  # noqa: S704 vl-convert's bundle
        script=Markup(own),  # noqa: S704 our own files
        data=Markup(_inert(payload(frames))),  # noqa: S704 _inert has escaped it
        charts=Markup(_inert(json.loads(_asset("charts.json")))),  # noqa: S704 as above
        visuals={item.id: item for item in spec.VISUALS},
        filters={item.id: item for item in spec.FILTERS},
        meta=meta.to_dict("records")[0] if len(meta) else None,
        sentences=overall["sentence"].tolist(),
        min_units=spec.MIN_UNITS,
        min_weeks=spec.MIN_WEEKS,
    )


def write(store: Store, run_id: str) -> tuple[str, str]:
    """Render the current data sets, put the page into the lake, and return its key and its text."""
    text = render(read_current(store))
    facts = {"run-id": run_id, "bytes": str(len(text.encode()))}
    store.write(layout.PAGE_KEY, text.encode(), facts)
    return layout.PAGE_KEY, text
