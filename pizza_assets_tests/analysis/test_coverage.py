from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pizza_assets.analysis.analyse import Analysis, analyse
from pizza_assets.analysis.coverage import SILENCE, SILENT, silent_bins
from pizza_assets.analysis.report import report_markdown
from pizza_assets_tests.analysis.seasons import CITIES, MONDAY, Season, season

EVENING = pd.Timestamp("2025-02-05 17:00", tz="UTC")


def _silent(of: Season, start: pd.Timestamp, hours: float, city: str = "Liverpool") -> Season:
    at, is_city = of.volume["bin_start"], of.volume["city"] == city
    is_out = is_city & (at >= start) & (at < start + pd.Timedelta(hours=hours))
    return replace(of, volume=of.volume[~is_out].reset_index(drop=True))


def _expected(analysis: Analysis, city: str = "Liverpool") -> pd.Series:
    rows = analysis.expected[analysis.expected["city"] == city]
    return rows.set_index("bin_start")["expected"]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.floats(0.1, 8))
@settings(max_examples=200)
def test_a_run_is_silent_when_more_is_usual_in_it_than_chance_leaves_out(counts: list[int], usual: float) -> None:
    orders = np.array([counts], dtype=float)
    found = silent_bins(orders, np.ones(orders.shape, dtype=bool), np.full(orders.shape, usual))[0]
    runs = "".join("0" if count == 0 else "1" for count in counts).split("1")
    expected = [bit for run in runs for bit in ([len(run) * usual > SILENT] * len(run) + [False])][:-1]
    assert found.tolist() == expected


def test_a_run_ends_where_the_city_is_not_open() -> None:
    is_open = np.array([[True, False, True]])
    assert not silent_bins(np.zeros((1, 3)), is_open, np.full((1, 3), 7.0)).any()


@pytest.mark.parametrize(("hours", "is_found"), [(0.25, False), (3, True), (24, True), (24 * 7, True), (24 * 14, True)])
def test_hours_and_weeks_of_silence_are_named_and_take_no_part(hours: float, is_found: bool) -> None:
    of = season(20, seed=2)
    analysis = _silent(of, EVENING, hours).analysis()
    missing = analysis.unobserved
    assert (len(missing) > 0) == is_found
    if is_found:
        assert set(missing["city"]) == {"Liverpool"}
        assert set(missing["reason"]) == {SILENCE}
        assert missing["day"].iloc[0] == "2025-02-05"
        assert analysis.summary["sources"]["real"]["unobserved"] == missing.drop(columns="data_source").to_dict(
            "records"
        )
        assert f"- Liverpool, {missing['day'].iloc[0]}: " in report_markdown(analysis)
        assert EVENING not in _expected(analysis).index
    untouched = _expected(of.analysis())
    change = _expected(analysis) / untouched.reindex(_expected(analysis).index)
    assert change[untouched > 5].between(0.9, 1.1).all()


def test_a_match_in_silent_hours_takes_no_part() -> None:
    of = season(20, seed=2)
    kick_off = of.matches["timestamp"].iloc[4]
    units = _silent(of, kick_off - pd.Timedelta(hours=1), 4, of.matches["home_city"].iloc[4]).analysis().units
    rows = units[(units["kick_off_at"] == kick_off) & (units["time_window"] != "post_match")]
    silent = rows[rows["city"] == of.matches["home_city"].iloc[4]]
    assert set(silent["reason"]) == {"not all of the window is observed"}
    assert set(rows[rows["city"] != of.matches["home_city"].iloc[4]]["reason"]) == {"clean"}


def test_what_a_source_did_not_see_takes_no_part_and_is_named() -> None:
    of = season(20, seed=2)
    kick_off, city = of.matches["timestamp"].iloc[4], of.matches["home_city"].iloc[4]
    known = pd.DataFrame(
        {
            "city": [city, "Atlantis"],
            "start": [kick_off + pd.Timedelta(minutes=5)] * 2,
            "end": [kick_off + pd.Timedelta(minutes=20)] * 2,
            "reason": "the till was off",
        }
    ).astype({"start": "datetime64[us, UTC]", "end": "datetime64[us, UTC]"})
    analysis = analyse(of.volume, of.matches, of.order_sources, of.as_of, unobserved=known)
    row = analysis.unobserved.iloc[0]
    assert len(analysis.unobserved) == 1
    assert (row["city"], row["hours"], row["reason"]) == (city, 0.5, "the till was off")
    rows = analysis.units[(analysis.units["kick_off_at"] == kick_off) & (analysis.units["city"] == city)]
    reasons = rows.set_index("time_window")["reason"]
    assert reasons["during_match"] == "not all of the window is observed"
    assert reasons["pre_match"] == "clean"


def test_a_shop_with_few_orders_is_not_silent() -> None:
    assert season(20, seed=2, scale=0.02).analysis().unobserved.empty


def test_silence_that_everybody_shares_is_found_too() -> None:
    of = season(20, seed=2)
    for city in CITIES:
        of = _silent(of, pd.Timestamp(date(2025, 2, 10), tz="UTC"), 48, city)
    missing = of.analysis().unobserved
    days = {str(MONDAY + timedelta(days=35 + i)) for i in range(2)}
    assert set(missing["day"]) >= days
    assert set(missing["city"]) == set(CITIES)
