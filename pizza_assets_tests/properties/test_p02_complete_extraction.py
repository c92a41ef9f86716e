from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.contracts import FOOTBALL_MATCHES, empty
from pizza_assets.football.collect import collect_matches
from pizza_assets.orders.collect import collect_orders
from pizza_assets.orders.till.places import place_of
from pizza_assets.platform.collected import Collected
from pizza_assets.reference import city_of_team, teams
from pizza_assets_tests.platform.fake_api import (
    Answer,
    FakeApi,
    dominos_session,
    envelope,
    football_session,
    match,
    page,
    settings_for,
)
from pizza_assets_tests.platform.strategies import SATURDAY, good_orders, good_scores, instants

names = st.sampled_from(sorted(teams())) | st.sampled_from(["HJK", "São Paulo FC", "FC København"])
#: Two different teams.
pairs = st.lists(names, min_size=2, max_size=2, unique=True)


# Feature: pizza-game-dashboard, Property 2: For any successful API response (Domino's orders or football matches), all
# required fields (timestamps, quantities, scores, team names) should be extracted and present in the resulting dataset
@given(st.lists(st.tuples(instants(days=1), good_scores(), pairs), min_size=1, max_size=5))
def test_all_fields_of_all_matches(
    api: FakeApi, tmp_path: Path, games: list[tuple[str, tuple[tuple[int, int], dict[str, object]], list[str]]]
) -> None:
    sent = [
        match(number, time, score=told, homeTeam={"id": 1, "name": home}, awayTeam={"id": 2, "name": away})
        for number, (time, (_, told), (home, away)) in enumerate(games)
    ]
    api.answers(Answer(body=envelope(*sent)))
    settings = settings_for(api)
    with football_session(settings, tmp_path) as session:
        (day,) = collect_matches([SATURDAY], settings, session=session)
    assert (day.data_source, day.received, list(day.rejected), day.raw) == ("real", len(sent), [], sent)
    rows = day.frame.to_dict("records")
    for number, (row, (time, (goals, told), (home, away))) in enumerate(zip(rows, games, strict=True)):
        assert row["match_id"] == str(number)
        assert row["timestamp"] == datetime.fromisoformat(time)
        assert (row["home_team"], row["away_team"]) == (home, away)
        assert (row["home_score"], row["away_score"]) == goals
        assert (row["home_city"], row["away_city"]) == (city_of_team(home, "PL"), city_of_team(away, "PL"))
        assert (row["duration"], row["status"], row["competition"]) == (told["duration"], "FINISHED", "PL")


# Feature: pizza-game-dashboard, Property 2: For any successful API response (Domino's orders or football matches), all
# required fields (timestamps, quantities, scores, team names) should be extracted and present in the resulting dataset
@given(
    orders=st.lists(good_orders, min_size=1, max_size=8, unique_by=lambda order: order["order_id"]),
    pages=st.integers(1, 3),
)
def test_all_fields_of_all_orders(api: FakeApi, tmp_path: Path, orders: list[dict[str, object]], pages: int) -> None:
    parts = [orders[number::pages] for number in range(pages)]
    cursors = [f"page {number}" for number in range(1, pages)] + [None]
    api.answers(*(Answer(body=page(*part, next_cursor=cursor)) for part, cursor in zip(parts, cursors, strict=True)))
    day = _orders(api, tmp_path)
    assert (day.data_source, day.received, list(day.rejected)) == ("real", len(orders), [])
    rows = {row["order_id"]: row for row in day.frame.to_dict("records")}
    for sent in orders:
        row = rows[str(sent["order_id"])]
        assert row["timestamp"] == datetime.fromisoformat(str(sent["timestamp"]))
        assert list(row["pizza_types"]) == sent["pizza_types"]
        assert row["order_total"] == pytest.approx(sent["order_total"], abs=0)
        assert (row["location"], row["quantity"]) == (sent["location"], sent["quantity"])
        assert row["city"] == place_of(str(sent["location"])).city
        assert row["currency"] == (sent["currency"] or "GBP")


def _orders(api: FakeApi, folder: Path) -> Collected:
    settings = settings_for(api)
    with dominos_session(settings, folder) as session:
        (day,) = collect_orders([SATURDAY], settings, lambda _: empty(FOOTBALL_MATCHES), session=session)
    return day
