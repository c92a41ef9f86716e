"""Real data through outages of its sources: it stays byte for byte, and the run says so everywhere."""

import tempfile
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner, Result

from pizza_assets.cli import main
from pizza_assets.lake import open_lake
from pizza_assets.lake.layout import RAW_MATCHES, RAW_ORDERS, SALES_TABLES
from pizza_assets.lake.sales import SalesDay, SalesTable
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable, noted
from pizza_assets.lake.verify import verify
from pizza_assets.retail import assets as retail
from pizza_assets.retail import mock_apis as retailer_apis
from pizza_assets_tests.operations.alerts.receivers import SlackServer
from pizza_assets_tests.operations.test_dagster_alerts import look
from pizza_assets_tests.platform.fake_api import Answer, FakeApi, Request, envelope, match, running
from pizza_assets_tests.platform.test_dagster_checks import evaluations
from pizza_assets_tests.platform.test_pipeline import shown, small
from pizza_assets_tests.retail.sales_lines import sale, sales
from pizza_assets_tests.retail.test_assets import run

FIRST = date(2025, 9, 6)
DAYS = (FIRST, FIRST + timedelta(days=1))
RANGE = ("backfill", "--from", str(DAYS[0]), "--to", str(DAYS[1]))
AWAY = Answer(403, {"message": "The resource you are looking for is restricted."})


