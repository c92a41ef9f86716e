"""From the lake to a stored forecast, the command line, and tonight against it."""

import json
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from pizza_assets.analysis.analyse import prepare
from pizza_assets.analysis.volume import roll_up
from pizza_assets.cli import main
from pizza_assets.contracts import ORDER_FORECAST, validate
from pizza_assets.forecast import making
from pizza_assets.forecast.tables import coming_sentences, differences, pooled_rows
from pizza_assets.forecast.tonight import ReplayClock, Replayed, Tonight, evenings_of
from pizza_assets.lake import layout, open_lake
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable, Day
from pizza_assets.settings import Settings
from pizza_assets_tests.analysis.seasons import MONDAY, Season, kick_off, season
from pizza_assets_tests.frames import match_row, matches_frame, orders_frame

WEEKS = 10
AS_OF = MONDAY + timedelta(days=7 * WEEKS - 1)
NIGHT = AS_OF + timedelta(days=6)
EFFECT = {"pre_match": 0.3, "during_match": 0.4, "post_match": 0.2}
HOSTILE = "<script>alert(1)</script>\x1b[31m"


def of_season(of: Season, fixtures: pd.DataFrame, unknown: str = "") -> Day:
    prepared = prepare(of.volume, of.matches, of.order_sources)
    pizzas = making.pizzas_of(of.volume, AS_OF)
    return making.forecast_of(prepared, 365, pizzas, AS_OF, fixtures, unknown)


@pytest.fixture(scope="module")
def past() -> Season:
    return season(weeks=WEEKS, seed=1, effect=EFFECT, scale=2.0)


def ahead(**changes: object) -> pd.DataFrame:
    return matches_frame([match_row("next", kick_off(WEEKS, 5, 18), score=None, **changes)])


def test_rows_keep_their_contract_and_add_up(past: Season) -> None:
    rows = of_season(past, ahead()).frame
    validate(rows, ORDER_FORECAST)
    days, quarters = (rows[rows["span"] == span].groupby("city")["expected"].sum() for span in ("day", "quarter_hour"))
    whole = rows[rows["span"] == "horizon"].set_index("city")["expected"]
    assert days.to_numpy() == pytest.approx(quarters.to_numpy(), rel=1e-3)
    assert whole.to_numpy() == pytest.approx(days.to_numpy(), rel=1e-3)
    match = making.coming(rows)
    assert match["city"].tolist() == ["Liverpool", "Manchester"]
    assert match["match_orders"].tolist() == pytest.approx(
        (match["expected"] - match["without_match"]).tolist(), abs=0.01
    )
    assert (match["match_orders"] > 0).all()
    ends = rows[rows["expected"].notna()]
    for narrow, wide in (("50", "80"), ("80", "95")):
        assert (ends[f"low_{wide}"] <= ends[f"low_{narrow}"]).all()
        assert (ends[f"high_{narrow}"] <= ends[f"high_{wide}"]).all()
    assert match["pizzas"].tolist() == pytest.approx(match["expected"].tolist(), abs=0.02), "one pizza an order here"


def test_without_a_forecast_there_is_a_row_that_says_why(past: Season) -> None:
    short = season(weeks=3)
    prepared = prepare(short.volume, short.matches, short.order_sources)
    found = making.forecast_of(prepared, 365, making.pizzas_of(short.volume, short.as_of), short.as_of, ahead())
    validate(found.frame, ORDER_FORECAST)
    assert found.frame["reason"].tolist() == ["A forecast needs 6 weeks with orders; there are 3."]
    unknown = of_season(past, ahead(), "2025-03-20 to 2025-03-30").frame
    validate(unknown, ORDER_FORECAST)
    assert unknown["reason"].dropna().str.contains("2025-03-20 to 2025-03-30 are not known").all()
    assert not making.is_made(making.not_made(AS_OF, "real").frame)


