"""Anomalies: hours with more or fewer orders in a city than chance and ordinary ups and downs explain.

Belongs here: the test of every hour, the match that explains a spike or dip, whether its kind is seen in real orders,
in mock orders or in both. Does not belong here: the expectation.

Orders of an hour follow a negative binomial of mean E and variance E + k E^2 (Poisson counts whose rate moves
by a relative SD of sqrt(k)). k comes from the middle half of the hours, so that spikes do not hide themselves.
The p-value of a spike is the mid-p tail, P(more) + P(as many) / 2 (Lancaster 1961); of a dip it is the lower one,
P(fewer) + P(as many) / 2. Spikes and dips are two families, each adjusted over all hours of a source.
"""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pizza_assets.analysis.family import Selection
from pizza_assets.analysis.grid import Bools, Floats, Ints
from pizza_assets.analysis.uplift import Panel
from pizza_assets.analysis.verdicts import ALPHA, adjusted
from pizza_assets.analysis.windows import BINS_PER_HOUR, cities_of_countries, window_bins
from pizza_assets.contracts import ANOMALIES, conform, empty
from pizza_assets.platform.columns import SOURCES

_PHASES = ("pre_match", "during_match", "post_match")
#: Dispersion is read off hours with at least so many expected orders, where counts are nearly continuous.
_MIN_EXPECTED = 8.0
#: The quartile of a standard normal: half of |z| lies below it.
_QUARTILE = 0.6745
UNEXPLAINED = "unexplained"


def hourly(panel: Panel) -> tuple[Floats, Floats, Bools]:
    """Return orders, expected orders and whether both are known; cities by hours."""
    orders, expected, unknown, unobserved = (
        np.diff(sums[:, ::BINS_PER_HOUR]) for sums in (panel.orders, panel.expected, panel.unknown, panel.unobserved)
    )
    return orders, expected, (unknown == 0) & (unobserved == 0)


def dispersion(orders: Floats, expected: Floats) -> float:
    """Return k of Var = E + k E^2, such that the median of |O - E| / sqrt(Var) is that of a normal."""
    usable = expected >= _MIN_EXPECTED
    if usable.sum() < 100:
        return _moment_dispersion(orders, expected)
    distance, mean = np.abs(orders[usable] - expected[usable]), expected[usable]
    low, high = 0.0, 4.0
    for _ in range(30):
        k = (low + high) / 2
        is_wide = np.median(distance / np.sqrt(mean + k * mean**2)) > _QUARTILE
        low, high = (k, high) if is_wide else (low, k)
    return high


def _moment_dispersion(orders: Floats, expected: Floats) -> float:
    weight = np.square(expected).sum()
    excess = (np.square(orders - expected) - expected).sum()
    return float(max(excess / weight, 0)) if weight > 0 else 0.0


def upper_tail(orders: Floats, expected: Floats, k: float) -> Floats:
    """Return the mid-p of so many orders or more under the negative binomial (Poisson for k = 0).

    It is the mean of P(X > orders) and P(X >= orders).
    """
    from scipy.special import betainc, pdtrc

    if k < 1e-9:
        return _mid(pdtrc(orders, expected), np.where(orders > 0, pdtrc(np.maximum(orders - 1, 0), expected), 1.0))
    shape, chance = 1 / k, k * expected / (1 + k * expected)
    as_many = np.where(orders > 0, betainc(np.maximum(orders, 1), shape, chance), 1.0)
    return _mid(betainc(orders + 1, shape, chance), as_many)


def lower_tail(orders: Floats, expected: Floats, k: float) -> Floats:
    """Return the mid-p of so few orders or fewer under the negative binomial (Poisson for k = 0).

    It is the mean of P(X < orders) and P(X <= orders).
    """
    from scipy.special import betainc, pdtr

    if k < 1e-9:
        return _mid(pdtr(orders, expected), np.where(orders > 0, pdtr(np.maximum(orders - 1, 0), expected), 0.0))
    shape, chance = 1 / k, 1 / (1 + k * expected)
    fewer = np.where(orders > 0, betainc(shape, np.maximum(orders, 1), chance), 0.0)
    return _mid(betainc(shape, orders + 1, chance), fewer)


def _mid(one: npt.ArrayLike, other: npt.ArrayLike) -> Floats:
    return (np.asarray(one, dtype=np.float64) + np.asarray(other, dtype=np.float64)) / 2


