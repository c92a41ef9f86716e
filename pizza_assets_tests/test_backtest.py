"""A small version of the backtest: one world, two origins."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.backtest.__main__ import NAME, SCENARIOS, added, lines_of, measure, missed
from benchmarks.backtest.methods import known_on, origins
from benchmarks.backtest.score import TARGETS, Sums
from benchmarks.calibration.worlds import Scenario, make_world
from pizza_assets.analysis.analyse import analyse
from pizza_assets.analysis.pooling import interval
from pizza_assets.forecast.tables import differences

SEED = 31


@pytest.fixture(scope="module")
def table() -> dict[str, dict[str, Sums]]:
    """What each method scores from two origins of one world."""
    days = origins(make_world(SCENARIOS[0], SEED).as_of, 2)
    return added([measure(SCENARIOS[0], SEED, day)[0] for day in days])


def test_the_forecast_is_nearer_to_the_oracle_than_methods_without_fixtures(table: dict[str, dict[str, Sums]]) -> None:
    losses = {name: of["2-h match windows"].loss for name, of in table.items()}
    assert losses["oracle"] < losses[NAME] < 0.98 * min(losses["mean of four weeks"], losses["fixed effects"])


@pytest.mark.parametrize("target", TARGETS)
def test_intervals_hold_what_they_say_and_the_bias_is_small(table: dict[str, dict[str, Sums]], target: str) -> None:
    of = table[NAME][target]
    inside = np.array(of.inside) / of.n
    assert inside == pytest.approx([0.5, 0.8, 0.95], abs=0.07)
    assert of.expected / of.orders == pytest.approx(1, abs=0.06)
    oracle = table["oracle"][target]
    assert np.array(oracle.inside) / oracle.n == pytest.approx([0.5, 0.8, 0.95], abs=0.05)


def test_an_origin_knows_nothing_of_later_days() -> None:
    world = make_world(SCENARIOS[0], SEED)
    day = origins(world.as_of, 1)[0]
    prepared, fixtures = known_on(world, day)
    assert prepared.matches.played["timestamp"].dt.date.max() <= day
    assert fixtures["timestamp"].dt.date.min() > day
    assert fixtures["home_score"].isna().all()
    assert prepared.grid.instants(np.array([prepared.grid.n_bins - 1]))[0].date() == day


def test_a_missed_bar_is_said(table: dict[str, dict[str, Sums]]) -> None:
    assert len(lines_of(table)) == 2 + len(table)
    worse = {**table, NAME: table["mean of four weeks"]}
    said = " ".join(missed(worse, 9.0, with_bars=True))
    assert "the bar is 0.5" in said
    assert "takes 9.00 s" in said


@pytest.mark.parametrize(("scenario", "is_found"), [(SCENARIOS[1], True), (replace(SCENARIOS[1], club=0.0), False)])
def test_one_club_of_twenty_stands_out_and_alike_ones_do_not(scenario: Scenario, *, is_found: bool) -> None:
    world = make_world(scenario, 900)
    analysis = analyse(world.volume, world.matches, world.order_sources, world.as_of)
    clubs = analysis.pooled["real"].marginal["during_match"]["club"]
    (said, *_) = differences(analysis.pooled)["real"]
    assert clubs.differ is is_found
    if is_found:
        largest = int(np.argmax(clubs.shrunk))
        assert clubs.names[largest] == "Club 00"
        low, _ = interval(clubs.shrunk, clubs.shrunk_variance)
        assert low[largest] > max(np.delete(clubs.shrunk, largest))
        assert said.startswith("Clubs differ")
    else:
        assert said.startswith("Clubs do not differ measurably")
