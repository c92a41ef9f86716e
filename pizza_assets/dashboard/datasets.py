"""The dashboard's data sets, computed from one analysis.

Belongs here: reshaping what the analysis found into what viewers filter and plot. Does not belong here:
statistics, or any renderer's format.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from pizza_assets.analysis.analyse import PROFILE_HOURS, Analysis
from pizza_assets.analysis.contract import UPLIFT_METHODS
from pizza_assets.analysis.events import match_events
from pizza_assets.contracts import conform, empty, validate
from pizza_assets.dashboard import contract as contracts
from pizza_assets.football.contract import PLAYED
from pizza_assets.forecast.contract import ALL_SHOPS
from pizza_assets.forecast.tables import pooled_rows
from pizza_assets.platform.columns import UTC_TYPE, Source

#: Every data set of the dashboard by name, in the order that the manifests list them.
DATA_SETS: Mapping[str, pa.DataFrameSchema] = {
    schema.name: schema
    for schema in (
        contracts.META,
        contracts.HOURLY,
        contracts.DAILY,
        contracts.MATCHES,
        contracts.EFFECTS,
        contracts.PROFILE,
        contracts.CORRELATIONS,
        contracts.ANOMALIES,
        contracts.RETAIL,
        contracts.FORECAST,
        contracts.POOLED,
    )
}
_OPPOSITE = {"win": "loss", "loss": "win", "draw": "draw"}
#: What the effects call every scope that is no single team's.
ALL_TEAMS = "All teams"
_HOUR = pd.Timedelta(hours=1)


def data_sets(  # noqa: PLR0913 each is one thing that viewers see
    analysis: Analysis,
    volume: pd.DataFrame,
    matches: pd.DataFrame,
    order_sources: Mapping[date, Source],
    built_at: datetime,
    *,
    planted: str = "none",
    retail: pd.DataFrame | None = None,
    forecast: pd.DataFrame | None = None,
) -> Mapping[str, pd.DataFrame]:
    """Return every data set of the dashboard.

    Parameters
    ----------
    analysis
        The analysis as of a day.
    volume, matches
        ORDER_VOLUME and FOOTBALL_MATCHES of its trailing window.
    order_sources
        Whether the orders of each collected day are real or mock.
    built_at
        The instant to show as the time of building, in UTC.
    planted
        The effects planted in the mock orders, as JSON, or 'none'.
    retail
        PIZZA_VS_FOOTBALL, the newest analysis of the shops' sales; None where there is none.
    forecast
        ORDER_FORECAST, the newest as of the analysis' day or before; None where there is none.
    """
    is_played = (matches["status"] == PLAYED) & matches["event_type"].notna()
    # A postponed match is stored under both its days; the later one was played.
    played = matches[is_played].sort_values("timestamp", kind="stable").drop_duplicates("match_id", keep="last")
    goals = match_events(played).query("event_type == 'goal'")
    meta = _meta(analysis, volume, played, order_sources, built_at).assign(planted=planted)
    sides = _matches(analysis, played, goals)
    frames = {
        "meta": meta,
        "hourly": _hourly(analysis, sides, goals),
        "daily": _daily(analysis, volume, played),
        "matches": sides,
        "effects": _effects(analysis.results),
        "profile": _profile(analysis.profile),
        "correlations": _correlations(analysis.results),
        "anomalies": analysis.anomalies.rename(columns={"bin_start": "bucket_ts"}),
        "retail": empty(contracts.RETAIL) if retail is None else _retail(retail),
        "forecast": empty(contracts.FORECAST) if forecast is None else _forecast(forecast),
        "pooled": pooled_rows(analysis.pooled),
    }
    return {name: validate(conform(frames[name], schema), schema) for name, schema in DATA_SETS.items()}


def _share(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0


def _meta(
    analysis: Analysis,
    volume: pd.DataFrame,
    played: pd.DataFrame,
    order_sources: Mapping[date, Source],
    built_at: datetime,
) -> pd.DataFrame:
    sources = {*order_sources.values(), *played["data_source"]}
    days = sorted(order_sources) or [analysis.as_of]
    return pd.DataFrame(
        {
            "as_of": [analysis.as_of.isoformat()],
            "data_from": [days[0].isoformat()],
            "data_until": [days[-1].isoformat()],
            "built_at": pd.to_datetime([built_at], utc=True).as_unit("us"),
            "is_mock": [sources != {"real"}],
            "data_source": [" and ".join(sorted(sources, reverse=True)) or "mock"],
            "share_real_orders": [_share(sum(s == "real" for s in order_sources.values()), len(order_sources))],
            "share_real_matches": [_share(int((played["data_source"] == "real").sum()), len(played))],
            "orders": [int(volume["orders"].sum())],
            "matches": [int(played["match_id"].nunique())],
        }
    )


def _expected(analysis: Analysis) -> pd.DataFrame:
    """Return orders and expected orders by city and hour, typed also where there are none."""
    types: dict[str, Any] = {"city": "str", "bin_start": UTC_TYPE, "data_source": "str", "orders": "int64"}
    return analysis.expected.astype({**types, "expected": "float64"})


def _daily(analysis: Analysis, volume: pd.DataFrame, played: pd.DataFrame) -> pd.DataFrame:
    def by_day(frame: pd.DataFrame, **sums: str) -> pd.DataFrame:
        day = frame["bin_start"].dt.strftime("%Y-%m-%d")
        return frame.assign(day=day).groupby(["day", "city", "data_source"])[list(sums)].sum(min_count=1)

    observed = by_day(volume, orders="sum", revenue="sum")
    expected = by_day(_expected(analysis), expected="sum")
    unknown = by_day(volume.assign(unknown=volume["revenue"].isna()), unknown="sum")["unknown"] > 0
    currency = _currencies(volume)
    observed["revenue"] = observed["revenue"].mask(unknown | currency.isna())
    observed["currency"] = currency.mask(observed["revenue"].isna())
    daily = observed.join(expected, how="outer").reset_index()
    daily["orders"] = daily["orders"].fillna(0).astype("int64")
    daily["revenue"] = daily["revenue"].round(2).where(daily["orders"] > 0, 0.0)
    daily["expected"] = daily["expected"].round(2)
    daily["dev_pct"] = _uplift_pct(daily["orders"], daily["expected"])
    match_days = {
        (day, city)
        for side in ("home_city", "away_city")
        for day, city in zip(played["timestamp"].dt.strftime("%Y-%m-%d"), played[side], strict=True)
    }
    daily["is_match_day"] = [pair in match_days for pair in zip(daily["day"], daily["city"], strict=True)]
    return daily


def _currencies(volume: pd.DataFrame) -> pd.Series:
    """Return the currency of each day, city and source; null where there are several."""
    day = volume["bin_start"].dt.strftime("%Y-%m-%d")
    of_day = volume.assign(day=day).groupby(["day", "city", "data_source"])["currency"]
    return of_day.first().mask(of_day.nunique() > 1)


def _uplift_pct(observed: pd.Series, expected: pd.Series) -> pd.Series:
    """Return (observed / expected - 1) in %; null where nothing was expected."""
    return ((observed.astype(float) / expected.where(expected > 0) - 1) * 100).round(2)


def _hourly(analysis: Analysis, sides: pd.DataFrame, goals: pd.DataFrame) -> pd.DataFrame:
    """Return the hours around every match: those whose start lies in the hours that the profile shows."""
    shown = sides.drop_duplicates(["match_id", "city"])[["match_id", "kickoff_ts", "city", "match_type", "data_source"]]
    hours = pd.DataFrame({"hour": [*PROFILE_HOURS, PROFILE_HOURS.stop]})
    around = shown.merge(hours, how="cross")
    around["bin_start"] = around["kickoff_ts"].dt.floor("h") + around["hour"] * _HOUR
    orders = _expected(analysis).rename(columns={"data_source": "order_source"})
    if orders.empty or around.empty:
        return empty(contracts.HOURLY)
    per_hour = goals.assign(bin_start=goals["timestamp"].dt.floor("h")).groupby(["match_id", "bin_start"]).size()
    found = around.merge(orders, on=["city", "bin_start"]).join(per_hour.rename("goals"), on=["match_id", "bin_start"])
    found = found[(found["order_source"] == found["data_source"]) | (found["data_source"] == "mock")]
    found["hours_from_kickoff"] = ((found["bin_start"] - found["kickoff_ts"]).dt.total_seconds() / 3600).round(2)
    found["expected"] = found["expected"].round(2)
    found["goals"] = found["goals"].fillna(0).astype("int64")
    found = found.rename(columns={"bin_start": "bucket_ts"})
    return found.sort_values(["kickoff_ts", "match_id", "city", "bucket_ts"], ignore_index=True)


def _matches(analysis: Analysis, played: pd.DataFrame, goals: pd.DataFrame) -> pd.DataFrame:
    sides = pd.concat([_side(played, "home", "away"), _side(played, "away", "home")], ignore_index=True)
    units = analysis.units.rename(columns={"kick_off_at": "kickoff_ts"})
    windows = {}
    for name, window in units.groupby("time_window"):
        windows[name] = window.set_index(["city", "kickoff_ts", "data_source"])
    during = windows.get("during_match", units.set_index(["city", "kickoff_ts", "data_source"]))
    table = during[["observed", "expected", "is_clean"]].rename(columns={"observed": "orders"})
    table["uplift_pct"] = _uplift_pct(table["orders"], table["expected"])
    table["ci_low"], table["ci_high"] = _counting_interval(table["orders"], table["expected"])
    for name in ("pre_match", "post_match"):
        window = windows.get(name, during)
        table[f"{name}_pct"] = _uplift_pct(window["observed"], window["expected"])
    found = sides.merge(table.reset_index(), on=["city", "kickoff_ts"], how="left", suffixes=("", "_unit"))
    found["data_source"] = found["data_source_unit"].fillna(found["data_source"])
    found["is_clean"] = found["is_clean"].fillna(value=False).astype(bool)
    found["orders"] = found["orders"].astype("Int64")
    found["expected"] = found["expected"].round(2)
    found = found.merge(_goal_minutes(goals, played), on=["match_id", "team"], how="left")
    return found.sort_values(["kickoff_ts", "match_id", "team"], ignore_index=True)


def _goal_minutes(goals: pd.DataFrame, played: pd.DataFrame) -> pd.DataFrame:
    """Return each team's goals in each match as text, in their order: minutes, and minutes from kick-off."""
    kick_offs = played[["match_id", "timestamp"]].rename(columns={"timestamp": "kickoff_ts"})
    timed = goals.merge(kick_offs, on="match_id").sort_values("timestamp", kind="stable")
    after = (timed["timestamp"] - timed["kickoff_ts"]).dt.total_seconds() // 60
    timed = timed.assign(goal_minutes=timed["minute"].astype(str), goals_after=after.astype("int64").astype(str))
    return timed.groupby(["match_id", "team"], as_index=False)[["goal_minutes", "goals_after"]].agg(" ".join)