def one_match_a_day(request: Request) -> Answer:
    """Answer with a match of the competition that is asked for, each day at 14:00 UTC."""
    code = request.path.split("/")[3]
    number = {"PL": 100, "CL": 200}[code]
    away = {"PL": {"id": 61, "name": "Chelsea FC"}, "CL": {"id": 62, "name": "Everton FC"}}[code]
    changes = {"competition": {"id": number, "name": code, "code": code, "type": "LEAGUE"}, "awayTeam": away}
    return Answer(body=envelope(*(match(number + d.day, f"{d}T14:00:00Z", **changes) for d in DAYS)))


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    """A football API with two competitions, and a till export; both days are real in the lake."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    header = "order_id,timestamp,location,order_total,pizza_types"
    rows = [f"{day.day}-{n},{day} {n}:30,Norwich,10,a" for day in DAYS for n in range(10, 20)]
    (tmp_path / "till.csv").write_text("\n".join([header, *rows]) + "\n")
    with running() as server:
        for name, value in {
            "FOOTBALL_API_URL": str(server.url),
            "FOOTBALL_API_KEY": "0123456789abcdef",
            "FOOTBALL_COMPETITIONS": "PL,CL",
            "MAX_API_RETRIES": "0",
            "MAX_REQUESTS_PER_MINUTE": "1000",
            "MOCK_ORDERS_PER_STORE_DAY": "5",
            "ORDERS_FILES": str(tmp_path / "till.csv"),
        }.items():
            monkeypatch.setenv(name, value)
        server.follows(one_match_a_day)
        collected = invoke(*RANGE)
        assert collected.exit_code == 0, collected.output
        yield server


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def raw(lake: Store) -> Mapping[str, tuple[bytes, Mapping[str, str]]]:
    """Return all that was collected: bytes and metadata."""
    keys = [item.key for item in lake.list("raw") if "/kept/" not in item.key]
    return {key: (lake.read(key), lake.metadata(key)) for key in keys}


@pytest.mark.parametrize("allow_mock", ["true", "false"])
def test_real_days_stay_when_their_sources_are_away_and_the_run_says_so(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, slack: SlackServer, allow_mock: str
) -> None:
    lake = open_lake("lake")
    before = raw(lake)
    assert {key.split("/")[2] for key in before} == {"real", "received"}
    monkeypatch.setenv("PIZZA_ALLOW_MOCK", allow_mock)
    monkeypatch.delenv("ORDERS_FILES")
    api.answers(AWAY)
    result = invoke(*RANGE)
    assert result.exit_code == 3
    assert raw(lake) == before
    matches = f"raw_matches: 2 days from {DAYS[0]} to {DAYS[1]} are kept, not refreshed: football-data.org"
    orders = (
        f"raw_orders: 2 days from {DAYS[0]} to {DAYS[1]} are kept, not refreshed: "
        "neither DOMINOS_API_KEY nor ORDERS_FILES is set"
    )
    for text in (result.stderr, invoke("status").output):
        assert matches in text
        assert orders in text
    for asset, reason in (("raw_matches", "found 403"), ("raw_orders", "neither DOMINOS_API_KEY")):
        check = evaluations()[asset, "is_refreshed"]
        assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
        assert f"2 warn. {DAYS[1]}: kept, not refreshed: " in str(check.description)
        assert reason in str(check.description)
        facts = shown(asset, FIRST)
        assert reason in str(facts["kept"].value)
        assert (facts["data_source"].value, facts["share_real"].value) == ("real", 1.0)
        assert facts["rows"].value == (2 if asset == "raw_matches" else 10)
    assert verify(lake).problems == []
    with dg.DagsterInstance.get() as instance:
        look(instance, small(slack_webhook_url=slack.url))
    assert len(slack.texts) == 2
    assert "Kept, not refreshed: raw_matches" in slack.texts[0]
    assert f"pizza-assets backfill --from {DAYS[0]} --to {DAYS[1]}" in slack.texts[0]

    monkeypatch.setenv("ORDERS_FILES", str(Path("till.csv").absolute()))
    api.follows(one_match_a_day)
    assert invoke(*RANGE).exit_code == 0
    assert noted(lake, RAW_MATCHES, "kept") == noted(lake, RAW_ORDERS, "kept") == {}
    assert "kept" not in invoke("status").output
    assert {key: data for key, (data, _) in raw(lake).items()} == {key: data for key, (data, _) in before.items()}


def test_what_follows_is_made_of_the_kept_days(api: FakeApi) -> None:
    lake = open_lake("lake")
    before = {item.key: lake.read(item.key) for item in lake.list("processed-data/")}
    for key in before:
        lake.delete(key)
    api.answers(AWAY)
    assert invoke(*RANGE).exit_code == 3
    assert {item.key: lake.read(item.key) for item in lake.list("processed-data/")} == before


def test_a_competition_that_is_away_keeps_its_matches_and_the_others_are_new(api: FakeApi) -> None:
    lake = open_lake("lake")
    before = DailyTable(lake, RAW_MATCHES)[FIRST]
    new = envelope(*(match(90 + number, f"{day}T14:00:00Z") for number, day in enumerate(DAYS)))
    api.follows(lambda request: AWAY if "/CL/" in request.path else Answer(body=new))
    assert invoke(*RANGE, "--select", "raw_matches").exit_code == 0
    table = DailyTable(lake, RAW_MATCHES)
    is_kept = table[FIRST]["competition"] == "CL"
    assert (
        table[FIRST][is_kept]
        .reset_index(drop=True)
        .equals(before[before["competition"] == "CL"].reset_index(drop=True))
    )
    assert table[FIRST][~is_kept]["match_id"].tolist() == ["90"]
    assert f"raw_matches: 2 days from {DAYS[0]} to {DAYS[1]} are kept, not refreshed: CL: " in invoke("status").output
    assert evaluations()["raw_matches", "is_refreshed"].passed is False
    assert evaluations()["raw_matches", "competitions_known"].passed
    assert (table.facts(FIRST)["competitions"], table.facts(FIRST)["rows"]) == ("PL CL", "2")
    assert verify(lake).problems == []


def test_days_of_which_a_competition_is_unknown_say_so(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, slack: SlackServer
) -> None:
    lake = open_lake("lake")
    invoke("lake", "remove", "--from", str(FIRST), "--to", str(FIRST), "--data-set", "raw_matches", "--yes")
    api.follows(lambda request: AWAY if "/CL/" in request.path else one_match_a_day(request))
    monkeypatch.setenv("PIZZA_ALLOW_MOCK", "false")
    assert invoke("backfill", "--from", str(FIRST), "--to", str(FIRST)).exit_code == 0
    table = DailyTable(lake, RAW_MATCHES)
    assert (table.stored[FIRST].source, table[FIRST]["competition"].tolist()) == ("real", ["PL"])
    facts = table.facts(FIRST)
    assert (facts["competitions"], facts["unknown-competitions"]) == ("PL", "CL")
    assert f"raw_matches: {FIRST} is without CL: football-data.org" in invoke("status").output
    check = evaluations()["raw_matches", "competitions_known"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "unknown matches: CL: football-data.org" in str(check.description)
    with dg.DagsterInstance.get() as instance:
        look(instance, small(slack_webhook_url=slack.url))
    assert "Matches unknown: raw_matches" in "".join(slack.texts)
    assert verify(lake).problems == []

    invoke("quarantine", "replay")
    assert list(noted(lake, RAW_MATCHES, "unknown")) == [FIRST]
    api.follows(one_match_a_day)
    assert invoke("backfill", "--from", str(FIRST), "--to", str(FIRST)).exit_code == 0
    assert noted(lake, RAW_MATCHES, "unknown") == {}


def test_till_exports_that_cannot_be_read_store_nothing(
    api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del api
    lake = open_lake("lake")
    before = raw(lake)
    (tmp_path / "other.csv").write_text("order_id\n1\n")
    for named, sentence in (("none.csv", "Found none"), ("other.csv", "other.csv must hold a table")):
        monkeypatch.setenv("ORDERS_FILES", str(tmp_path / named))
        result = invoke(*RANGE, "--select", "raw_orders")
        assert (result.exit_code, sentence in result.stderr) == (1, True), result.output
        later = invoke("backfill", "--from", "2025-09-10", "--to", "2025-09-10", "--select", "raw_orders")
        assert later.exit_code == 1
    assert raw(lake) == before


def test_only_the_command_that_says_so_removes_real_days(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = open_lake("lake")
    api.answers(AWAY)
    remove = ("lake", "remove", "--from", str(FIRST), "--to", str(FIRST), "--data-set", "raw_matches")
    before = raw(lake)
    rejected = CliRunner().invoke(main, remove, input="n\n")
    assert (rejected.exit_code, raw(lake)) == (1, before)
    assert f"Remove 1 day of raw_matches from {FIRST} to {FIRST}, 1 of them real" in rejected.output
    removed = CliRunner().invoke(main, remove, input="y\n")
    assert removed.exit_code == 0, removed.output
    assert set(DailyTable(lake, RAW_MATCHES)) == {DAYS[1]}
    assert "nothing to do" in invoke(*remove, "--yes").output
    assert invoke("backfill", "--from", str(FIRST), "--to", str(FIRST), "--select", "raw_matches").exit_code == 0
    assert DailyTable(lake, RAW_MATCHES).stored[FIRST].source == "mock"
    assert DailyTable(lake, RAW_ORDERS).stored[FIRST].source == "real"


@pytest.mark.parametrize("source", ["not named", "down", "says mock"])
@pytest.mark.parametrize("allow_mock", [True, False])
def test_real_sales_stay_when_their_source_is_away(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, source: str, allow_mock: bool
) -> None:
    monkeypatch.setattr(retail, "RETRY_DELAY", 0)
    lake = open_lake("lake")
    table = SalesTable(lake, SALES_TABLES["raw_retailer_1"])
    days = [date(2025, 9, 5) + timedelta(days=n) for n in range(3)]
    for day in days:
        table.put(day, SalesDay(sales([sale()]), "real"), "before")
    before = raw(lake)
    settings = {"pizza_start_date": days[0], "retail_mock_lines_per_day": 50, "pizza_allow_mock": allow_mock}
    with retailer_apis.running(small(**settings)) as apis:
        if source != "not named":
            settings |= {name.lower(): value for name, value in apis.environment().items()}
        if source == "down":
            apis.faults.add("retailer_1:down")
        assert run(small(max_api_retries=0, **settings), instance, "raw_retailer_1").success
    assert raw(lake) == before
    reason = {"not named": "RETAILER_1_URL is not set", "down": "found 503", "says mock": "now gives mock data"}[source]
    kept = noted(lake, SALES_TABLES["raw_retailer_1"], "kept")
    assert list(kept) == days
    assert all(reason in told for told in kept.values())
    assert f"raw_retailer_1: 3 days from {days[0]} to {days[-1]} are kept, not refreshed: " in invoke("status").output
    assert verify(lake).problems == []
