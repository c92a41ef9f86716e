from datetime import UTC, date, datetime, timedelta

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.football.mock import mock_matches
from pizza_assets.orders.mock import mock_orders
from pizza_assets.reference import cities
from pizza_assets.settings import Settings
from pizza_assets_tests.frames import match_row, matches_frame

BEFORE, AFTER = timedelta(hours=2), timedelta(hours=4)
STORE_CITIES = sorted(city.name for city in cities().values() if city.mock_stores)
seeds = st.integers(0, 2**63)


def orders_around(day: date, matches: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """When and where orders of the day and of its neighbours are placed: windows reach into those."""
    made = [mock_orders(day + timedelta(days=shift), matches, settings) for shift in (-1, 0, 1)]
    return pd.concat([orders[["timestamp", "city"]] for orders in made], ignore_index=True)


# Feature: pizza-game-dashboard, Property 8: For any generated or collected dataset, Domino's orders and football
# matches should occur within overlapping time windows to enable meaningful correlation analysis
@given(seed=seeds, start_year=st.integers(2005, 2035), shift=st.integers(0, 270))
def test_orders_surround_every_mock_match(seed: int, start_year: int, shift: int) -> None:
    # The quietest window (Sunday noon) expects 50 orders a store at this volume: none at all is out of the question.
    settings = Settings.load(mock_seed=seed, mock_orders_per_store_day=600)
    day = date(start_year, 8, 1) + timedelta(days=shift)
    while (matches := mock_matches(day, settings)).empty:
        day += timedelta(days=1)
    orders = orders_around(day, matches, settings)
    for match in matches.to_dict("records"):
        kick_off = match["timestamp"]
        assert orders["timestamp"].iloc[0] < kick_off - BEFORE
        assert orders["timestamp"].iloc[-1] >= kick_off + AFTER
        inside = orders[(orders["timestamp"] >= kick_off - BEFORE) & (orders["timestamp"] < kick_off + AFTER)]
        playing = {match["home_city"], match["away_city"]}.intersection(STORE_CITIES)
        assert playing <= set(inside["city"])
        assert set(STORE_CITIES) <= set(inside["city"])


# Feature: pizza-game-dashboard, Property 8: For any generated or collected dataset, Domino's orders and football
# matches should occur within overlapping time windows to enable meaningful correlation analysis
@given(
    seed=seeds,
    day=st.dates(date(2005, 1, 1), date(2035, 12, 31)),
    hour=st.integers(11, 21),
    minute=st.integers(0, 59),
    city=st.sampled_from(STORE_CITIES),
)
def test_mock_orders_surround_collected_matches(seed: int, day: date, hour: int, minute: int, city: str) -> None:
    settings = Settings.load(mock_seed=seed)
    kick_off = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
    matches = matches_frame([match_row("real", kick_off, (city, "unknown"))])
    orders = orders_around(day, matches, settings)
    inside = orders[(orders["timestamp"] >= kick_off - BEFORE) & (orders["timestamp"] < kick_off + AFTER)]
    # All shops together expect at least 80 orders in any of these windows.
    assert len(inside) > 0
    assert orders["timestamp"].iloc[0] < kick_off - BEFORE
    assert orders["timestamp"].iloc[-1] >= kick_off + AFTER


# Feature: pizza-game-dashboard, Property 8: For any generated or collected dataset, Domino's orders and football
# matches should occur within overlapping time windows to enable meaningful correlation analysis
@given(seed=seeds, start_year=st.integers(2005, 2035))
def test_every_season_has_matches_in_cities_with_shops_and_cities_without(seed: int, start_year: int) -> None:
    settings = Settings.load(mock_seed=seed)
    # Any eight weeks of the season hold a round in which every club plays.
    made = [mock_matches(date(start_year, 10, 1) + timedelta(days=shift), settings) for shift in range(56)]
    playing = {city for day in made for side in ("home_city", "away_city") for city in day[side]}
    assert len(playing.intersection(STORE_CITIES)) == 8
    assert len(set(STORE_CITIES) - playing) == 4
