"""Sales by category: what is planted is found where it is planted, and nothing of one source reaches another."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from pizza_assets.analysis.categories import CategorySales, sales_uplift
from pizza_assets.contracts import validate
from pizza_assets.platform.columns import Source
from pizza_assets.warehouse.contract import PIZZA_VS_FOOTBALL
from pizza_assets_tests.analysis.seasons import BINS_PER_DAY, CITIES, MONDAY, Season, kick_off, season, volume_of
from pizza_assets_tests.frames import match_row, matches_frame

PLANTED = {"pre_match": 0.2, "during_match": 0.4, "post_match": 0.3}


def sales(of: Season, category: str = "pizza", source: Source = "real") -> CategorySales:
    return CategorySales(category, source, ("retailer_1",), of.volume, list(of.order_sources))


def results(of: Season, *categories: CategorySales) -> pd.DataFrame:
    return validate(sales_uplift(categories or [sales(of)], of.matches, of.as_of), PIZZA_VS_FOOTBALL)


def row(
    found: pd.DataFrame, category: str = "pizza", city: str = "all", time_window: str = "during_match"
) -> pd.Series:
    """Return the one result of these, whatever its source."""
    wanted = {"category": category, "city": city, "time_window": time_window}
    (place,) = np.flatnonzero((found[list(wanted)] == pd.Series(wanted)).all(axis=1))
    return found.iloc[place]


@pytest.fixture(scope="module")
def both_categories() -> pd.DataFrame:
    pizza, dairy = season(20, seed=3, effect=PLANTED), season(20, seed=3)
    return results(pizza, sales(pizza), sales(replace(dairy, volume=season(20, seed=3, scale=2.0).volume), "dairy"))


@pytest.mark.parametrize("time_window", PLANTED)
def test_what_is_planted_is_found_in_its_category_and_in_no_other(
    both_categories: pd.DataFrame, time_window: str
) -> None:
    for city in ("all", "Liverpool", "Manchester"):
        pizza = row(both_categories, "pizza", city, time_window)
        assert pizza["ci_low"] < 100 * np.expm1(PLANTED[time_window]) < pizza["ci_high"]
        assert pizza["verdict"] == "higher"
        dairy = row(both_categories, "dairy", city, time_window)
        assert dairy["ci_low"] < 0 < dairy["ci_high"]
        assert dairy["verdict"] == "no effect found"


def test_cities_without_a_match_or_without_sales_have_no_result(both_categories: pd.DataFrame) -> None:
    assert set(both_categories["city"]) == {"all", "Liverpool", "Manchester"}
    one_city = season(12, cities=("Liverpool", "Norwich"))
    assert set(results(one_city)["city"]) == {"all", "Liverpool"}


def test_it_is_the_orders_analysis() -> None:
    of = season(14, seed=5, effect=PLANTED)
    orders = of.analysis().results.query("method == 'uplift' and scope == 'all'").set_index("time_window")
    found = results(of).query("city == 'all'").set_index("time_window")
    pairs = dict.fromkeys(("expected", "ci_low", "ci_high", "n_weeks")) | {
        "items": "observed", "uplift_pct": "estimate", "p_value": "statistical_significance", "n_matches": "n"
    }  # fmt: skip
    for ours, theirs in pairs.items():
        np.testing.assert_allclose(found[ours], orders.loc[found.index, theirs or ours], rtol=1e-12)


def test_one_adjustment_is_made_over_all_categories_of_a_source() -> None:
    of = season(14, seed=5, effect={"during_match": 0.3})
    alone = row(results(of))
    many = row(results(of, *(sales(season(14, seed=seed), f"other {seed}") for seed in range(20, 30)), sales(of)))
    assert many["p_value"] == alone["p_value"]
    assert many["q_value"] > alone["q_value"]


def test_it_agrees_with_a_person_who_works_it_out() -> None:
    """Four items a quarter of an hour everywhere, without noise; around each match twice or thrice as many."""
    weeks, per_bin, times = 10, 4, np.array([2, 3] * 5)
    kick_offs = [kick_off(week, 5, 15) for week in range(weeks)]
    items = np.full((len(CITIES), 7 * weeks * BINS_PER_DAY), per_bin)
    for at, factor in zip(kick_offs, times, strict=True):
        first = int((pd.Timestamp(at) - pd.Timestamp(MONDAY, tz="UTC")) / pd.Timedelta(minutes=15))
        items[CITIES.index("Liverpool"), first : first + 8] *= factor
    rows = [match_row(f"m{week}", at, ("Liverpool", "unknown")) for week, at in enumerate(kick_offs)]
    days = [MONDAY + timedelta(days=number) for number in range(7 * weeks)]
    volume = volume_of(items, CITIES, MONDAY, ["real"] * len(days))
    found = results(Season(volume, matches_frame(rows), dict.fromkeys(days, "real"), days[-1]))

    of_week = 8 * per_bin
    observed, expected = of_week * times, of_week * weeks
    log = np.log(observed.sum() / expected)
    without = np.log((observed.sum() - observed) / (expected - of_week))
    error = np.sqrt((weeks - 1) / weeks * np.square(without - without.mean()).sum())
    reach = t.ppf(0.975, weeks - 1) * error
    during = row(found)
    assert (during["items"], during["n_matches"], during["n_weeks"]) == (observed.sum(), weeks, weeks)
    assert during["expected"] == pytest.approx(expected)
    assert during["uplift_pct"] == pytest.approx(150)
    assert (during["ci_low"], during["ci_high"]) == pytest.approx(tuple(100 * np.expm1([log - reach, log + reach])))
    assert row(found, time_window="pre_match")["items"] == of_week * weeks


def test_thirty_days_are_too_few_and_have_no_number() -> None:
    of = season(5, seed=2, effect=PLANTED)
    found = results(of.without_days(list(of.order_sources)[30:]))
    assert set(found["verdict"]) == {"insufficient"}
    assert found[["uplift_pct", "ci_low", "ci_high", "p_value", "q_value"]].isna().all(axis=None)
    assert set(found["days"]) == {30}
    assert "at least 10 in 8 weeks are needed" in row(found)["reason"]


def test_a_day_that_is_not_observed_or_silent_is_no_zero() -> None:
    of = season(20, seed=3, effect=PLANTED)
    played = sorted(set(of.matches["timestamp"].dt.date))[::3]
    absent = of.without_days(played)
    as_zeros = CategorySales("pizza", "real", ("retailer_1",), absent.volume, list(of.order_sources))
    without, zeros, whole = row(results(absent)), row(results(of, as_zeros)), row(results(of))
    assert without["n_matches"] == zeros["n_matches"] < whole["n_matches"]
    assert without["ci_low"] < 100 * np.expm1(PLANTED["during_match"]) < without["ci_high"]
    assert zeros["uplift_pct"] == pytest.approx(without["uplift_pct"], abs=1)


@pytest.mark.parametrize("mock_scale", [0.5, 3.0])
def test_changing_mock_sales_never_changes_a_real_result(mock_scale: float) -> None:
    real = season(14, seed=5, effect=PLANTED)
    mock = season(14, seed=9, source="mock", scale=mock_scale, rows=[])
    together = results(real, sales(real), sales(mock, source="mock"), sales(mock, "dairy", "mock"))
    alone = results(real)
    pd.testing.assert_frame_equal(together[together["data_source"] == "real"].reset_index(drop=True), alone)
    assert set(together["data_source"]) == {"real", "mock"}


def test_mock_sales_around_real_matches_are_mock() -> None:
    of = season(14, seed=5)
    mock = season(14, seed=5, source="mock")
    found = results(of, sales(replace(mock, matches=of.matches), source="mock"))
    assert set(found["data_source"]) == {"mock"}
    assert row(found)["n_matches"] > 0


def test_real_sales_around_mock_matches_tell_nothing() -> None:
    of = season(14, seed=5, effect=PLANTED)
    found = results(replace(of, matches=of.matches.assign(data_source="mock")))
    assert set(found["data_source"]) == {"real"}
    assert set(found["verdict"]) == {"insufficient"}
    assert set(found["n_matches"]) == {0}


@pytest.mark.parametrize("days", [[], [date(2024, 1, 1)]], ids=["none", "before the window"])
def test_a_category_without_an_observed_day_has_no_result(days: Sequence[date]) -> None:
    of = season(9)
    nothing = CategorySales("pizza", "real", ("retailer_1",), of.volume, days)
    assert sales_uplift([nothing], of.matches, of.as_of, 60).empty
    assert sales_uplift([], of.matches, of.as_of).empty
