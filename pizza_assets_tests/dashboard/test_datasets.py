"""The data sets: what they count, and that they add up to what the analysis saw."""

import json
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from pizza_assets.analysis.analyse import analyse
from pizza_assets.contracts import arrow_schema
from pizza_assets.dashboard import page, spec
from pizza_assets.dashboard.datasets import ALL_TEAMS, DATA_SETS, data_sets
from pizza_assets.dashboard.page import MAX_OPENED, packed, payload
from pizza_assets.errors import PizzaAssetsError
from pizza_assets_tests.dashboard.worlds import (
    BUILT_AT,
    FIRST,
    PLANTED,
    World,
    both,
    empty_frames,
    frames_of,
    many,
    matches_of,
    retail_of,
    volume_of,
)

SEASON = World()


def test_every_data_set_of_the_design_is_there() -> None:
    of_orders = ["meta", "hourly", "daily", "matches", "effects", "profile", "correlations", "anomalies"]
    assert list(DATA_SETS) == [*of_orders, "retail", "forecast", "pooled"]


def test_every_row_says_whether_it_is_real() -> None:
    for name, schema in DATA_SETS.items():
        assert "data_source" in schema.columns, name


def test_a_match_has_a_row_for_each_of_its_teams() -> None:
    matches = frames_of(SEASON)["matches"]
    played = matches_of(SEASON, "mock")
    assert matches["match_id"].nunique() == len(played)
    assert len(matches) == 2 * len(played)
    assert set(matches.groupby("match_id")["is_home"].sum()) == {1}


def test_daily_orders_are_all_orders() -> None:
    volume = volume_of(SEASON, matches_of(SEASON, "mock"), "mock")
    daily = frames_of(SEASON)["daily"]
    assert daily["orders"].sum() == volume["orders"].sum()
    assert daily["revenue"].sum() == pytest.approx(volume["revenue"].sum())


def test_the_hours_around_a_match_are_the_orders_of_its_city() -> None:
    frames = frames_of(SEASON)
    volume = volume_of(SEASON, matches_of(SEASON, "mock"), "mock")
    by_hour = volume.assign(hour=volume["bin_start"].dt.floor("h")).groupby(["city", "hour"])["orders"].sum()
    some = frames["hourly"].iloc[::97]
    for row in some.itertuples():
        assert row.orders == by_hour.get((row.city, row.bucket_ts), 0)
    hours = frames["hourly"]["hours_from_kickoff"]
    assert (hours.min(), hours.max()) == (-6, 9)


def test_goals_of_the_hours_and_of_the_teams_agree() -> None:
    frames = frames_of(SEASON)
    matches = frames["matches"]
    assert (matches["goal_minutes"].str.split().str.len().fillna(0) == matches["goals_for"]).all()
    hourly = frames["hourly"].drop_duplicates(["match_id", "bucket_ts"]).groupby("match_id")["goals"].sum()
    assert (hourly == matches.groupby("match_id")["goals_for"].sum().reindex(hourly.index)).all()


def test_a_goal_after_half_time_stands_15_minutes_later() -> None:
    matches = frames_of(SEASON)["matches"].dropna(subset="goal_minutes")
    for row in matches.head(20).itertuples():
        after = [minute + 15 * (minute > 45) for minute in map(int, row.goal_minutes.split())]
        assert [int(text) for text in row.goals_after.split()] == after


def test_unknown_goal_minutes_stay_unknown() -> None:
    assert frames_of(World(goals=False))["matches"]["goal_minutes"].isna().all()


def test_a_match_interval_holds_its_uplift() -> None:
    known = frames_of(SEASON)["matches"].dropna(subset="uplift_pct")
    assert ((known["ci_low"] <= known["uplift_pct"]) & (known["uplift_pct"] <= known["ci_high"])).all()


def test_effects_name_their_team() -> None:
    effects = frames_of(SEASON)["effects"]
    is_team = effects["scope"].str.startswith("team:")
    assert (effects.loc[~is_team, "team"] == ALL_TEAMS).all()
    assert set(effects.loc[is_team, "team"]) == set(SEASON.teams)


def test_meta_tells_what_is_planted_and_how_much_is_real() -> None:
    mock, real = frames_of(SEASON)["meta"].iloc[0], frames_of(World(uplift=0.0), "real")["meta"].iloc[0]
    assert (mock["is_mock"], mock["share_real_orders"], mock["planted"]) == (True, 0.0, PLANTED)
    assert (real["is_mock"], real["share_real_orders"], real["planted"]) == (False, 100.0, "none")


def test_an_unexplained_spike_is_listed_as_such() -> None:
    spikes = frames_of(SEASON)["anomalies"]
    spike = spikes[(spikes["city"] == "London") & (spikes["bucket_ts"] == pd.Timestamp("2025-09-21 18:00", tz="UTC"))]
    assert spike["match_ids"].tolist() == ["unexplained"]