def test_pooled_effects_say_whether_clubs_differ(past: Season) -> None:
    analysis = past.analysis()
    rows = pooled_rows(analysis.pooled)
    during = rows[(rows["time_window"] == "during_match") & (rows["kind"] == "club")].set_index("name")
    assert set(during.index) == {"all", "Liverpool FC", "Manchester FC"}
    assert not during["differ"].any()
    assert differences(analysis.pooled)["real"][0] == "Clubs: too few to tell whether they differ."


def test_hostile_names_are_told_as_they_are_and_print_safely(past: Season) -> None:
    rows = of_season(past, ahead(home_team=HOSTILE)).frame
    assert making.coming(rows)["matches"].str.startswith(HOSTILE).all()
    assert any(HOSTILE in sentence for sentence in coming_sentences(rows))


def stored(store: Store, past: Season, orders: pd.DataFrame | None = None) -> None:
    """Put a season's last weeks into a lake as the assets would, its forecast among them."""
    DailyTable(store, layout.ORDER_FORECAST).put(AS_OF, of_season(past, ahead()), "run")
    if orders is not None:
        DailyTable(store, layout.RAW_ORDERS).put(NIGHT, Day(orders, "mock"), "run")


def test_forecast_prints_the_matches_ahead(past: Season, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIZZA_LAKE", "lake")
    stored(open_lake("lake"), past)
    found = CliRunner().invoke(main, ["forecast"], catch_exceptions=False)
    assert found.exit_code == 0
    assert "As of 2025-03-16, real data." in found.output
    assert "Sat 22 Mar 18:00  Liverpool" in found.output
    one = CliRunner().invoke(main, ["forecast", "--city", "Manchester"], catch_exceptions=False)
    assert "Liverpool  " not in one.output


def test_forecast_of_a_day_that_was_not_stored_is_made_from_the_lake(
    past: Season, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIZZA_LAKE", "lake")
    store = open_lake("lake")
    volume, matches = DailyTable(store, layout.ORDER_VOLUME), DailyTable(store, layout.RAW_MATCHES)
    by_day = dict(tuple(past.volume.groupby(past.volume["bin_start"].dt.date)))
    for day in past.order_sources:
        volume.put(day, Day(by_day[day].reset_index(drop=True), "real"), "run")
        on_day = past.matches["timestamp"].dt.date == day
        matches.put(day, Day(past.matches[on_day].reset_index(drop=True), "real"), "run")
    day = AS_OF - timedelta(days=14)
    found = CliRunner().invoke(main, ["forecast", "--as-of", str(day)], catch_exceptions=False)
    assert found.exit_code == 0
    assert f"As of {day}, real data." in found.output
    assert not list(DailyTable(store, layout.ORDER_FORECAST)), "it is not stored"
    without = CliRunner().invoke(main, ["forecast"])
    assert without.exit_code != 0
    assert "There is no forecast yet" in without.output


def night(factor: float, until: datetime | None = None) -> pd.DataFrame:
    """Orders of the night at a multiple of what is usual there."""
    usual = season(weeks=WEEKS + 1, rows=[], noise=False, scale=2.0).volume
    of_night = usual[usual["bin_start"].dt.date == NIGHT]
    rng = np.random.default_rng(3)
    times, cities = [], []
    for row in of_night.itertuples():
        for _ in range(round(row.orders * factor)):
            times.append(row.bin_start + pd.Timedelta(minutes=float(rng.uniform(0, 14))))
            cities.append(row.city)
    keep = [until is None or at < until for at in times]
    times, cities = ([item for item, kept in zip(of, keep, strict=True) if kept] for of in (times, cities))
    return orders_frame(times, cities, source="mock")


def watched(store: Store, alerts: list[str]) -> tuple[Tonight, list[datetime]]:
    """Return an evening whose clock the test turns."""
    clock = [datetime.combine(NIGHT, time(12), UTC)]
    return Tonight(store, Replayed(store), lambda: clock[0], alerts.append), clock


def statuses(tonight: Tonight, clock: list[datetime]) -> list[str]:
    found = []
    for quarter in range(48):
        clock[0] = datetime.combine(NIGHT, time(12), UTC) + timedelta(minutes=15 * quarter)
        state = tonight.look()
        json.dumps(state, allow_nan=False)
        found.append({row["city"]: row["status"] for row in state["cities"]}.get("Liverpool", state["status"]))
    return found


def test_tonight_an_evening_far_above_is_alerted_once(past: Season, store: Store) -> None:
    stored(store, past, night(2.4))
    alerts: list[str] = []
    found = statuses(*watched(store, alerts))
    assert found[0] == "too early to tell"
    assert found[-1] == "above"
    assert sum(text.startswith("Liverpool: more orders") for text in alerts) == 1
    assert all("simulated" in text for text in alerts)


def test_tonight_a_feed_that_stops_is_silence_and_no_alert(past: Season, store: Store) -> None:
    kick = datetime.combine(NIGHT, time(18), UTC)
    stored(store, past, night(1.35, until=kick))
    alerts: list[str] = []
    assert statuses(*watched(store, alerts))[-1] == "no orders arrive"
    assert alerts == []


def test_tonight_without_a_forecast_or_orders_says_so(past: Season, store: Store) -> None:
    tonight, _ = watched(store, [])
    assert tonight.look()["status"] == "There is no forecast of today."
    stored(store, past)
    again, clock = watched(store, [])
    assert "cannot be read" in again.look()["status"], "the lake has no orders of the night"
    clock[0] -= timedelta(days=2)
    assert again.look()["status"] == "No match today has a forecast."


def test_the_evening_is_from_before_the_first_match_to_after_the_last(past: Season) -> None:
    two = matches_frame(
        [
            match_row("early", kick_off(WEEKS, 5, 15), score=None),
            match_row("late", kick_off(WEEKS, 5, 18), ("Liverpool", "Norwich"), score=None),
        ]
    )
    of_day = of_season(past, two)
    noise = of_day.facts["noise"]
    assert isinstance(noise, dict)
    found = evenings_of(of_day.frame, noise, NIGHT)
    assert {city: len(of.expected) for city, of in found.items()} == {"Liverpool": 36, "Manchester": 24, "Norwich": 24}


def test_an_evening_across_midnight_is_one_evening_of_the_citys_own_day(past: Season) -> None:
    late = matches_frame([match_row("late", kick_off(WEEKS, 5, 22, 30), score=None)])
    of_day = of_season(past, late)
    noise = of_day.facts["noise"]
    assert isinstance(noise, dict)
    found = evenings_of(of_day.frame, noise, NIGHT)
    assert len(found["Liverpool"].expected) == 24
    assert not evenings_of(of_day.frame, noise, NIGHT + timedelta(days=1))


def test_a_replayed_clock_runs_faster() -> None:
    began = datetime.now(UTC) - timedelta(seconds=10)
    clock = ReplayClock(datetime(2026, 1, 1, tzinfo=UTC), 60, began)
    assert timedelta(minutes=10) <= clock() - clock.start < timedelta(minutes=11)
    assert ReplayClock(clock.start, 1e6, began)().date() == clock.start.date(), "it stops at the end of the day"


def test_orders_of_shops_are_counted_by_day(store: Store) -> None:
    orders = night(1.0)
    DailyTable(store, layout.RAW_ORDERS).put(NIGHT, Day(orders, "mock"), "run")
    counted = making.ShopCounts(DailyTable(store, layout.RAW_ORDERS)).until(NIGHT)
    assert counted["orders"].sum() == len(orders) == roll_up(orders)["orders"].sum()
    assert set(counted["shop"]) == set(orders["location"])
    assert making.ShopCounts(DailyTable(store, layout.RAW_ORDERS)).until(date(2020, 1, 1)).empty
    assert Settings.load().tonight_files is None
