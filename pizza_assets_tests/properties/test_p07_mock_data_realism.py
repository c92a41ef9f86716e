"""Distributions of mock data against the published figures, typed in here again.

Bounds are six standard deviations of the figure under the published model: no seed crosses them by chance, and
a generator that takes UTC for local time, mixes weekdays up or draws from another distribution does.
"""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pizza_assets.contracts import FOOTBALL_MATCHES, empty
from pizza_assets.football.mock import mock_matches
from pizza_assets.orders.mock import mock_orders
from pizza_assets.settings import Settings

HOUR_SHARE = {12: 2, 13: 2, 14: 2, 17: 16, 18: 29, 19: 25, 20: 12, 21: 5.5, 22: 3}
WEEKDAY_FACTOR = [0.62, 0.64, 0.67, 0.74, 1.51, 1.70, 1.10]
PIZZAS_SHARE = {1: 38, 2: 29, 3: 15, 4: 15}
#: Variance of counts of the day against Poisson, and SD of the day's national and city shocks.
CLUSTERING, SHOCK_SD, STORES = 1.13, 0.026, 12
DAYLIGHT_SAVING_DAYS = [date(2024, 3, 31), date(2024, 10, 27)]
SEASONS = 25
NO_MATCHES = empty(FOOTBALL_MATCHES)

seeds = st.integers(0, 2**63)
days = st.dates(date(2005, 1, 1), date(2035, 12, 31))


def league(seed: int, start_year: int, *more: str) -> pd.DataFrame:
    """A season of the mock league, collected by days."""
    settings = Settings.load(mock_seed=seed)
    columns = ["competition", "timestamp", "home_score", "away_score", "event_type", *more]
    made = [mock_matches(date(start_year, 8, 1) + timedelta(days=day), settings) for day in range(304)]
    played = [day for day in made if len(day)]
    season = pd.DataFrame({name: pd.concat([day[name] for day in played], ignore_index=True) for name in columns})
    return season[season["competition"] == "ML"]


@cache
def leagues() -> pd.DataFrame:
    made = [league(seed, 2000 + seed, "home_goal_minutes", "away_goal_minutes") for seed in range(SEASONS)]
    return pd.concat(made, ignore_index=True)


def assert_share(hits: npt.ArrayLike, percent: float, *, tolerance: float = 0.05) -> None:
    """The share of true values is the published one, up to `tolerance` of it and six standard deviations."""
    values = np.asarray(hits, dtype=float)
    share = percent / 100
    allowed = tolerance * share + 6 * np.sqrt(share * (1 - share) / values.size)
    assert abs(values.mean() - share) < allowed, (values.mean(), share, allowed)


# Feature: pizza-game-dashboard, Property 7: For any mock data generation, the statistical distributions and
# patterns should mirror realistic Domino's ordering and football match behaviors
@given(seed=seeds, day=days, volume=st.floats(1000, 3000))
@example(seed=1, day=DAYLIGHT_SAVING_DAYS[0], volume=2000)
@example(seed=1, day=DAYLIGHT_SAVING_DAYS[1], volume=2000)
def test_a_days_orders_follow_local_hours_weekdays_and_baskets(seed: int, day: date, volume: float) -> None:
    settings = Settings.load(mock_seed=seed, mock_orders_per_store_day=volume)
    orders = mock_orders(day, NO_MATCHES, settings)
    number = len(orders)

    # The few orders after local midnight in summer belong to the next weekday; they are too few to matter.
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC).astimezone(ZoneInfo("Europe/London"))
    expected = STORES * volume * WEEKDAY_FACTOR[noon.weekday()] / np.mean(WEEKDAY_FACTOR)
    sd = np.sqrt(CLUSTERING * expected + (SHOCK_SD * expected) ** 2 * (1 + 1 / STORES))
    assert abs(number - expected) < 6 * sd + 0.005 * expected

    local_hour = orders["timestamp"].dt.tz_convert("Europe/London").dt.hour.to_numpy()
    # Shocks are those of the whole day, so they cancel but for the clustering.
    for hour, percent in HOUR_SHARE.items():
        share = percent / 100
        sd = np.sqrt(CLUSTERING * share * (1 - share) / number)
        assert abs((local_hour == hour).mean() - share) < 6 * sd + 0.005 * share
    assert not np.isin(local_hour, range(1, 11)).any()

    for pizzas, percent in PIZZAS_SHARE.items():
        assert_share(orders["quantity"] == pizzas, percent, tolerance=0)
    total = orders["order_total"]
    for quantile, value in ((5, 16), (50, 30), (95, 62)):
        assert_share(total <= value, quantile, tolerance=0.02)
    assert np.log(total).std() == pytest.approx(0.51, rel=0.05)
    assert 0.3 < orders["quantity"].corr(total, method="spearman") < 0.95
    assert total.between(5, 200).all()


