from datetime import UTC, datetime

from pizza_assets.analysis.events import match_events
from pizza_assets_tests.frames import match_row, matches_frame

KICK_OFF = datetime(2024, 3, 31, 15, 30, tzinfo=UTC)


def test_goals_are_put_at_their_minute_with_the_break_counted_in() -> None:
    row = match_row("m", KICK_OFF, score=(2, 1), home_goal_minutes=[45, 46], away_goal_minutes=[90])
    goals = match_events(matches_frame([row])).query("event_type == 'goal'")
    assert [f"{instant:%H:%M}" for instant in goals["timestamp"]] == ["16:15", "16:31", "17:15"]
    assert list(goals["team"]) == ["Liverpool FC", "Liverpool FC", "Manchester FC"]
    assert list(goals["minute"]) == [45, 46, 90]


def test_each_side_has_its_result_after_the_final_whistle() -> None:
    results = match_events(matches_frame([match_row("m", KICK_OFF, score=(0, 3), duration="EXTRA_TIME")]))
    assert dict(zip(results["team"], results["event_type"], strict=True)) == {
        "Liverpool FC": "loss",
        "Manchester FC": "win",
    }
    assert {f"{instant:%H:%M}" for instant in results["timestamp"]} == {"17:55"}


def test_a_draw_is_a_draw_for_both() -> None:
    assert list(match_events(matches_frame([match_row("m", KICK_OFF, score=(1, 1))]))["event_type"]) == ["draw"] * 2


def test_a_match_without_minutes_has_results_only_and_one_without_result_nothing() -> None:
    rows = [match_row("a", KICK_OFF), match_row("b", KICK_OFF, score=None)]
    events = match_events(matches_frame(rows))
    assert list(events["event_id"]) == ["a:away:result", "a:home:result"]
    assert match_events(matches_frame([])).empty
