from dataclasses import replace
from datetime import timedelta
from functools import cache

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.platform.columns import SOURCES, Source
from pizza_assets_tests.analysis.seasons import CITIES, MONDAY, Season, season

WEEKS, FEW_WEEKS = 26, 10
#: Orders that no evening of these seasons comes near.
SPIKE = 300


def _both_sources(seed: int, first: Source, weeks: int) -> Season:
    """Return a season whose first half, orders and matches, is of one source and the second of the other."""
    of = season(weeks, seed)
    half = pd.Timestamp(MONDAY + timedelta(days=7 * weeks // 2), tz="UTC")
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
    st.tuples(st.sampled_from(CITIES), st.integers(0, 7 * FEW_WEEKS - 1)), min_size=1, max_size=4, unique=True
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
    of = _spiked(_both_sources(seed, first, FEW_WEEKS), spikes)
    found = of.analysis().anomalies
    for city, day in spikes:
        row = found[(found["city"] == city) & (found["bin_start"] == _hour(day))]
        assert row["data_source"].tolist() == [of.order_sources[_hour(day).date()]]
    kinds = found.groupby(["city", "time_period"])["data_source"].agg(set)
    for kind, sources in kinds.items():
        seen = found.loc[[kind == other for other in zip(found["city"], found["time_period"], strict=True)], "seen_in"]
        assert set(seen) == ({"both"} if len(sources) == 2 else sources)


@cache
def _real_part(seed: int, first: Source) -> list[pd.DataFrame]:
    return _real_frames(_both_sources(seed, first, WEEKS))


def _real_frames(of: Season) -> list[pd.DataFrame]:
    analysis = of.analysis()
    frames = (analysis.results, analysis.units, analysis.anomalies.drop(columns="seen_in"), analysis.expected)
    return [frame[frame["data_source"] == "real"].reset_index(drop=True) for frame in frames]


# Feature: pizza-game-dashboard, Property 19: For any anomalous ordering pattern detected, the system should correctly
# distinguish whether the anomaly appears in real data, mock data, or both
@given(st.integers(0, 4), st.integers(0, 10**6), st.sampled_from(SOURCES))
def test_whatever_mock_data_says_real_results_stay_the_same(seed: int, other: int, first: Source) -> None:
    of, rng = _both_sources(seed, first, WEEKS), np.random.default_rng(other)
    is_mock, is_mock_match = (frame["data_source"] == "mock" for frame in (of.volume, of.matches))
    orders = of.volume["orders"].where(~is_mock, rng.integers(1, 50, len(of.volume)))
    scores = np.where(is_mock_match, rng.integers(0, 7, len(of.matches)), of.matches["home_score"])
    matches = of.matches.assign(home_score=pd.Series(scores, of.matches.index, dtype="Int64"))
    changed = replace(of, volume=of.volume.assign(orders=orders), matches=matches)
    for before, after in zip(_real_part(seed, first), _real_frames(changed), strict=True):
        pd.testing.assert_frame_equal(before, after)
    assert _real_part(seed, first)[0]["estimate"].notna().any()


# Feature: pizza-game-dashboard, Property 19: For any anomalous ordering pattern detected, the system should correctly
# distinguish whether the anomaly appears in real data, mock data, or both
@given(st.integers(0, 49), st.sampled_from(["orders", "matches"]))
def test_anything_mock_makes_a_result_mock(seed: int, mock: str) -> None:
    of = season(9, seed)
    if mock == "orders":
        volume = of.volume.assign(data_source="mock").astype({"data_source": str})
        of = replace(of, volume=volume, order_sources=dict.fromkeys(of.order_sources, "mock"))
    else:
        of = replace(of, matches=of.matches.assign(data_source="mock").astype({"data_source": str}))
    analysis = of.analysis()
    assert set(analysis.units["data_source"]) == {"mock"}
    assert analysis.units["is_clean"].any()
    told = analysis.results[analysis.results["n"] > 0]
    assert set(told["data_source"]) == {"mock"}