# Feature: pizza-game-dashboard, Property 7: For any mock data generation, the statistical distributions and
# patterns should mirror realistic Domino's ordering and football match behaviors
@given(seed=seeds, start_year=st.integers(2000, 2035))
def test_a_season_has_a_leagues_goals_calendar_and_density(seed: int, start_year: int) -> None:
    season = league(seed, start_year)
    assert len(season) == 380
    goals = (season["home_score"] + season["away_score"]).to_numpy(dtype=float)
    assert abs(goals.mean() - 2.80) < 6 * np.sqrt(2.80 / 380)
    # The variance of a Poisson sample's variance/mean is 2/n.
    assert abs(goals.var(ddof=1) / goals.mean() - 1) < 6 * np.sqrt(2 / 380)
    for result, percent in (("win", 44.8), ("draw", 23.2), ("loss", 32.0)):
        assert_share(season["event_type"] == result, percent)

    local = season["timestamp"].dt.tz_convert("Europe/London")
    days_of_week = local.dt.strftime("%a").value_counts(normalize=True)
    assert days_of_week["Sat"] == pytest.approx(0.53, abs=0.04)
    assert days_of_week["Sun"] == pytest.approx(0.25, abs=0.03)
    assert (local.dt.strftime("%H:%M") == "15:00").mean() == pytest.approx(0.42, abs=0.04)
    assert 103 <= local.dt.date.nunique() <= 112
    assert season["timestamp"].duplicated(keep=False).mean() == pytest.approx(0.59, abs=0.03)


# Feature: pizza-game-dashboard, Property 7: For any mock data generation, the statistical distributions and
# patterns should mirror realistic Domino's ordering and football match behaviors
@pytest.mark.parametrize(
    ("figure", "shares"),
    [
        ("result", {"win": 44.8, "draw": 23.2, "loss": 32.0}),
        ("margin", {0: 23, 1: 37, 2: 23, 3: 11, 4: 7}),
        ("kick-off", {"15:00": 42, "20:00": 9.5, "17:30": 8, "19:45": 7, "14:00": 6, "16:00": 5, "12:30": 5}),
        ("weekday", {"Sat": 53, "Sun": 25, "Wed": 7, "Mon": 5, "Tue": 5, "Thu": 2, "Fri": 2}),
        ("goal minutes", {1: 12, 2: 14, 3: 17, 4: 16, 5: 16, 6: 23}),
    ],
)
def test_many_seasons_match_the_published_shares(figure: str, shares: dict[str | int, float]) -> None:
    matches = leagues()
    local = matches["timestamp"].dt.tz_convert("Europe/London")
    if figure == "goal minutes":
        minutes = [goal for side in ("home", "away") for goals in matches[f"{side}_goal_minutes"] for goal in goals]
        values: pd.Series = pd.Series((np.array(minutes) + 14) // 15)
    else:
        values = {
            "result": matches["event_type"],
            "margin": (matches["home_score"] - matches["away_score"]).abs().clip(upper=4),
            "kick-off": local.dt.strftime("%H:%M"),
            "weekday": local.dt.strftime("%a"),
        }[figure]
    for value, percent in shares.items():
        hits = (values == value).to_numpy()
        by_season = np.array([part.mean() for part in np.array_split(hits, SEASONS)])
        allowed = 0.05 * percent / 100 + 6 * by_season.std(ddof=1) / np.sqrt(SEASONS)
        assert abs(by_season.mean() - percent / 100) < allowed, (value, by_season.mean(), allowed)


# Feature: pizza-game-dashboard, Property 7: For any mock data generation, the statistical distributions and
# patterns should mirror realistic Domino's ordering and football match behaviors
def test_counts_are_overdispersed_as_a_shops_are() -> None:
    settings = Settings.load()
    saturdays = [date(2024, 1, 6) + timedelta(weeks=week) for week in range(200)]
    counts = np.zeros((len(saturdays), STORES, 6))  # (week, store, 2 hours from 12:00)
    for week, day in enumerate(saturdays):
        orders = mock_orders(day, NO_MATCHES, settings)
        block = orders["timestamp"].dt.tz_convert("Europe/London").dt.hour.to_numpy() // 2 - 6
        store = pd.Categorical(orders["location"]).codes.astype(int)
        cell = (store * 6 + block)[block >= 0]
        counts[week] = np.bincount(cell, minlength=STORES * 6).reshape(STORES, 6)

    def dispersion(of: npt.NDArray[np.float64]) -> float:
        return float((of.var(axis=0, ddof=1) / of.mean(axis=0)).mean())

    # Of the excess, 0.13 is there at any scale; the rest comes from the day's shocks and grows with volume.
    from_shocks = (1.34 - 1.13) * 1.70
    cells = len(saturdays) * STORES
    daily, two_hours = 1.13 + from_shocks, 1.13 + from_shocks / 6
    assert dispersion(counts.sum(axis=2)) == pytest.approx(daily, abs=6 * daily * np.sqrt(2 / cells))
    assert dispersion(counts) == pytest.approx(two_hours, abs=6 * two_hours * np.sqrt(2 / (6 * cells)))