def find_anomalies(of: Selection) -> pd.DataFrame:
    """Return the ANOMALIES of a window: hours above or below expectation at q <= 0.05, by time."""
    found = [
        _unusual(panel).assign(data_source=source)
        for source in SOURCES
        if (panel := of.panel_of_orders(source)) is not None
    ]
    if not found or not sum(map(len, found)):
        return empty(ANOMALIES)
    spikes = pd.concat([frame for frame in found if len(frame)], ignore_index=True)
    spikes = _explained(spikes, of)
    sources = spikes.groupby(["city", "time_period"])["data_source"].agg(lambda s: "|".join(sorted(set(s))))
    seen = sources.where(sources != "mock|real", "both").rename("seen_in")
    spikes = spikes.join(seen, on=["city", "time_period"])
    spikes["uplift_pct"] = 100 * (spikes["orders"] / spikes["expected"].where(spikes["expected"] > 0) - 1)
    spikes["description"] = [_sentence(spike) for spike in spikes.to_dict("records")]
    return conform(spikes.sort_values(["bin_start", "city"], ignore_index=True), ANOMALIES)


def _unusual(panel: Panel) -> pd.DataFrame:
    orders, expected, is_known = hourly(panel)
    city, hour = np.nonzero(is_known & (expected > 0))
    counts, mean = orders[city, hour], expected[city, hour]
    k = dispersion(counts, mean)
    score = (counts - mean) / np.sqrt(mean + k * mean**2)
    # Hours that are no spike count in the family of spikes with p = 1, and likewise with dips; none is in both.
    above, below = counts > mean, score < -1
    of_spike, of_dip = np.ones(len(counts)), np.ones(len(counts))
    of_spike[above] = upper_tail(counts[above], mean[above], k)
    of_dip[below] = lower_tail(counts[below], mean[below], k)
    p_value = np.where(above, of_spike, of_dip)
    q_value = np.where(above, adjusted(of_spike), adjusted(of_dip))
    keep = q_value <= ALPHA
    return pd.DataFrame(
        {
            "city": np.asarray(panel.grid.cities, dtype=object)[city[keep]],
            "bin_start": panel.grid.instants(hour[keep] * BINS_PER_HOUR),
            "bin": panel.grid.first_bin + hour[keep] * BINS_PER_HOUR,
            "orders": counts[keep].round().astype(np.int64),
            "expected": mean[keep],
            "robust_z": score[keep],
            "p_value": p_value[keep],
            "q_value": q_value[keep],
        }
    )


def _explained(spikes: pd.DataFrame, of: Selection) -> pd.DataFrame:
    """Add the match whose window the middle of the hour lies in; the phase nearest to kick-off wins."""
    columns = ["city", "kick_off_bin", "extra_time", "match_ids", "data_source"]
    of_nations = of.national.rename(columns={"match_id": "match_ids"}).merge(cities_of_countries(), on="country")
    units = pd.concat([of.units[columns], of_nations[columns]], ignore_index=True)
    spikes = spikes.assign(match_ids=UNEXPLAINED, time_period=UNEXPLAINED, match_data_source="none")
    middle: Ints = spikes["bin"].to_numpy() + BINS_PER_HOUR // 2
    same_city = spikes["city"].to_numpy()[:, None] == units["city"].to_numpy()[None]
    is_open = np.ones(len(spikes), dtype=bool)
    for phase in ("during_match", "post_match", "pre_match"):
        start, end = window_bins(units, phase)
        hit = same_city & (start[None] <= middle[:, None]) & (middle[:, None] < end[None])
        is_hit = hit.any(axis=1) & is_open
        unit = units.iloc[hit.argmax(axis=1)] if len(units) else units
        for column, values in (
            ("match_ids", unit["match_ids"]),
            ("match_data_source", unit["data_source"]),
        ):
            spikes.loc[is_hit, column] = values.to_numpy()[is_hit] if len(units) else values
        spikes.loc[is_hit, "time_period"] = phase
        is_open &= ~is_hit
    return spikes


def _sentence(spike: Mapping[Hashable, Any]) -> str:
    cause = "no match explains it" if spike["match_ids"] == UNEXPLAINED else f"match {spike['match_ids']}"
    return (
        f"{spike['city']}, {spike['bin_start']:%Y-%m-%d %H:%M} UTC: {spike['orders']} orders where "
        f"{spike['expected']:.1f} were expected (q = {spike['q_value']:.2g}, {spike['data_source']} orders); {cause}."
    )
