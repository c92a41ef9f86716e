import hashlib
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.contracts import DOMINOS_ORDERS, FOOTBALL_MATCHES, empty, validate
from pizza_assets.football.mock import mock_matches
from pizza_assets.orders.mock import mock_orders, planted_effects, planted_log_uplift
from pizza_assets.orders.till.places import place_of
from pizza_assets.reference import cities
from pizza_assets.settings import Settings
from pizza_assets_tests.frames import match_row, matches_frame

DAY = date(2024, 11, 2)
NO_MATCHES = empty(FOOTBALL_MATCHES)
NO_EFFECTS = {
    "mock_uplift_pre_match": 0.0,
    "mock_uplift_during_match": 0.0,
    "mock_uplift_post_match": 0.0,
    "mock_goal_effect": 0.0,
    "mock_win_effect": 0.0,
}
days = st.dates(date(2005, 1, 1), date(2035, 12, 31))
seeds = st.integers(0, 2**63)
effects = st.floats(-2, 2)


def at(hour: int, minute: int = 0, *, day: date = DAY) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def around(day: date, settings: Settings) -> pd.DataFrame:
    frames = [mock_matches(day + timedelta(days=shift), settings) for shift in (-1, 0, 1)]
    return pd.concat([frame for frame in frames if len(frame)] or [NO_MATCHES], ignore_index=True)


def planted(*rows: dict[str, object], city: str = "Liverpool", day: date = DAY, **settings: float) -> np.ndarray:
    """The planted log-uplift of each minute of the day in one city."""
    return planted_log_uplift(day, matches_frame(rows), [city], Settings.load(**settings))[:, 0]


# Contract, determinism, independence


@given(
    day=days, seed=seeds, pre=effects, during=effects, post=effects, goal=effects, win=effects,
    factor=st.floats(0, 5), cap=st.floats(0.01, 3), volume=st.floats(0.01, 400),
)  # fmt: skip
def test_any_day_seed_and_effects_keep_the_contract(
    day: date, seed: int, pre: float, during: float, post: float, goal: float, win: float,
    factor: float, cap: float, volume: float,
) -> None:  # fmt: skip
    settings = Settings.load(
        mock_seed=seed, mock_uplift_pre_match=pre, mock_uplift_during_match=during, mock_uplift_post_match=post,
        mock_goal_effect=goal, mock_win_effect=win, mock_tournament_factor=factor, mock_final_factor=factor,
        mock_uplift_cap=cap, mock_orders_per_store_day=volume,
    )  # fmt: skip
    orders = mock_orders(day, around(day, settings), settings)
    validate(orders, DOMINOS_ORDERS)
    assert (orders["data_source"] == "mock").all()
    assert (orders["timestamp"].dt.date == day).all()
    assert orders["timestamp"].is_monotonic_increasing
    assert orders["order_id"].is_monotonic_increasing
    assert orders["order_id"].str.startswith(f"mock-{day:%Y%m%d}-").all()
    assert (orders["pizza_types"].list.len() == orders["quantity"]).all()


@given(seed=seeds, order=st.permutations(range(3)), start=days)
def test_a_day_is_the_same_whenever_it_is_made(seed: int, order: list[int], start: date) -> None:
    settings = Settings.load(mock_seed=seed, mock_orders_per_store_day=5)
    made = {}
    for shift in (*order, *range(3)):
        day = start + timedelta(days=shift)
        matches = mock_matches(day, settings)
        orders = mock_orders(day, matches, settings)
        if day in made:
            pd.testing.assert_frame_equal(made[day][0], matches)
            pd.testing.assert_frame_equal(made[day][1], orders)
        made[day] = matches, orders
    first, second = made[start][1], made[start + timedelta(days=1)][1]
    assert not first["timestamp"].dt.time.equals(second["timestamp"].dt.time)
    assert not pd.concat([first, second])["order_id"].duplicated().any()


def _digest() -> str:
    settings = Settings.load(mock_seed=5)
    orders = mock_orders(DAY, around(DAY, settings), settings)
    return hashlib.sha256(orders.to_csv().encode()).hexdigest()


