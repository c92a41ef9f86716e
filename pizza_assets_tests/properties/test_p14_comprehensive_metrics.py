from datetime import timedelta

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.analysis.contract import TIME_WINDOWS
from pizza_assets_tests.analysis.seasons import CITIES, kick_off, season
from pizza_assets_tests.frames import match_row

WEEKS = 4


def _edges(match: dict[str, object]) -> dict[str, tuple[timedelta, timedelta]]:
    extra = timedelta(minutes=30 if match["duration"] != "REGULAR" else 0)
    hour = timedelta(hours=1)
    return {
        "pre_match": (-2 * hour, 0 * hour),
        "during_match": (0 * hour, 2 * hour + extra),
        "post_match": (2 * hour + extra, 4 * hour + extra),
        "day": (0 * hour, 24 * hour),
    }


@st.composite
def _matches(draw: st.DrawFn) -> list[dict[str, object]]:
    rows = []
    for number in range(draw(st.integers(1, 6))):
        at = kick_off(
            draw(st.integers(0, WEEKS - 1)),
            draw(st.integers(0, 6)),
            draw(st.integers(11, 21)),
            draw(st.sampled_from([0, 15, 30, 45])),
        )
        cities = (draw(st.sampled_from(CITIES)), draw(st.sampled_from([*CITIES, "Leeds", "unknown"])))
        score = (draw(st.integers(0, 5)), draw(st.integers(0, 5)))
        rows.append(
            match_row(f"m{number}", at, cities, score, duration=draw(st.sampled_from(["REGULAR", "EXTRA_TIME"])))
        )
    return rows


# Feature: pizza-game-dashboard, Property 14: For any football match event, the system should calculate Domino's
# order volumes for pre-match, during-match, and post-match time windows
@given(_matches(), st.integers(0, 10))
def test_every_match_has_its_orders_counted_in_every_window(rows: list[dict[str, object]], seed: int) -> None:
    of = season(WEEKS, seed, rows=rows)
    units = of.analysis().units
    for match in rows:
        for city in {match["home_city"], match["away_city"]} - {"unknown"}:
            is_mine = [match["match_id"] in ids.split() for ids in units["match_ids"]]
            mine = units[(units["city"] == city) & np.array(is_mine)]
            assert sorted(mine["time_window"]) == sorted(TIME_WINDOWS)
            if " " in mine["match_ids"].iloc[0]:
                continue  # with others at the same kick-off, extra time may be theirs
            for window, (start, end) in _edges(match).items():
                at = pd.Timestamp(match["timestamp"])  # type: ignore[arg-type]
                bins = of.volume["bin_start"]
                inside = (of.volume["city"] == city) & (bins >= at + start) & (bins < at + end)
                counted = mine.loc[mine["time_window"] == window, "observed"]
                assert counted.tolist() == [of.volume.loc[inside, "orders"].sum()]
