"""A tournament of nations through the whole product, from mock orders in the lake to report, page and QuickSight."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from pizza_assets.cli import main
from pizza_assets.dashboard.page import read_current
from pizza_assets.lake import layout, open_lake

FIRST, DAYS = date(2024, 5, 6), 77
COLLECTED = "raw_matches or raw_orders or match_events or order_volume"


def fixtures(folder: Path) -> None:
    """Write five evenings of England's in four weeks, the last one a final, and a match between others."""
    lines = ["date,time,home_team,away_team,competition,season,stage,home_score,away_score,time_zone"]
    for number, (day, stage) in enumerate(
        [(35, "Group A"), (40, "Group A"), (45, "Group A"), (54, "Last 16"), (61, "Final")]
    ):
        home, away = ("England", "France") if number % 2 else ("Spain", "England")
        lines.append(f"{FIRST + timedelta(days=day)},20:00,{home},{away},Euro,2024,{stage},1,0,Europe/London")
    lines.append(f"{FIRST + timedelta(days=36)},20:00,Spain,Germany,Euro,2024,Group B,2,2,Europe/London")
    (folder / "euro.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_planted_effect_of_englands_matches_is_found_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fixtures(tmp_path)
    for name in ("FOOTBALL_API_KEY", "ORDERS_FILES"):
        monkeypatch.delenv(name, raising=False)
    given = {"DAGSTER_HOME": tmp_path / "home", "PIZZA_LAKE": tmp_path / "lake", "PIZZA_START_DATE": FIRST}
    given |= {"MATCHES_FILES": "euro.csv", "MOCK_UPLIFT_DURING_MATCH": 0.4, "MOCK_TOURNAMENT_FACTOR": 1}
    given |= {"MOCK_FINAL_FACTOR": 1, "MOCK_GOAL_EFFECT": 0, "MOCK_UPLIFT_PRE_MATCH": 0, "MOCK_UPLIFT_POST_MATCH": 0}
    for name, value in given.items():
        monkeypatch.setenv(name, str(value))
    last = FIRST + timedelta(days=DAYS - 1)
    for first, assets in ((FIRST, COLLECTED), (last, "correlation_results+")):
        result = CliRunner().invoke(main, ["backfill", "--from", str(first), "--to", str(last), "--select", assets])
        assert result.exit_code == 0, result.output
    store = open_lake(str(tmp_path / "lake"), None)

    effects = read_current(store)["effects"]  # the files that QuickSight reads
    during = effects[effects["time_window"] == "during_match"].set_index("scope")
    england = during.loc["nation:England"]
    assert (england["verdict"], england["method"], england["data_source"]) == ("higher", "event_study", "mock")
    assert england["ci_low"] < 100 * (1.4918 - 1) < england["ci_high"]
    assert during.loc["tournament:EC", "verdict"] == "higher"
    assert during.loc["stage:GROUP_STAGE", "verdict"] == "higher"
    assert during.loc["stage:FINAL", "verdict"] == "insufficient"
    assert "nation:Germany" not in during.index  # no shop is in Germany

    (report,) = [item.key for item in store.list(layout.REPORT_PREFIX) if item.key.endswith(".md")]
    text = store.read(report).decode()
    assert "### National teams" in text
    assert "- England: " in text
    assert "Stage group stage: " in text
    page = store.read(layout.PAGE_KEY).decode()
    assert "Which national teams?" in page
    assert "nation:England" in page