def _counting_interval(orders: pd.Series, expected: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return the 95 % interval of orders / expected - 1 in %, from counting noise only (Garwood 1936)."""
    from scipy.special import gammaincinv

    counts, known = orders.to_numpy(dtype=float), expected.where(expected > 0)
    low = np.where(counts > 0, gammaincinv(np.maximum(counts, 1), 0.025), 0.0)
    high = gammaincinv(counts + 1, 0.975)
    return ((low / known - 1) * 100).round(2), ((high / known - 1) * 100).round(2)


def _side(played: pd.DataFrame, ours: str, theirs: str) -> pd.DataFrame:
    result = played["event_type"] if ours == "home" else played["event_type"].map(_OPPOSITE)
    return pd.DataFrame(
        {
            "match_id": played["match_id"],
            "kickoff_ts": played["timestamp"],
            "team": played[f"{ours}_team"],
            "opponent": played[f"{theirs}_team"],
            "city": played[f"{ours}_city"],
            "is_home": ours == "home",
            "competition": played["competition"],
            "match_type": played["match_significance"],
            "goals_for": played[f"{ours}_score"],
            "goals_against": played[f"{theirs}_score"],
            "result": result,
            "data_source": played["data_source"],
        }
    )


def _evidence(results: pd.DataFrame) -> pd.DataFrame:
    return results.rename(
        columns={"statistical_significance": "p_value", "n": "n_matches", "pattern_description": "sentence"}
    )


def _effects(results: pd.DataFrame) -> pd.DataFrame:
    uplift = _evidence(results[results["method"].isin(UPLIFT_METHODS)])
    is_team = uplift["scope"].str.startswith("team:")
    team = uplift["scope"].str.removeprefix("team:").where(is_team, ALL_TEAMS)
    return uplift.assign(team=team).rename(columns={"estimate": "uplift_pct", "observed": "orders"})


def _profile(profile: pd.DataFrame) -> pd.DataFrame:
    return profile.rename(columns={"match_significance": "match_type", "n": "n_matches"})


def _correlations(results: pd.DataFrame) -> pd.DataFrame:
    other = _evidence(results[results["correlation_coefficient"].notna() | (results["unit"] == "r")])
    return other.rename(columns={"correlation_coefficient": "r"})


def _forecast(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of whole cities by match and day, and what has no forecast."""
    is_shown = (rows["shop"] == ALL_SHOPS) & (rows["span"].isin(["match", "day"]) | rows["reason"].notna())
    shown = rows[is_shown]
    return shown.assign(
        **{name: shown[name].round(1) for name in ("expected", "without_match", "match_orders", "pizzas")}
    )


def _retail(results: pd.DataFrame) -> pd.DataFrame:
    return results.assign(as_of=results["as_of"].astype("str"), expected=results["expected"].round(2))
