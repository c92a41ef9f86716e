from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.stats import nbinom, poisson

from pizza_assets.analysis.anomalies import dispersion, lower_tail, upper_tail
from pizza_assets.contracts import ANOMALIES, validate
from pizza_assets_tests.analysis.seasons import MONDAY, Season, season


def _with_spike(of: Season, city: str, at: pd.Timestamp, orders: int = 200) -> Season:
    spike = of.volume.iloc[:1].assign(bin_start=at, city=city, orders=orders)
    rest = of.volume[(of.volume["bin_start"] != at) | (of.volume["city"] != city)]
    return replace(of, volume=pd.concat([rest, spike], ignore_index=True))


def test_quiet_weeks_have_no_anomalies() -> None:
    assert validate(season(seed=3).analysis().anomalies, ANOMALIES).empty


def test_a_spike_without_a_match_is_unexplained() -> None:
    of = season(seed=3)
    at = pd.Timestamp(MONDAY + timedelta(days=1), tz="UTC") + pd.Timedelta(hours=21)
    found = validate(_with_spike(of, "Norwich", at).analysis().anomalies, ANOMALIES)
    assert found[["city", "bin_start"]].to_numpy().tolist() == [["Norwich", at]]
    spike = found.iloc[0]
    assert (spike["match_ids"], spike["match_data_source"]) == ("unexplained", "none")
    assert (spike["data_source"], spike["seen_in"]) == ("real", "real")
    assert "no match explains it" in spike["description"]


@pytest.mark.parametrize(("hours", "phase"), [(-1, "pre_match"), (1, "during_match"), (3, "post_match")])
def test_a_spike_names_the_match_that_explains_it(hours: int, phase: str) -> None:
    of = season(seed=3)
    match = of.matches.iloc[2]
    found = _with_spike(of, "Liverpool", match["timestamp"] + pd.Timedelta(hours=hours)).analysis().anomalies
    assert found[["match_ids", "time_period"]].to_numpy().tolist() == [[match["match_id"], phase]]


def test_a_dip_is_found_like_a_spike_and_changes_no_spike() -> None:
    of = season(seed=3)
    before = _with_spike(of, "Norwich", pd.Timestamp(MONDAY + timedelta(days=1), tz="UTC") + pd.Timedelta(hours=21))
    evening = pd.Timestamp(MONDAY + timedelta(days=12), tz="UTC") + pd.Timedelta(hours=18)
    volume = before.volume
    is_lost = (volume["city"] == "Liverpool") & (volume["bin_start"].dt.floor("h") == evening)
    after = replace(before, volume=volume.assign(orders=volume["orders"].mask(is_lost, 1)))
    spikes, found = before.analysis().anomalies, validate(after.analysis().anomalies, ANOMALIES)
    assert found.loc[found["orders"] > found["expected"], ["city", "bin_start"]].equals(
        spikes[["city", "bin_start"]].reset_index(drop=True)
    )
    dip = found[found["orders"] < found["expected"]]
    assert dip[["city", "bin_start", "match_ids"]].to_numpy().tolist() == [["Liverpool", evening, "unexplained"]]


def test_the_tail_is_the_negative_binomial_mid_p() -> None:
    orders, expected, k = np.array([30.0, 5.0]), np.array([12.0, 5.0]), 0.05
    law = nbinom(1 / k, 1 / (1 + k * expected))
    np.testing.assert_allclose(upper_tail(orders, expected, k), law.sf(orders) + law.pmf(orders) / 2)
    np.testing.assert_allclose(lower_tail(orders, expected, k), law.cdf(orders) - law.pmf(orders) / 2)
    np.testing.assert_allclose(lower_tail(orders, expected, k), 1 - upper_tail(orders, expected, k))
    variance = law.var()
    np.testing.assert_allclose(variance, expected + k * expected**2)
    plain = poisson(expected)
    np.testing.assert_allclose(upper_tail(orders, expected, 0), plain.sf(orders) + plain.pmf(orders) / 2)


@pytest.mark.parametrize("k", [0.0, 0.02, 0.2])
def test_dispersion_is_read_off_the_middle_so_that_spikes_do_not_hide_themselves(k: float) -> None:
    rng = np.random.default_rng(5)
    expected = rng.uniform(10, 80, 20_000)
    rate = expected * (rng.gamma(1 / k, k, expected.size) if k else 1)
    orders = rng.poisson(rate).astype(float)
    orders[:400] *= 10
    assert dispersion(orders, expected) == pytest.approx(k, abs=0.004 + 0.12 * k)