def test_another_process_with_other_hashes_makes_the_same_day() -> None:
    code = "from pizza_assets_tests.orders import test_mock as t; print(t._digest())"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": "12345", "PYTHONPATH": ":".join(filter(None, sys.path))},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout.strip() == _digest()


@given(seed=seeds, day=days)
def test_without_effects_matches_leave_no_trace(seed: int, day: date) -> None:
    settings = Settings.load(mock_seed=seed, mock_orders_per_store_day=20, **NO_EFFECTS)
    rows = [match_row("a", at(15, day=day)), match_row("b", at(20, day=day), match_significance="final")]
    with_matches = mock_orders(day, matches_frame(rows), settings)
    pd.testing.assert_frame_equal(with_matches, mock_orders(day, NO_MATCHES, settings))


@given(
    day=days,
    hours=st.lists(st.one_of(st.integers(-200, -25), st.integers(48, 200)), min_size=1, max_size=5),
    rows=st.permutations(["a", "b", "c"]),
)
def test_only_neighbouring_matches_count_and_their_order_does_not(day: date, hours: list[int], rows: list[str]) -> None:
    settings = Settings.load(mock_orders_per_store_day=20, mock_uplift_pre_match=0.7)
    near = {
        "a": match_row("a", at(19, day=day), ("Liverpool", "London")),
        "b": match_row("b", at(19, 30, day=day), ("London", "Brighton"), (4, 0)),
        "c": match_row("c", at(20, day=day), ("Norwich", "London"), (0, 0), match_significance="tournament"),
    }
    far = [match_row(f"far{hour}", at(0, day=day) + timedelta(hours=hour)) for hour in set(hours)]
    expected = mock_orders(day, matches_frame(list(near.values())), settings)
    changed = mock_orders(day, matches_frame([*far, *(near[name] for name in rows)]), settings)
    pd.testing.assert_frame_equal(changed, expected)
    assert len(expected) != len(mock_orders(day, NO_MATCHES, settings))


@pytest.mark.parametrize(
    "change",
    [
        {"status": "POSTPONED"},
        {"status": "CANCELLED"},
        {"status": "AWARDED"},
        {"home_city": "unknown", "away_city": "unknown"},
    ],
)
def test_matches_not_played_and_unknown_cities_plant_nothing(change: dict[str, object]) -> None:
    settings = Settings.load(mock_uplift_during_match=0.5)
    matches = matches_frame([match_row("a", at(18)) | change])
    pd.testing.assert_frame_equal(mock_orders(DAY, matches, settings), mock_orders(DAY, NO_MATCHES, settings))


# What is planted


def test_windows_are_half_open_and_effects_are_those_named() -> None:
    uplift = planted(match_row("a", at(18), score=(2, 1)), mock_goal_effect=0, mock_win_effect=0)
    assert uplift[[959, 960, 1079, 1080, 1199, 1200, 1319, 1320]].tolist() == [0, 0.1, 0.1, 0.06, 0.06, 0.04, 0.04, 0]


def test_extra_time_lengthens_during_by_half_an_hour_and_moves_post() -> None:
    for duration in ("EXTRA_TIME", "PENALTY_SHOOTOUT"):
        uplift = planted(match_row("a", at(18), duration=duration), mock_goal_effect=0, mock_win_effect=0)
        assert uplift[[1229, 1230, 1349, 1350]].tolist() == [0.06, 0.04, 0.04, 0]


def test_windows_reach_over_midnight() -> None:
    row = match_row("a", at(21, 30), score=(2, 1))
    today = planted(row, mock_goal_effect=0, mock_win_effect=0)
    tomorrow = planted(row, day=DAY + timedelta(days=1), mock_goal_effect=0, mock_win_effect=0)
    assert today[-1] == tomorrow[0] == 0.04
    assert np.flatnonzero(tomorrow)[-1] == 89


