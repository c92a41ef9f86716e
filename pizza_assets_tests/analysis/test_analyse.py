import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from pizza_assets.analysis.analyse import Analysis, analyse, analyse_prepared, prepare
from pizza_assets.analysis.contract import TIME_WINDOWS
from pizza_assets.analysis.report import report_json, report_markdown
from pizza_assets.contracts import ANOMALIES, CORRELATION_RESULTS, UNIT_UPLIFT, validate
from pizza_assets.football.contract import UNTIMED
from pizza_assets.platform.columns import Source
from pizza_assets_tests.analysis.seasons import CITIES, MONDAY, Season, kick_off, season, weekly_matches
from pizza_assets_tests.frames import match_row, matches_frame


def _is_sound(analysis: Analysis) -> None:
    """Everything keeps its contract, every result has a reason, and no output holds an infinity or NaN in JSON."""
    validate(analysis.results, CORRELATION_RESULTS)
    validate(analysis.units, UNIT_UPLIFT)
    validate(analysis.anomalies, ANOMALIES)
    numbers = (analysis.expected, analysis.profile, analysis.results, analysis.units)
    assert not any(np.isinf(frame.select_dtypes("number").to_numpy(dtype=float)).any() for frame in numbers)
    json.dumps(analysis.summary, allow_nan=False)
    assert report_json(analysis)
    assert report_markdown(analysis)


def _headline(analysis: Analysis) -> dict[str, str]:
    rows = analysis.results.query("scope == 'all' and factor == 'match'")
    return dict(zip(rows["time_window"], rows["verdict"], strict=True))


def _half_collected(of: Season) -> Season:
    return of.without_days([MONDAY + timedelta(days=i) for i in range(49)])


def _constant() -> Season:
    of = season(noise=False)
    return replace(of, volume=of.volume.assign(orders=3))


def _played_twice() -> Season:
    rows = weekly_matches(14)
    moved = rows[3] | {"timestamp": kick_off(13, 2, 20)}
    return season(rows=[*rows, rows[3] | {"status": "POSTPONED", "home_score": None, "away_score": None}, moved])


