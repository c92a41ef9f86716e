"""The soak's own parts: its code location, clock and season. ``make soak`` plays it."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.soak.clock import VARIABLE, Clock, ClockedStore
from benchmarks.soak.daemon import environment_of, make_instance
from benchmarks.soak.definitions import defs
from benchmarks.soak.season import Season
from pizza_assets.definitions import MATCH_DAY_JOB
from pizza_assets.football.football_data import read_matches
from pizza_assets.lake import open_lake
from pizza_assets_tests.platform.fake_api import Request

NOON = datetime(2025, 3, 25, 12, tzinfo=UTC)


def test_the_code_location_is_the_platforms_with_the_soaks_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "clock.json"))
    repository = defs().get_repository_def()
    assert {sensor.name for sensor in repository.sensor_defs} == {"evening", "catch_up", "alerts"}
    assert repository.get_job(MATCH_DAY_JOB).partitions_def is not None


def test_the_clock_tells_when_something_was_by_itself(tmp_path: Path) -> None:
    clock = Clock(tmp_path / "clock.json")
    clock.set(NOON)
    store = open_lake(str(tmp_path / "lake"))
    store.write("a", b"a", {})
    clock.set(NOON + timedelta(days=3))
    store.write("b", b"b", {})
    assert clock.now() == NOON + timedelta(days=3)
    shown = {item.key: item.modified_at for item in ClockedStore(store, clock).list("")}
    assert shown == {"a": NOON, "b": NOON + timedelta(days=3)}


def test_a_third_of_the_requests_meets_a_fault_and_the_rest_a_season() -> None:
    day = date(2025, 3, 29)
    season = Season(day, day + timedelta(days=1), seed=1)
    asked = Request("/v4/competitions/PL/matches", {"dateFrom": str(day), "dateTo": str(day)}, {}, 0.0)
    answers = [season.answer(asked) for _ in range(300)]
    assert 80 <= season.faults <= 120
    good = [answer.body for answer in answers if answer.status == 200 and answer.fault is None]
    matches = [body["matches"] for body in good if isinstance(body, dict)]
    frame, reasons = read_matches(matches[0])
    assert len(frame) > 0
    assert not reasons
    season.is_down = True
    assert {season.answer(asked).status for _ in range(20)} == {503}


def test_the_daemon_gets_the_projects_instance_and_no_setting_of_the_developers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOMINOS_API_KEY", "the-developers-own")
    environment = environment_of({"PIZZA_LAKE": "lake"})
    assert "DOMINOS_API_KEY" not in environment
    assert environment["PIZZA_LAKE"] == "lake"
    make_instance(tmp_path)
    text = (tmp_path / "dagster.yaml").read_text(encoding="utf-8")
    assert "LocalRunLauncher" in text
    assert "base_dir: .dagster" not in text, "whoever opens it finds the same history"