def test_goals_count_during_and_after_and_a_win_after_only() -> None:
    row = match_row("a", at(18), ("Liverpool", "Manchester"), (3, 1))
    settings = {"mock_goal_effect": 0.05, "mock_win_effect": 0.1}
    home, away = planted(row, **settings), planted(row, city="Manchester", **settings)
    assert home[[1000, 1100, 1250]] == pytest.approx([0.1, 0.06 + 0.05 * 1.2, 0.04 + 0.05 * 1.2 + 0.1 * 0.616])
    assert away[[1000, 1100, 1250]] == pytest.approx([0.1, 0.06 + 0.05 * 1.2, 0.04 + 0.05 * 1.2 - 0.1 * 0.384])
    assert not planted(row, city="Bristol", **settings).any()


def test_a_derby_counts_once_and_its_win_effect_is_centred() -> None:
    def after(score: tuple[int, int]) -> float:
        return float(
            planted(match_row("a", at(18), ("London", "London"), score), city="London", mock_goal_effect=0)[1250]
        )

    assert after((1, 0)) == pytest.approx(after((0, 1))) == pytest.approx(0.04 + 0.08 * (1 - 2 * 0.384))
    assert 0.768 * after((1, 0)) + 0.232 * after((1, 1)) == pytest.approx(0.04)


def test_a_match_without_a_result_plants_the_named_uplift() -> None:
    assert planted(match_row("a", at(18), score=None))[[1000, 1100, 1250]].tolist() == [0.1, 0.06, 0.04]


def test_cups_and_finals_multiply_and_the_cap_holds() -> None:
    def pre(significance: str, **settings: float) -> float:
        return float(planted(match_row("a", at(18), match_significance=significance), **settings)[1000])

    assert pre("tournament") == pytest.approx(0.2)
    assert pre("final") == pytest.approx(0.4)
    assert np.expm1(pre("final", mock_final_factor=50)) == pytest.approx(0.85)


def test_overlapping_matches_add_before_the_cap() -> None:
    rows = [match_row(name, at(18), score=(2, 1)) for name in "abc"]
    assert planted(*rows)[1000] == pytest.approx(0.3)
    assert np.expm1(planted(*rows, mock_uplift_pre_match=0.5)[1000]) == pytest.approx(0.85)


def test_orders_follow_what_is_planted_and_nothing_else_changes() -> None:
    settings = Settings.load(mock_orders_per_store_day=20_000, mock_uplift_pre_match=0.5, mock_uplift_during_match=-0.5)
    matches = matches_frame([match_row("a", at(18), ("Liverpool", "unknown"), (2, 1))])
    counts = [
        orders.groupby(["city", orders["timestamp"].dt.hour]).size().unstack()
        for orders in (mock_orders(DAY, matches, settings), mock_orders(DAY, NO_MATCHES, settings))
    ]
    log_ratio = np.log(counts[0] / counts[1])
    # Both counts are Poisson-gamma with variance 1.13 x mean.
    z = log_ratio / np.sqrt(1.13 / counts[0] + 1.13 / counts[1])
    assert log_ratio.loc["Liverpool", [16, 17]].mean() == pytest.approx(0.5, abs=0.1)
    assert log_ratio.loc["Liverpool", [18, 19]].mean() == pytest.approx(-0.5, abs=0.1)
    assert z.drop(index="Liverpool").abs().max().max() < 6


def test_planted_effects_are_all_settings_of_mock_data() -> None:
    named = planted_effects(Settings.load(mock_seed=3, mock_win_effect=0.5))
    assert named["mock_seed"] == 3
    assert named["mock_win_effect"] == 0.5
    assert set(named) == {name for name in Settings.model_fields if name.startswith("mock_")}


# Stores


def test_locations_name_their_city_and_every_store_sells() -> None:
    orders = mock_orders(DAY, NO_MATCHES, Settings.load())
    places = orders[["location", "city"]].drop_duplicates()
    assert (places["location"].map(lambda location: place_of(location).city) == places["city"]).all()
    assert places["city"].value_counts().to_dict() == {
        city.name: city.mock_stores for city in cities().values() if city.mock_stores
    }
    assert set(orders["currency"]) == {"GBP"}