def test_an_empty_lake_has_a_meta_row_and_nothing_else() -> None:
    assert {name: len(frame) for name, frame in empty_frames().items() if len(frame)} == {"meta": 1}


@pytest.mark.parametrize("name", DATA_SETS)
def test_a_csv_is_read_back_with_the_types_of_its_contract(name: str) -> None:
    frame = both(frames_of(World(uplift=0.0), "real"), frames_of(SEASON))[name]
    assert list(frame.columns) == [field.name for field in arrow_schema(DATA_SETS[name])]


def test_the_payload_is_plain_json_and_keeps_every_match() -> None:
    frames = frames_of(SEASON)
    content = json.loads(json.dumps(payload(frames), allow_nan=False))
    assert len(content["tables"]["matches"]["orders"]) == len(frames["matches"])
    assert len(content["hours"]) == len(frames["hourly"].drop_duplicates(["match_id", "city"]))


def test_only_the_newest_of_very_many_matches_carry_their_hours() -> None:
    frames = many(frames_of(SEASON), 40)
    assert frames["matches"]["match_id"].nunique() > MAX_OPENED
    assert len(payload(frames)["hours"]) <= 2 * MAX_OPENED


def test_very_many_days_of_cities_come_as_their_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = frames_of(World())
    monkeypatch.setattr(page, "MAX_CITY_DAYS", 100)
    daily = payload(frames)["tables"]["daily"]
    assert daily["city"]["levels"] == [page.ALL_CITIES]
    known = frames["daily"].dropna(subset="expected")
    assert sum(daily["orders"]) == known["orders"].sum()
    assert len(daily["orders"]) == known["day"].nunique()


def test_the_page_knows_what_an_order_is_worth_and_the_clocks_of_its_cities() -> None:
    shown = payload(frames_of(World()))
    worth = shown["tables"]["worth"]
    assert worth["currency"]["levels"] == ["GBP"]
    assert sum(worth["revenue"]) / sum(worth["orders"]) == pytest.approx(20)
    assert set(shown["zones"].values()) == {"Europe/London"}


def test_a_day_of_two_currencies_has_no_revenue() -> None:
    world = World(weeks=2)
    matches = matches_of(world, "mock")
    volume = volume_of(world, matches, "mock")
    first = volume["bin_start"].dt.date == FIRST
    mixed = volume.assign(currency=volume["currency"].mask(first & (volume.index % 2 == 0), "EUR"))
    days = dict.fromkeys([FIRST + timedelta(days=n) for n in range(14)], "mock")
    analysis = analyse(mixed, matches, days, max(days))
    daily = data_sets(analysis, mixed, matches, days, BUILT_AT)["daily"]
    is_first = daily["day"] == FIRST.isoformat()
    assert daily.loc[is_first, ["revenue", "currency"]].isna().all(axis=None)
    assert set(daily.loc[~is_first, "currency"]) == {"GBP"}


def test_packed_texts_are_codes() -> None:
    frame = pd.DataFrame({"team": pd.Series(["b", "a", "b", None], dtype="str"), "n": [1.5, None, 2.0, 3.0]})
    assert packed(frame) == {"team": {"levels": ["b", "a"], "codes": [0, 1, 0, -1]}, "n": [1.5, None, 2.0, 3.0]}


def test_the_specification_names_only_what_is_there() -> None:
    spec.check()


def test_a_wrong_specification_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = spec.Visual("x", "?", "?", spec.Kind.TABLE, "daily", {"x": "nothing"}, ("colour",))
    monkeypatch.setattr(spec, "VISUALS", (*spec.VISUALS, wrong))
    with pytest.raises(PizzaAssetsError, match="no column 'nothing'.*no filter 'colour'"):
        spec.check()


def test_the_shops_results_are_taken_over_as_they_are_and_are_none_without_a_warehouse() -> None:
    found = retail_of(SEASON, matches_of(SEASON, "mock"), "mock")
    assert found is not None
    shown = frames_of(SEASON)["retail"]
    assert shown["as_of"].tolist() == found["as_of"].astype(str).tolist()
    numbers = ["uplift_pct", "ci_low", "ci_high", "q_value", "n_matches"]
    pd.testing.assert_frame_equal(shown[numbers], found[numbers])
    without = replace(SEASON, weeks=2, shops=False)
    assert frames_of(without)["retail"].empty
    assert list(frames_of(without)["retail"].columns) == list(DATA_SETS["retail"].columns)


def test_weeks_with_and_without_cups_leave_the_intervals_narrow() -> None:
    """Leaving a week out is answered by that week's own blocks, whatever the other weeks hold."""
    effects = frames_of(World(weeks=16))["effects"].query("scope == 'all'").set_index("time_window")
    assert (effects["ci_high"] - effects["ci_low"]).loc[["pre_match", "during_match", "post_match"]].max() < 20
