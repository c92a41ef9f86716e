from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.contracts import ANOMALIES, validate
from pizza_assets.contracts.columns import SOURCES, Source
from pizza_assets_tests.matchday.seasons import CITIES, MONDAY, Season, season

WEEKS = 16
#: Orders that no evening of these seasons comes near.
SPIKE = 300


def _both_sources(seed: int, first: Source = "real") -> Season:
    """Return a season whose first half, orders and matches, is of one source and the second of the other."""
    of = season(WEEKS, seed)
    half = pd.Timestamp(MONDAY + timedelta(days=7 * WEEKS // 2), tz="UTC")
    second: Source = "mock" if first == "real" else "real"

    def label(times: pd.Series) -> pd.Series:
        return pd.Series(np.where(times < half, first, second), times.index, dtype=str)

    return Season(
        of.volume.assign(data_source=label(of.volume["bin_start"])),
        of.matches.assign(data_source=label(of.matches["timestamp"])),
        {day: first if day < half.date() else second for day in of.order_sources},
        of.as_of,
    )


Spike = tuple[str, int]
SPIKES = st.lists(
    st.tuples(st.sampled_from(CITIES), st.integers(0, 7 * WEEKS - 1)), min_size=1, max_size=4, unique=True
)


def _hour(day: int) -> pd.Timestamp:
    return pd.Timestamp(MONDAY + timedelta(days=day), tz="UTC") + pd.Timedelta(hours=20)


def _spiked(of: Season, spikes: list[Spike]) -> Season:
    volume = of.volume
    for city, day in spikes:
        at = _hour(day)
        volume = volume[(volume["bin_start"] != at) | (volume["city"] != city)]
        row = of.volume.iloc[:1].assign(bin_start=at, city=city, orders=SPIKE, data_source=of.order_sources[at.date()])
        volume = pd.concat([volume, row], ignore_index=True)
    return replace(of, volume=volume)


# Feature: pizza-game-dashboard, Property 19: For any anomalous ordering pattern detected, the system should correctly
# distinguish whether the anomaly appears in real data, mock data, or both
@given(st.integers(0, 30), st.sampled_from(SOURCES), SPIKES)
def test_every_spike_is_found_with_the_source_of_its_orders(seed: int, first: Source, spikes: list[Spike]) -> None:
    of = _spiked(_both_sources(seed, first), spikes)
    found = validate(of.analysis().anomalies, ANOMALIES)
    for city, day in spikes:
        row = found[(found["city"] == city) & (found["bin_start"] == _hour(day))]
        assert row["data_source"].tolist() == [of.order_sources[_hour(day).date()]]
    kinds = found.groupby(["city", "time_period"])["data_source"].agg(lambda sources: set(sources))
    for (city, period), sources in kinds.items():  # type: ignore[misc]
        seen = found.loc[(found["city"] == city) & (found["time_period"] == period), "seen_in"]
        assert set(seen) == ({"both"} if len(sources) == 2 else sources)


# Feature: pizza-game-dashboard, Property 19: For any anomalous ordering pattern detected, the system should correctly
# distinguish whether the anomaly appears in real data, mock data, or both
@given(st.integers(0, 30), st.integers(0, 10**6), st.sampled_from(SOURCES))
def test_whatever_mock_data_says_real_results_stay_the_same(seed: int, other: int, first: Source) -> None:
    of = _both_sources(seed, first)
    rng = np.random.default_rng(other)
    is_mock = of.volume["data_source"] == "mock"
    orders = of.volume["orders"].where(~is_mock, rng.integers(1, 50, len(of.volume)))
    mock_match = of.matches["data_source"] == "mock"
    scores = of.matches["home_score"].where(~mock_match, pd.Series(rng.integers(0, 7, len(of.matches)), dtype="Int64"))
    changed = replace(of, volume=of.volume.assign(orders=orders), matches=of.matches.assign(home_score=scores))
    before, after = (
        (analysis.results, analysis.units, analysis.anomalies.drop(columns="seen_in"), analysis.expected)
        for analysis in (of.analysis(), changed.analysis())
    )
    for left, right in zip(before, after, strict=True):
        real = [frame[frame["data_source"] == "real"].reset_index(drop=True) for frame in (left, right)]
        pd.testing.assert_frame_equal(*real)


# Feature: pizza-game-dashboard, Property 19: For any anomalous ordering pattern detected, the system should correctly
# distinguish whether the anomaly appears in real data, mock data, or both
@given(st.integers(0, 30), st.sampled_from(["orders", "matches"]))
def test_anything_mock_makes_a_result_mock(seed: int, mock: str) -> None:
    of = season(12, seed)
    if mock == "orders":
        volume = of.volume.assign(data_source=pd.Series("mock", of.volume.index, dtype=str))
        mixed = replace(of, volume=volume, order_sources=dict.fromkeys(of.order_sources, "mock"))
    else:
        mixed = replace(of, matches=of.matches.assign(data_source=pd.Series("mock", of.matches.index, dtype=str)))
    units = mixed.analysis().units
    assert set(units["data_source"]) == {"mock"}
    assert units["is_clean"].any()
    np.testing.assert_allclose(units["expected"], of.analysis().units["expected"])
