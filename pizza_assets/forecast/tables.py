"""The forecast and the pooled effects as tables.

Belongs here: from a `Forecast` or `Pooled` to rows of their contracts, and sentences about them. Does not belong here:
estimates (``analysis``), reading and storing.
"""

from collections.abc import Hashable, Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow

from pizza_assets.analysis.contract import KINDS
from pizza_assets.analysis.forecast import Forecast, quantiles
from pizza_assets.analysis.grid import Floats, Ints, instants_of
from pizza_assets.analysis.pooling import Effects, Pooled, interval
from pizza_assets.analysis.shops import by_shop, split_key
from pizza_assets.analysis.windows import BIN_MINUTES, BINS_PER_DAY, BINS_PER_HOUR, SPAN_HOURS
from pizza_assets.contracts import arrow_schema, conform, empty, from_arrow
from pizza_assets.forecast.contract import ALL_SHOPS, LEVELS, NO_CITY, ORDER_FORECAST, POOLED_EFFECTS
from pizza_assets.platform.columns import Source
from pizza_assets.reference import cities

_NO_MATCH = "none"
#: Matches that the report tells one by one.
MAX_TOLD = 30
_DURING = "during_match"


def forecast_rows(
    of: Forecast | str,
    as_of: date,
    pizzas_per_order: Mapping[str, float],
    data_source: Source = "mock",
    sold: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return a forecast as ORDER_FORECAST.

    Parameters
    ----------
    of
        The forecast, or why there is none.
    as_of
        Its day.
    pizzas_per_order
        By city; cities that are absent have no pizzas.
    data_source
        The label of the row that says why there is none.
    sold
        Orders of the last days by shop, as `by_shop` takes them; None where shops are not known.

    Notes
    -----
    Quarter hours in which nothing is ever sold have no row.
    """
    if isinstance(of, str):
        return conform(pd.DataFrame([_reason_row(as_of, NO_CITY, "horizon", data_source, of)]), ORDER_FORECAST)
    parts = [part.assign(shop=ALL_SHOPS) for part in (_matches(of), *_spans(of))]
    in_shops = None if sold is None else by_shop(of, sold)
    if in_shops is not None:
        parts += map(_with_shops, (_matches(in_shops), *_spans(in_shops)))
    frame = pd.concat([part for part in parts if len(part)], ignore_index=True)
    per_order = frame["city"].map(lambda city: pizzas_per_order.get(city, np.nan)).astype(float)
    frame["pizzas"] = (frame["expected"] * per_order).round(2)
    reasons = [
        _reason_row(as_of, name, "horizon", of.data_source, reason)
        if what == "city"
        else _reason_row(as_of, NO_CITY, "match", of.data_source, reason) | _fixture(of.fixtures, name)
        for what, name, reason in of.left_out.itertuples(index=False)
    ]
    if in_shops is not None:
        for _, name, reason in in_shops.left_out.itertuples(index=False):
            city, shop = split_key(name)
            reasons.append(_reason_row(as_of, city, "horizon", of.data_source, reason) | {"shop": shop})
    frame = frame.assign(as_of=as_of.isoformat(), data_source=of.data_source, reason=None)
    frame["match_orders"] = (frame["expected"] - frame["without_match"]).round(3)
    columns = list(ORDER_FORECAST.columns)
    table = pyarrow.Table.from_pandas(frame[columns], arrow_schema(ORDER_FORECAST), preserve_index=False)
    rest = pyarrow.Table.from_pylist(reasons, schema=arrow_schema(ORDER_FORECAST))
    return from_arrow(pyarrow.concat_tables([table, rest]).combine_chunks(), ORDER_FORECAST)


def _with_shops(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows named by city and shop with a column for each."""
    if not len(rows):
        return rows
    pairs = [split_key(key) for key in rows["city"]]
    return rows.assign(city=[city for city, _ in pairs], shop=[shop for _, shop in pairs])


def _reason_row(as_of: date, city: str, span: str, data_source: Source, reason: str) -> dict[str, object]:
    start = pd.Timestamp(as_of, tz="UTC") + pd.Timedelta(days=1)
    return {
        "as_of": as_of.isoformat(),
        "city": city,
        "shop": ALL_SHOPS,
        "span": span,
        "start": start,
        "minutes": 0,
        "kickoff_ts": start,
        "match_ids": _NO_MATCH,
        "data_source": data_source,
        "reason": reason,
        **dict.fromkeys(("matches", "expected", "without_match", "match_orders", "pizzas")),
        **{f"{end}_{level}": None for level in LEVELS for end in ("low", "high")},
    }


def _fixture(fixtures: pd.DataFrame, match_id: str) -> dict[str, object]:
    row = fixtures[fixtures["match_id"] == match_id].to_dict("records")[-1]
    at = row["timestamp"]
    return {"match_ids": match_id, "matches": _in_words(row), "start": at, "kickoff_ts": at}


def _in_words(row: Mapping[Hashable, object]) -> str:
    return f"{row['home_team']} - {row['away_team']} ({row['competition']})"


def _ends(mean: Floats, variance: Floats) -> dict[str, Ints]:
    return {
        f"{end}_{level}": quantiles(mean, variance, 0.5 + side * level / 200).astype(np.int64)
        for level in LEVELS
        for end, side in (("low", -1), ("high", 1))
    }


def _matches(of: Forecast) -> pd.DataFrame:
    """Return the matches, each with the orders from 2 h before to 4 h after kick-off."""
    if not len(of.units):
        return pd.DataFrame()
    city = pd.Index(of.cities).get_indexer(pd.Index(of.units["city"])).astype(np.int64)
    kick_off = of.units["kick_off_bin"].to_numpy(dtype=np.int64)
    first, last = (np.clip(kick_off + hours * BINS_PER_HOUR - of.first_bin, 0, of.n_bins) for hours in SPAN_HOURS)
    mean, without, variance = of.windows(city, first, last)
    words = {str(row["match_id"]): _in_words(row) for row in of.fixtures.to_dict("records")}
    ids = of.units["match_ids"].tolist()
    return pd.DataFrame(
        {
            "city": of.units["city"].to_numpy(),
            "span": "match",
            "start": instants_of(of.first_bin + first),
            "minutes": (last - first) * BIN_MINUTES,
            "kickoff_ts": of.units["kick_off_at"].to_numpy(),
            "match_ids": ids,
            "matches": ["; ".join(words[match] for match in one.split()) for one in ids],
            "expected": mean.round(3),
            "without_match": without.round(3),
            **_ends(mean, variance),
        }
    ).assign(kickoff_ts=of.units["kick_off_at"].to_numpy())


def _spans(of: Forecast) -> list[pd.DataFrame]:
    """Return quarter hours, days, and the horizon as a whole."""
    expected, variance, n_days = of.expected, of.variance(), of.n_bins // BINS_PER_DAY
    city, bins = np.nonzero(expected > 0)
    quarters = _frame(
        of, "quarter_hour", city, bins, bins + 1, (expected[city, bins], of.plain[city, bins], variance[city, bins])
    )
    frames = [quarters]
    for span, length in (("day", BINS_PER_DAY), ("horizon", of.n_bins)):
        pieces = n_days if span == "day" else 1
        rows, piece = (values.ravel() for values in np.indices((len(of.cities), pieces)))
        low = piece * length
        frames.append(_frame(of, span, rows, low, low + length, of.windows(rows, low, low + length)))
    return frames


def _frame(
    of: Forecast, span: str, city: Ints, low: Ints, high: Ints, sums: tuple[Floats, Floats, Floats]
) -> pd.DataFrame:
    mean, without, variance = sums
    start = instants_of(of.first_bin + low)
    return pd.DataFrame(
        {
            "city": np.asarray(of.cities, dtype=object)[city],
            "span": span,
            "start": start,
            "minutes": (high - low) * BIN_MINUTES,
            "kickoff_ts": start,
            "match_ids": _on(of, city, low, high) if span != "horizon" else _NO_MATCH,
            "matches": None,
            "expected": mean.round(4),
            "without_match": without.round(4),
            **_ends(mean, variance),
        }
    )


def _on(of: Forecast, city: Ints, low: Ints, high: Ints) -> list[str]:
    """Return the matches whose windows reach into each span, separated by blanks."""
    on: dict[int, list[str]] = {}
    rows = pd.Index(of.cities).get_indexer(pd.Index(of.units["city"]))
    first, last = [of.units["kick_off_bin"].to_numpy() + hours * BINS_PER_HOUR - of.first_bin for hours in SPAN_HOURS]
    for unit, ids in enumerate(of.units["match_ids"]):
        for at in np.flatnonzero((city == rows[unit]) & (low < last[unit]) & (high > first[unit])):
            on.setdefault(int(at), []).append(ids)
    return [" ".join(dict.fromkeys(" ".join(on[at]).split())) if at in on else _NO_MATCH for at in range(len(city))]


def pizzas_per_order(volume: pd.DataFrame, data_source: Source) -> dict[str, float]:
    """Return the mean pizzas of an order of ORDER_VOLUME by city, over rows that tell them."""
    known = volume[(volume["data_source"] == data_source) & volume["pizzas"].notna()]
    sums = known.groupby("city")[["pizzas", "orders"]].sum()
    return {str(city): float(row["pizzas"] / row["orders"]) for city, row in sums.iterrows() if row["orders"] > 0}


def pooled_rows(effects: Mapping[Source, Effects]) -> pd.DataFrame:
    """Return the marginal pooled effects of each source as POOLED_EFFECTS."""
    frames = [
        _pooled_frame(of, kind, window, source)
        for source, of_source in effects.items()
        for window, of_kinds in of_source.marginal.items()
        for kind, of in of_kinds.items()
        if len(of.names)
    ]
    if not frames:
        return empty(POOLED_EFFECTS)
    return conform(pd.concat(frames, ignore_index=True), POOLED_EFFECTS)


def _percent(log_uplift: Floats) -> Floats:
    result: Floats = (100 * np.expm1(log_uplift)).round(2)
    return result


def _pooled_frame(of: Pooled, kind: str, window: str, source: Source) -> pd.DataFrame:
    log = np.append(of.mean, of.shrunk)
    low, high = interval(log, np.append(of.mean_variance, of.shrunk_variance))
    nothing = [np.nan] * len(of.names)
    spread = {
        name: [round(100 * float(np.expm1(value)), 2), *nothing]
        for name, value in (
            ("spread_pct", of.spread),
            ("spread_low", of.spread_low),
            ("spread_high", of.spread_high),
        )
    }
    return pd.DataFrame(
        {
            "kind": kind,
            "name": ["all", *of.names],
            "time_window": window,
            "data_source": source,
            "n_matches": np.append(of.n_units.sum(), of.n_units).astype(np.int64),
            "own_pct": _percent(np.append(of.mean, of.raw)),
            "uplift_pct": _percent(log),
            "ci_low": _percent(low),
            "ci_high": _percent(high),
            **spread,
            "differ": of.differ,
        }
    )


_PLURAL = {"club": "Clubs", "competition": "Competitions", "stage": "Stages", "slot": "Kick-off slots"}


def spread_sentence(row: Mapping[Hashable, Any]) -> str:
    """Return what the row of all groups of a kind says: whether they differ, and by how much."""
    name = _PLURAL[str(row["kind"])]
    if pd.isna(row["spread_pct"]):
        return f"{name}: too few to tell whether they differ."
    if row["spread_high"] <= 0:
        return f"{name} do not differ measurably: they differ less than chance alone makes them."
    ends = f"between {row['spread_low']:.0f} and {row['spread_high']:.0f} %"
    if not row["differ"]:
        return (
            f"{name} do not differ measurably: the standard deviation between them lies {ends}, which includes none at "
            "all."
        )
    return f"{name} differ: the standard deviation between them is {row['spread_pct']:.0f} %, {ends} (95 %)."


def differences(effects: Mapping[Source, Effects]) -> dict[str, list[str]]:
    """Return by source whether clubs, competitions, stages and slots differ during matches, in sentences.

    Where clubs differ, the one with the largest and the one with the smallest pooled uplift are named.
    """
    rows = pooled_rows(effects)
    rows = rows[rows["time_window"] == _DURING]
    found: dict[str, list[str]] = {}
    for source, of_source in rows.groupby("data_source", sort=False):
        sentences = found.setdefault(str(source), [])
        for kind in sorted(KINDS, key=lambda kind: kind != "club"):
            of_kind = of_source[of_source["kind"] == kind]
            if of_kind.empty:
                continue
            overall = of_kind[of_kind["name"] == "all"].to_dict("records")[0]
            groups = of_kind[of_kind["name"] != "all"].sort_values("uplift_pct", ascending=False)
            named = f" {_estimate(groups.iloc[0])}; {_estimate(groups.iloc[-1])}." if overall["differ"] else ""
            sentences.append(spread_sentence(overall) + named)
    return found


def _estimate(row: "pd.Series") -> str:
    return f"{row['name']} {row['uplift_pct']:+.0f} % ({row['ci_low']:+.0f} to {row['ci_high']:+.0f} %)"


def coming_sentences(rows: pd.DataFrame) -> list[str]:
    """Return what ORDER_FORECAST says of the matches ahead, one sentence a city kick-off, and what has no forecast."""
    whole = rows[rows["shop"] == ALL_SHOPS]
    known = whole[(whole["span"] == "match") & whole["expected"].notna()]
    ordered = known.sort_values(["kickoff_ts", "city"], kind="stable")
    lines = [_coming(row) for row in ordered.head(MAX_TOLD).to_dict("records")]
    if len(ordered) > MAX_TOLD:
        lines.append(f"and {len(ordered) - MAX_TOLD} more, listed in the data.")
    missing = whole[whole["reason"].notna()]
    reasons = missing.groupby("reason", sort=False).size()
    lines += [f"Without a forecast: {count} ({reason})." for reason, count in reasons.items()]
    return lines or ["No match ahead is known."]


def _coming(row: Mapping[Hashable, Any]) -> str:
    place = cities().get(str(row["city"]))
    at = pd.Timestamp(str(row["kickoff_ts"])).tz_convert(place.time_zone if place else "UTC")
    pizzas = "" if pd.isna(row["pizzas"]) else f", {row['pizzas']:.0f} pizzas"
    made = "simulated, " if row["data_source"] == "mock" else ""
    return (
        f"{row['city']}, {at:%Y-%m-%d %H:%M %Z}, {row['matches']}: {row['expected']:.0f} orders to expect "
        f"({made}80 %: {row['low_80']} to {row['high_80']}), {row['match_orders']:+.0f} by the match{pizzas}."
    )
