import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.analysis.contract import TIME_PERIODS, TIME_WINDOWS
from pizza_assets.football.contract import SIGNIFICANCES
from pizza_assets_tests.analysis.seasons import FOOTBALL_CITIES, kick_off, season
from pizza_assets_tests.frames import match_row


@st.composite
def _some_matches(draw: st.DrawFn) -> list[dict[str, object]]:
    return [
        match_row(
            f"m{week}",
            kick_off(week, draw(st.integers(0, 6)), draw(st.integers(16, 21))),
            FOOTBALL_CITIES if draw(st.booleans()) else FOOTBALL_CITIES[::-1],
            (draw(st.integers(0, 4)), draw(st.integers(0, 4))),
            competition=draw(st.sampled_from(["PL", "FAC"])),
            match_significance=draw(st.sampled_from(SIGNIFICANCES)),
        )
        for week in range(draw(st.integers(1, 12)))
    ]


# Feature: pizza-game-dashboard, Property 17: For any football match, Domino's ordering patterns should be analyzed
# consistently across pre-match, during-match, and post-match time periods
@given(_some_matches(), st.integers(0, 20))
def test_every_question_is_asked_alike_of_every_window(rows: list[dict[str, object]], seed: int) -> None:
    of = season(12, seed, rows=rows)
    analysis = of.analysis()
    results = analysis.results
    scopes = {"all", *(f"{kind}:{row[column]}" for row in rows for kind, column in _SCOPES)}
    asked = results[results["factor"] == "match"]
    assert set(zip(asked["scope"], asked["time_window"], strict=True)) == {(s, w) for s in scopes for w in TIME_WINDOWS}
    by_question = results[results["factor"] != "match"].groupby(["scope", "factor"])["time_window"].agg(set)
    assert all(windows == set(TIME_WINDOWS) for windows in by_question)

    units = analysis.units
    assert units.groupby(["city", "kick_off_at"])["time_window"].agg(set).map(lambda w: w == set(TIME_WINDOWS)).all()
    _sums_agree(asked, units)
    _no_order_counts_twice(units, of.volume)


_SCOPES = (
    ("team", "home_team"),
    ("team", "away_team"),
    ("competition", "competition"),
    ("significance", "match_significance"),
)


def _sums_agree(asked: pd.DataFrame, units: pd.DataFrame) -> None:
    """The estimate over all matches is close to the ratio of the sums over its clean units, which weigh alike there."""
    clean = units[units["is_clean"]]
    sums = clean.groupby("time_window")[["observed", "expected"]].sum().reindex(TIME_WINDOWS, fill_value=0)
    overall = asked[asked["scope"] == "all"].set_index("time_window").loc[list(TIME_WINDOWS)]
    np.testing.assert_allclose(overall["observed"], sums["observed"])
    np.testing.assert_allclose(overall["expected"], sums["expected"])
    told = overall["estimate"].notna()
    ratio = 100 * (sums["observed"] / sums["expected"].where(sums["expected"] > 0) - 1)
    np.testing.assert_allclose(overall.loc[told, "estimate"], ratio[told], atol=2)


def _no_order_counts_twice(units: pd.DataFrame, volume: pd.DataFrame) -> None:
    """The windows of a match are disjoint, and so are the clean ones of a city."""
    wide = units.pivot(index=["city", "kick_off_at"], columns="time_window", values="observed")
    assert (wide["during_match"] + wide["post_match"] <= wide["day"]).all()
    clean = units[units["is_clean"] & units["time_window"].isin(TIME_PERIODS)]
    counted = clean.groupby("city")["observed"].sum()
    assert (counted <= volume.groupby("city")["orders"].sum().reindex(counted.index)).all()