def _derbies() -> Season:
    rows = [match_row(f"d{i}", kick_off(i // 3, 5, 17 + i % 3), ("Liverpool", "Liverpool")) for i in range(36)]
    return season(rows=rows)


BAD: dict[str, Callable[[], Season]] = {
    "no matches": lambda: season(rows=[]),
    "one match": lambda: season(rows=weekly_matches(2)[:1]),
    "one city": lambda: season(cities=["Liverpool"]),
    "one week": lambda: season(weeks=1),
    "constant volume": _constant,
    "a city without orders": lambda: season(cities=["Norwich", "Plymouth"]),
    "no orders at all": lambda: replace(season(), volume=season().volume.iloc[:0]),
    "no mock orders at all": lambda: replace(
        season(), volume=season().volume.iloc[:0], order_sources=dict.fromkeys(season().order_sources, "mock")
    ),
    "nothing collected": lambda: replace(season(), order_sources={}),
    "only matches to come": lambda: season(rows=[match_row("f", kick_off(20, 5, 15), score=None)]),
    "matches after the last day": lambda: season(weeks=3, rows=weekly_matches(14)),
    "a match that was moved": _played_twice,
    "half a season of orders": lambda: _half_collected(season()),
    "derbies that overlap": _derbies,
    "clock change": lambda: season(first_day=date(2025, 3, 3), rows=weekly_matches(14, first_day=date(2025, 3, 3))),
    "leap day": lambda: season(first_day=date(2024, 1, 29), rows=weekly_matches(14, first_day=date(2024, 1, 29))),
    "hardly any orders": lambda: season(scale=0.002),
    "no usable city": lambda: replace(season(), volume=_national(season())),
    "no usable city and nothing else": lambda: replace(season(rows=[]), volume=_national(season())),
    "no usable city in one week": lambda: replace(season(weeks=1), volume=_national(season(weeks=1))),
}


def _national(of: Season) -> pd.DataFrame:
    return of.volume.assign(city="unknown").drop_duplicates("bin_start", ignore_index=True)


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gives_verdicts_and_reasons(name: str) -> None:
    analysis = BAD[name]().analysis()
    _is_sound(analysis)
    assert (analysis.results["reason"].str.len() > 0).all()


@pytest.mark.parametrize("name", ["no matches", "one match", "one week", "a city without orders", "no orders at all"])
def test_too_little_data_is_insufficient_and_says_what_is_missing(name: str) -> None:
    analysis = BAD[name]().analysis()
    assert _headline(analysis) == dict.fromkeys(TIME_WINDOWS, "insufficient")
    assert analysis.results["reason"].str.contains("are needed").all()


def test_a_city_without_orders_is_told_apart_from_one_without_matches() -> None:
    units = BAD["a city without orders"]().analysis().units
    assert set(units["reason"]) == {"no orders in this city"}
    assert units["expected"].isna().all()


def test_a_match_that_was_moved_counts_once_and_the_rest_is_reported() -> None:
    analysis = _played_twice().analysis()
    moved = analysis.units[analysis.units["match_ids"].str.contains("real-3")]
    assert moved["kick_off_at"].nunique() == 1
    assert analysis.summary["matches_ignored"] == {"status POSTPONED": 1, "listed twice": 1}


def test_days_that_were_not_collected_are_unobserved_and_not_zero() -> None:
    analysis = BAD["half a season of orders"]().analysis()
    first_half = analysis.units["kick_off_at"].dt.date < MONDAY + timedelta(days=49)
    assert set(analysis.units.loc[first_half, "reason"]) == {"not all of the window is observed"}
    assert analysis.expected["bin_start"].dt.date.min() == MONDAY + timedelta(days=49)


def test_a_shop_that_opens_late_is_not_expected_to_sell_before() -> None:
    of = season(seed=2)
    opened = MONDAY + timedelta(days=42)
    late = (of.volume["city"] == "Liverpool") & (of.volume["bin_start"].dt.date < opened)
    expected = replace(of, volume=of.volume[~late]).analysis().expected
    assert expected.query("city == 'Liverpool'")["bin_start"].dt.date.min() == opened


def test_overlapping_windows_take_no_part() -> None:
    units = _derbies().analysis().units
    during = units[units["time_window"] == "during_match"]
    assert not during["is_clean"].any()
    assert (during["reason"] == "another match's span overlaps it").all()


def test_the_window_trails_the_day() -> None:
    of = season(weeks=20)
    analysis = of.analysis(window_days=56)
    first_day = of.as_of - timedelta(days=55)
    assert analysis.summary["window_start"] == first_day.isoformat()
    assert analysis.units["kick_off_at"].dt.date.min() >= first_day
    assert analysis.expected["bin_start"].dt.date.min() == first_day


def test_a_range_of_days_says_what_each_day_alone_says() -> None:
    of = season(weeks=16, seed=8)
    prepared = prepare(of.volume, of.matches, of.order_sources)
    for back in (0, 9, 30):
        as_of = of.as_of - timedelta(days=back)
        known = {day: source for day, source in of.order_sources.items() if day <= as_of}
        alone = replace(of, order_sources=known, as_of=as_of).analysis(70)
        ranged = analyse_prepared(prepared, as_of, 70)
        assert_frame_equal(alone.results, ranged.results)
        assert_frame_equal(alone.units, ranged.units)
        assert alone.summary == ranged.summary


@pytest.mark.parametrize(("mode", "match_source"), [("by city", "real"), ("by city", "mock"), ("national", "real")])
def test_orders_of_days_with_unknown_matches_are_no_example_of_ordinary_ones(mode: str, match_source: Source) -> None:
    """Matches that we do not know sell on some Tuesdays; whatever they sell, no expectation moves."""
    rows = weekly_matches(26, 6, match_source)
    of = season(weeks=26, seed=6, rows=rows, cities=CITIES if mode == "by city" else CITIES[:2])
    if mode == "national":
        of = replace(of, volume=of.volume.assign(city="unknown"))
    unknown = [MONDAY + timedelta(days=7 * week + 1) for week in range(2, 24, 4)]
    is_unknown = of.volume["bin_start"].dt.date.isin(unknown)
    surged = of.volume.assign(orders=of.volume["orders"].where(~is_unknown, 5 * of.volume["orders"]))

    def analysed(volume: pd.DataFrame, unknown_days: Sequence[date]) -> Analysis:
        return analyse(volume, of.matches, of.order_sources, of.as_of, unknown_days=unknown_days)

    calm, busy, taken_in = analysed(of.volume, unknown), analysed(surged, unknown), analysed(surged, ())
    assert busy.summary["mode"] == mode
    if mode == "by city":
        assert_frame_equal(calm.expected[["expected"]], busy.expected[["expected"]])
        assert not calm.expected["expected"].equals(taken_in.expected["expected"])
        assert len(busy.units) == len(taken_in.units), "the matches that are known count"
    else:
        numbers = ["estimate", "observed", "expected"]
        assert_frame_equal(calm.results[numbers], busy.results[numbers])
        assert not calm.results[numbers].equals(taken_in.results[numbers])


@pytest.mark.parametrize("status", [UNTIMED["FINISHED"], "SUSPENDED"])
def test_national_mode_leaves_out_hours_in_which_a_match_may_have_been_on(status: str) -> None:
    """Of a match on some Tuesdays the time, or whether it was played, is not known: nothing they sell counts."""
    of = season(weeks=26, seed=6, rows=weekly_matches(26, 6), cities=CITIES[:2])
    of = replace(of, volume=of.volume.assign(city="unknown"))
    weeks = range(2, 24, 4)
    open_rows = [
        match_row(f"open-{week}", kick_off(week, 1, 18), ("Liverpool", "unknown"), None, status=status)
        for week in weeks
    ]
    of = replace(of, matches=pd.concat([of.matches, matches_frame(open_rows)], ignore_index=True))
    is_open = of.volume["bin_start"].dt.date.isin([MONDAY + timedelta(days=7 * week + 1) for week in weeks])
    is_open &= of.volume["bin_start"].dt.hour.between(17, 20)
    surged = of.volume.assign(orders=of.volume["orders"].where(~is_open, 5 * of.volume["orders"]))
    calm, busy = of.analysis(), replace(of, volume=surged).analysis()
    assert busy.summary["mode"] == "national"
    numbers = ["estimate", "observed", "expected"]
    assert_frame_equal(calm.results[numbers], busy.results[numbers])


def test_national_mode_finds_a_planted_effect_and_claims_nothing_by_city() -> None:
    of = season(weeks=26, seed=6, effect={"pre_match": 0.5}, cities=CITIES[:2])
    national = of.volume.groupby(["bin_start", "currency", "data_source"], as_index=False).sum(numeric_only=True)
    analysis = replace(of, volume=national.assign(city="unknown")[of.volume.columns]).analysis()
    _is_sound(analysis)
    assert analysis.summary["mode"] == "national"
    assert _headline(analysis)["pre_match"] == "higher"
    assert set(analysis.results["scope"]) == {"all"}
    assert set(analysis.results.query("factor != 'match'")["verdict"]) == {"insufficient"}


def test_the_profile_peaks_where_the_effect_was_planted() -> None:
    profile = season(weeks=20, seed=9, effect={"pre_match": 0.6}).analysis().profile
    overall = profile[profile["match_significance"] == "all"].set_index("hours_from_kickoff")["uplift_pct"]
    assert overall.loc[[-2, -1]].min() > 40
    assert overall.loc[[0, 1]].max() < 30


def _two_clubs_in_one_city(**changes: object) -> Season:
    """One shop in Liverpool; its two clubs play clubs of other cities, and at times at the same hour."""
    rng, rows = np.random.default_rng(0), []
    for week in range(24):
        for club, weekdays in (("Liverpool FC", [2, 5]), ("Everton FC", [3, 6])):
            at = kick_off(week, int(rng.choice(weekdays)), 17 + week % 3) if week % 4 else kick_off(week, 5, 18)
            rows.append(match_row(f"{club[:4]}-{week}", at, ("Liverpool", "Leeds"), home_team=club))
    return season(weeks=24, cities=["Liverpool"], rows=rows, **changes)  # type: ignore[arg-type]


def test_nothing_is_asked_of_clubs_of_cities_without_orders() -> None:
    results = _two_clubs_in_one_city().analysis().results
    teams = results.loc[results["scope"].str.startswith("team:"), "scope"]
    assert set(teams) == {"team:Liverpool FC", "team:Everton FC"}


def test_scopes_with_the_same_matches_are_one_question() -> None:
    results = _two_clubs_in_one_city().analysis().results.query("factor == 'match'")
    of = {scope: rows.set_index("time_window") for scope, rows in results.groupby("scope")}
    same = ["all", "competition:PL", "significance:regular"]
    for window in TIME_WINDOWS:
        assert len({(of[name].loc[window, "q_value"], of[name].loc[window, "verdict"]) for name in same}) == 1
    assert results["q_value"].notna().all()
    # Four windows of all matches and of two clubs: as if nothing else had been asked.
    once = results[~results["scope"].isin(same[1:])]
    fewer = results[results["scope"].isin(same)]
    assert len(once) == len(results) - len(fewer) + len(TIME_WINDOWS)


def test_a_club_that_shares_kick_offs_says_so() -> None:
    results = _two_clubs_in_one_city().analysis().results.set_index(["scope", "factor", "time_window"])
    text = results.loc[("team:Everton FC", "match", "post_match"), "pattern_description"]
    assert "; 6 of them while another club of the city kicked off" in text
    assert "kicked off" not in results.loc[("all", "match", "post_match"), "pattern_description"]


def test_a_club_named_beforehand_needs_less_evidence() -> None:
    of = _two_clubs_in_one_city(seed=1, effect={"post_match": 0.15})
    prepared = prepare(of.volume, of.matches, of.order_sources)
    named = analyse_prepared(prepared, of.as_of, focus_teams=["Everton FC"]).results
    keys = ["scope", "factor", "method", "time_window"]
    q_values = named.merge(of.analysis().results, on=keys, suffixes=("_named", "")).query("verdict != 'diagnostic'")
    q_values = q_values[q_values["time_window"] == "post_match"].set_index("scope")
    change = q_values["q_value_named"] / q_values["q_value"]
    assert change["team:Everton FC"] < 1 < change["team:Liverpool FC"]
