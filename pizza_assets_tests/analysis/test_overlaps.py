import numpy as np
import pandas as pd
import pytest

from pizza_assets.analysis.analyse import Analysis
from pizza_assets_tests.analysis.seasons import Season, kick_off, season, weekly_matches
from pizza_assets_tests.frames import match_row

PLANTED = {"pre_match": 0.2, "during_match": 0.4, "post_match": -0.1}


def _rows(weeks: int) -> list[dict[str, object]]:
    """Every week one match in Liverpool; every second week another one there, 1 h 30 min or 2 h later."""
    rng, rows = np.random.default_rng(0), []
    for week in range(weeks):
        weekday, hour = int(rng.choice([2, 4, 5, 6])), int(rng.choice([17, 18]))
        rows.append(match_row(f"first-{week}", kick_off(week, weekday, hour), ("Liverpool", "Leeds")))
        if week % 2:
            later = kick_off(week, weekday, hour + 1 + week % 4 // 2, 30 if week % 4 == 1 else 0)
            rows.append(match_row(f"second-{week}", later, ("Liverpool", "Leeds"), home_team="Everton FC"))
    return rows


def _season(rows: list[dict[str, object]] | None = None, effect: dict[str, float] | None = None) -> Season:
    return season(
        40, 1, rows=_rows(40) if rows is None else rows, effect=PLANTED if effect is None else effect, scale=9
    )


def _units(of: Season) -> pd.DataFrame:
    units = of.analysis().units
    return units[units["city"] == "Liverpool"]


def _uplift(analysis: Analysis) -> pd.DataFrame:
    return analysis.results.query("scope == 'all' and factor == 'match'").set_index("time_window")


def test_effects_of_matches_that_overlap_are_told_apart() -> None:
    analysis = _season().analysis()
    found = _uplift(analysis)
    for window, planted in PLANTED.items():
        row = found.loc[window]
        assert row["n"] == 60
        assert row["ci_low"] < 100 * np.expm1(planted) < row["ci_high"]
        assert row["ci_high"] - row["ci_low"] < 15


def test_what_is_expected_beside_another_match_has_that_match_on() -> None:
    overlapped, plain = _units(_season()), _units(_season(effect={}))
    keys = ["city", "kick_off_at", "time_window"]
    both = overlapped.merge(plain, on=keys, suffixes=("", "_plain"))
    second = both[both["match_ids"].str.startswith("second-") & (both["time_window"] == "pre_match")]
    two_hours = second[second["kick_off_at"].dt.tz_convert("Europe/London").dt.minute == 0]
    # The 2 h before a match that begins 2 h after another one are those of that one.
    ratio = two_hours["expected"] / two_hours["expected_plain"]
    assert ratio.mean() == pytest.approx(np.exp(PLANTED["during_match"]), rel=0.05)
    assert two_hours["is_clean"].all()


def test_the_interval_is_narrower_than_without_the_windows_that_overlap() -> None:
    with_both, first_alone = _season(effect={}), [row for row in _rows(40) if str(row["match_id"]).startswith("first")]
    alone = _season([row for week, row in enumerate(first_alone) if week % 2 == 0], effect={})
    width = {name: _uplift(of.analysis()) for name, of in (("both", with_both), ("alone", alone))}
    both, one = (width[name]["ci_high"] - width[name]["ci_low"] for name in ("both", "alone"))
    assert (both[list(PLANTED)] < one[list(PLANTED)]).all()


def test_beside_a_match_of_unknown_result_a_window_takes_no_part() -> None:
    rows = _rows(40)
    rows[-1] |= {"status": "IN_PLAY", "home_score": None, "away_score": None, "event_type": None}
    units = _units(_season(rows))
    beside = units[(units["match_ids"] == "first-39") & units["time_window"].isin(["during_match", "post_match"])]
    assert set(beside["reason"]) == {"another match's span overlaps it"}


def test_nothing_is_told_apart_where_too_few_windows_stand_alone() -> None:
    rows = [
        match_row(f"{n}-{week}", kick_off(week, 5, 16 + 3 * n), ("Liverpool", "Leeds"))
        for week in range(0, 40, 2)
        for n in (0, 1)
    ]
    units = _units(_season(rows))
    during = units[(units["time_window"] == "during_match") & units["match_ids"].str.startswith("0-")]
    assert not during["is_clean"].any()


def test_matches_of_other_cities_do_not_count_as_others() -> None:
    rows = weekly_matches(40)
    alone, beside = _season(rows), _season([*rows, *(row | {"match_id": f"x{i}", "home_city": "Norwich",
        "away_city": "Plymouth"} for i, row in enumerate(rows))])  # fmt: skip
    assert alone.analysis().units["is_clean"].all()
    assert beside.analysis().units["is_clean"].all()
