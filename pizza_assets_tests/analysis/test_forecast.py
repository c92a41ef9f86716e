"""The forecast on small seasons whose rates we know."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from pizza_assets.analysis.analyse import prepare
from pizza_assets.analysis.family import families, select
from pizza_assets.analysis.forecast import (
    HORIZON_DAYS,
    MIN_WEEKS,
    Forecast,
    as_scheduled,
    forecast,
    quantiles,
    shared_variances,
)
from pizza_assets.analysis.grid import days_since_1970
from pizza_assets.analysis.shops import by_shop, split_key
from pizza_assets.analysis.windows import BINS_PER_DAY
from pizza_assets.contracts import FOOTBALL_MATCHES, ORDER_VOLUME, empty
from pizza_assets_tests.analysis.seasons import CITIES, MONDAY, Season, kick_off, season
from pizza_assets_tests.frames import match_row, matches_frame

EFFECT = {"pre_match": 0.3, "during_match": 0.4, "post_match": 0.2}
NOTHING = empty(FOOTBALL_MATCHES)


def made(of: Season, fixtures: pd.DataFrame = NOTHING, as_of: date | None = None) -> Forecast | str:
    """Forecast from what a season knows on a day."""
    day = as_of or of.as_of
    prepared = prepare(of.volume, of.matches, of.order_sources)
    end_day = days_since_1970(day) + 1
    selection = select(prepared.grid, prepared.matches, end_day - 365, end_day)
    return forecast(selection, families(selection), prepared.matches.played, fixtures, day)


def known(of: Season, fixtures: pd.DataFrame = NOTHING, as_of: date | None = None) -> Forecast:
    found = made(of, fixtures, as_of)
    assert isinstance(found, Forecast), found
    return found


def ahead(weeks: int, **changes: object) -> pd.DataFrame:
    """One match in the week after a season of so many weeks, on Saturday at 18:00."""
    row = match_row("next", kick_off(weeks, 5, 18), score=None, **changes)
    return matches_frame([row])


def test_days_without_matches_are_forecast_as_they_are() -> None:
    of = season(weeks=20, seed=3)
    found = known(of)
    truth = season(weeks=22, seed=3, rows=[], noise=False).volume
    first = pd.Timestamp(of.as_of + timedelta(days=1), tz="UTC")
    per_city = truth[truth["bin_start"] >= first].groupby("city")["orders"].sum()
    assert found.cities == tuple(sorted(CITIES))
    assert found.expected.shape == (len(CITIES), HORIZON_DAYS * BINS_PER_DAY)
    assert found.expected.sum(axis=1) == pytest.approx(per_city.loc[list(found.cities)].to_numpy(), rel=0.04)
    assert (found.effect == 0).all()


def test_a_match_ahead_adds_what_matches_have_added() -> None:
    of = season(weeks=40, seed=1, effect=EFFECT)
    found, without = known(of, ahead(40)), known(of)
    liverpool = found.cities.index("Liverpool")
    start = int(found.units["kick_off_bin"].iloc[0]) - found.first_bin - 8
    effect = found.effect[liverpool, start : start + 24]
    # Matches drawn to the mean of all: within 0.1 of what was planted.
    assert effect == pytest.approx(np.repeat(list(EFFECT.values()), 8), abs=0.1)
    assert (found.effect[found.cities.index("Norwich")] == 0).all()
    assert (found.effect[:, : start - 1] == 0).all()
    assert found.plain == pytest.approx(without.plain)
    row = np.array([liverpool])
    expected, plain, variance = found.windows(row, np.array([start]), np.array([start + 24]))
    assert expected[0] > plain[0] * 1.2
    assert variance[0] > expected[0], "days vary more than counts do"


def test_results_of_fixtures_are_not_looked_at() -> None:
    of = season(weeks=20, seed=1, effect=EFFECT)
    played = matches_frame([match_row("next", kick_off(20, 5, 18), score=(7, 0))])
    assert np.array_equal(known(of, as_scheduled(played)).effect, known(of, ahead(20)).effect)
    assert as_scheduled(played)["home_score"].isna().all()
    assert as_scheduled(played)["status"].tolist() == ["TIMED"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "POSTPONED"}, "status POSTPONED"),
        ({"status": "SCHEDULED_UNTIMED"}, "kick-off time not known"),
        ({"home_city": "unknown", "away_city": "unknown"}, "in no city that is forecast"),
        (
            {"home_team": "England", "away_team": "Italy", "home_city": "unknown", "away_city": "unknown"},
            "national teams: what such a match adds is not forecast",
        ),
    ],
)
def test_a_fixture_without_a_forecast_is_named_with_its_reason(changes: dict[str, object], reason: str) -> None:
    found = known(season(weeks=12), ahead(12, **changes))
    assert found.left_out.to_dict("records") == [{"what": "match", "name": "next", "reason": reason}]
    assert (found.effect == 0).all()


def test_a_match_that_was_postponed_this_afternoon_leaves_the_evening_as_it_is_without_one() -> None:
    of = season(weeks=20, seed=1, effect=EFFECT)
    assert np.array_equal(known(of, ahead(20, status="POSTPONED")).expected, known(of).expected)


def test_too_few_weeks_are_no_forecast() -> None:
    found = made(season(weeks=MIN_WEEKS - 1))
    assert isinstance(found, str)
    assert f"needs {MIN_WEEKS} weeks" in found


def test_without_orders_there_is_nothing_to_continue() -> None:
    nothing = Season(empty(ORDER_VOLUME), matches_frame([]), {}, MONDAY)
    assert "nothing to continue" in str(made(nothing))


def test_orders_of_long_ago_are_not_continued() -> None:
    of = season(weeks=12)
    found = made(of, as_of=of.as_of + timedelta(days=30))
    assert isinstance(found, str)
    assert "30 days old" in found


def test_a_forecast_as_of_a_day_long_ago_knows_nothing_later() -> None:
    long_one, short = season(weeks=30, seed=2, effect=EFFECT), season(weeks=14, seed=2, effect=EFFECT)
    day = MONDAY + timedelta(days=14 * 7 - 1)
    until = long_one.volume["bin_start"] < pd.Timestamp(day + timedelta(days=1), tz="UTC")
    cut = Season(
        long_one.volume[until].reset_index(drop=True),
        long_one.matches[long_one.matches["timestamp"] < pd.Timestamp(day + timedelta(days=1), tz="UTC")],
        {key: value for key, value in long_one.order_sources.items() if key <= day},
        day,
    )
    assert known(long_one, as_of=day).expected == pytest.approx(known(cut).expected)
    assert known(cut).expected.shape == known(short).expected.shape


def test_a_city_that_has_stopped_and_one_without_history() -> None:
    of = season(weeks=20)
    closed = pd.Timestamp(MONDAY + timedelta(weeks=12), tz="UTC")
    gone = (of.volume["city"] == "Norwich") & (of.volume["bin_start"] >= closed)
    found = known(Season(of.volume[~gone].reset_index(drop=True), of.matches, of.order_sources, of.as_of))
    assert "Norwich" not in found.cities
    assert found.left_out["reason"].tolist() == ["no order in the last 28 days"]
    assert "Leeds" not in found.cities, "nothing is made up for a city that never sold"


def test_a_city_that_has_opened_last_week_is_less_certain() -> None:
    of = season(weeks=20, seed=5)
    opened = pd.Timestamp(of.as_of - timedelta(days=6), tz="UTC")
    before = (of.volume["city"] == "Plymouth") & (of.volume["bin_start"] < opened)
    found = known(Season(of.volume[~before].reset_index(drop=True), of.matches, of.order_sources, of.as_of))
    new, old = found.cities.index("Plymouth"), found.cities.index("Norwich")
    assert found.expected[new].sum() == pytest.approx(found.expected[old].sum(), rel=0.25)
    assert found.noise.new[new] > found.noise.new[old]


def test_growth_goes_on_and_mock_stays_mock() -> None:
    of = season(weeks=40, seed=4, source="mock")
    week = ((of.volume["bin_start"] - pd.Timestamp(MONDAY, tz="UTC")) // pd.Timedelta(weeks=1)).to_numpy()
    grown = of.volume.assign(orders=np.rint(of.volume["orders"] * 4 * 1.01**week).astype("int64"))
    found = known(Season(grown, of.matches, of.order_sources, of.as_of))
    assert found.data_source == "mock"
    assert 0.2 < found.slope_per_year < 0.75


def test_real_orders_with_mock_fixtures_are_mock() -> None:
    of = season(weeks=12)
    assert known(of).data_source == "real"
    assert known(of, ahead(12, data_source="mock")).data_source == "mock"


def test_variances_of_days_blocks_and_quarters_are_found() -> None:
    rng = np.random.default_rng(0)
    shape = (10, 60, 7, 12, 8)
    mean = np.full(shape, 20.0)
    day, block, quarter = (
        rng.gamma(1 / v, v, (*shape[: 3 + i], *[1] * (2 - i))) for i, v in enumerate((0.02, 0.01, 0.005))
    )
    counts = rng.poisson(mean * day * block * quarter).astype(float)
    flat = (*shape[:2], 7 * BINS_PER_DAY)
    assert shared_variances(counts.reshape(flat), mean.reshape(flat)) == pytest.approx((0.02, 0.01, 0.005), abs=0.001)


def test_quantiles_are_those_of_counts() -> None:
    mean = np.array([0.0, 3.0, 50.0, 50.0])
    assert quantiles(mean, np.array([0.0, 3.0, 50.0, 200.0]), 0.5).tolist() == [0.0, 3.0, 50.0, 49.0]
    assert quantiles(mean, np.array([0.0, 3.0, 50.0, 200.0]), 0.975).tolist() == [0.0, 7.0, 64.0, 81.0]


def sold(days: int, **shops: tuple[int, int]) -> pd.DataFrame:
    """Orders a day of shops in Liverpool, each from a day to before another, counted from the season's 12th week."""
    last = days_since_1970(MONDAY) + 12 * 7
    rows = [
        ("Liverpool", shop, last - days + day, 30 if shop == "large" else 10)
        for shop, (first, end) in shops.items()
        for day in range(first, end)
    ]
    return pd.DataFrame(rows, columns=["city", "shop", "day", "orders"])


def test_shops_share_their_citys_forecast() -> None:
    of = known(season(weeks=12), ahead(12))
    found = by_shop(of, sold(28, large=(0, 28), small=(0, 28)))
    assert found is not None
    assert [split_key(key) for key in found.cities] == [("Liverpool", "large"), ("Liverpool", "small")]
    city = of.expected[of.cities.index("Liverpool")]
    assert found.expected == pytest.approx(np.array([0.75, 0.25])[:, None] * city)
    assert len(found.units) == 2, "a match concerns each shop of its city"


def test_a_new_shop_counts_since_its_first_order_and_a_closed_one_is_named() -> None:
    of = known(season(weeks=12))
    found = by_shop(of, sold(28, large=(0, 28), new=(25, 28), closed=(0, 10)))
    assert found is not None
    shares = found.expected.sum(axis=1) / of.expected[of.cities.index("Liverpool")].sum()
    assert shares == pytest.approx([0.75, 0.25], abs=0.001)
    assert found.left_out["name"].map(split_key).tolist() == [("Liverpool", "closed")]
    assert by_shop(of, sold(28, large=(0, 28))) is None, "one shop is the city"
    assert by_shop(of, sold(28)) is None
