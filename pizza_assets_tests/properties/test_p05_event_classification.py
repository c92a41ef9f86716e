from datetime import timedelta
from typing import Any

import pandas as pd
from hypothesis import event, given
from hypothesis import strategies as st

from pizza_assets.analysis.events import match_events
from pizza_assets.football.football_data import read_matches
from pizza_assets_tests.platform.fake_api import match
from pizza_assets_tests.platform.strategies import good_scores

STAGES = ("FINAL", "THIRD_PLACE", "SEMI_FINALS", "GROUP_STAGE", "LEAGUE_STAGE", "REGULAR_SEASON", "PLAYOFFS", "NEW")
STATUSES = ("SCHEDULED", "TIMED", "IN_PLAY", "PAUSED", "FINISHED", "SUSPENDED", "POSTPONED", "CANCELLED", "AWARDED")


# Feature: pizza-game-dashboard, Property 5: For any football data collected, major events (goals, wins, tournament
# matches) should be correctly identified and categorized
@given(
    scores=good_scores(),
    kind=st.sampled_from(["LEAGUE", "LEAGUE_CUP", "CUP", "PLAYOFFS", None]),
    stage=st.sampled_from(STAGES) | st.none(),
    status=st.just("FINISHED") | st.sampled_from(STATUSES),
    data=st.data(),
)
def test_results_goals_and_significance(
    scores: tuple[tuple[int, int], dict[str, object]],
    kind: str | None,
    stage: str | None,
    status: str,
    data: st.DataObject,
) -> None:
    (home, away), sent_score = scores
    minutes = [data.draw(st.lists(st.integers(1, 120), min_size=count, max_size=count)) for count in (home, away)]
    goals = [
        {"minute": minute, "injuryTime": None, "type": "REGULAR", "team": {"id": team, "name": "x"}}
        for team, of_side in zip((57, 61), minutes, strict=True)
        for minute in of_side
    ]
    competition = {"id": 1, "name": "x", "code": "X", "type": kind}
    sent = match(
        score=sent_score, status=status, stage=stage, competition=competition, goals=data.draw(st.permutations(goals))
    )
    frame, reasons = read_matches([sent])
    assert reasons == {}
    row = frame.iloc[0]
    if status == "FINISHED":
        assert (row["home_score"], row["away_score"]) == (home, away)
        assert row["event_type"] == {True: "win", False: "loss"}[home > away] if home != away else "draw"
        assert list(row["home_goal_minutes"]) == sorted(minutes[0])
        assert list(row["away_goal_minutes"]) == sorted(minutes[1])
    else:
        columns = ["home_score", "away_score", "event_type", "home_goal_minutes", "away_goal_minutes"]
        assert frame[columns].isna().all(axis=None)
    if stage == "FINAL" and kind in ("CUP", "LEAGUE_CUP", "PLAYOFFS"):
        assert row["match_significance"] == "final"
    elif kind in ("CUP", "LEAGUE_CUP"):
        assert row["match_significance"] == "tournament"
    else:
        assert row["match_significance"] == "regular"
    _check_events(row, match_events(frame), minutes, (home, away) if status == "FINISHED" else None)


def _check_events(
    row: "pd.Series[Any]", events: pd.DataFrame, minutes: list[list[int]], goals: tuple[int, int] | None
) -> None:
    """Check the events of a match: its goals by team and minute, and the result of each team, by the end only."""
    if goals is None:
        assert events.empty
        return
    event(f"{min(sum(goals), 3)} goals or more")
    assert set(events["match_significance"]) == {row["match_significance"]}
    assert len(events) == sum(goals) + 2
    for side, of_side, ours, theirs in zip(("home", "away"), minutes, goals, goals[::-1], strict=True):
        mine = events[events["team"] == row[f"{side}_team"]]
        assert set(mine["city"]) == {row[f"{side}_city"]}
        scored = mine[mine["event_type"] == "goal"]
        assert sorted(scored["minute"].tolist()) == sorted(of_side)
        for minute, at in zip(scored["minute"], scored["timestamp"], strict=True):
            break_and_minute = minute + (15 if minute > 45 else 0)
            assert at - row["timestamp"] == timedelta(minutes=int(break_and_minute))
        (result,) = mine.loc[mine["event_type"] != "goal", "event_type"]
        assert result == ("win" if ours > theirs else "loss" if ours < theirs else "draw")
