import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from pizza_assets.cli import main
from pizza_assets.lake import open_lake
from pizza_assets.lake.layout import RAW_MATCHES, RAW_ORDERS, REPORT_PREFIX
from pizza_assets.lake.tables import DailyTable
from pizza_assets.lake.uncovered import REASON
from pizza_assets.lake.verify import verify
from pizza_assets_tests.orders.till import exports
from pizza_assets_tests.platform.fake_api import Answer, envelope, match, running

FIRST = date(2024, 9, 2)


def export(folder: Path) -> None:
    """Write orders of two weeks in Norwich, without the day of an outage, and a void, a refund and a broken row."""
    rows = []
    for n in range(14):
        day = FIRST + timedelta(days=n)
        rows += [f"{n}{k},{day:%d/%m/%Y} {12 + k}:30,Norwich,£9.50,no" for k in range(8) if n != 8]
    rows += ["v,04/09/2024 12:00,Norwich,£9.50,yes", "r,04/09/2024 12:00,Norwich,-£9.50,no", "x,?,Norwich,£9.50,no"]
    exports.write(folder, "till.csv", "\n".join(["Receipt,Sold at,Shop,Total,Voided", *rows]))


@pytest.fixture
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    for name in ("FOOTBALL_API_KEY", "FOOTBALL_API_URL", "MATCHES_FILES", "ORDERS_FILES", "PIZZA_LAKE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("_here")
def test_two_weeks_of_a_shop_from_the_export_to_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export(tmp_path)
    with running() as api:
        api.follows(lambda request: Answer(body=envelope(match(1, "2024-09-07T14:00:00Z"))))
        monkeypatch.setenv("FOOTBALL_API_KEY", "token")
        monkeypatch.setenv("FOOTBALL_API_URL", str(api.url))
        result = CliRunner().invoke(main, ["answer", "--orders", "till.csv", "--yes", "--no-open"])
    assert result.exit_code == 0, result.output
    assert "104 orders of 1 shop (2 rows set aside, 1 rejected)." in result.output
    assert "Does football sell pizza?" in result.output
    store = open_lake("answer-lake", None)
    orders = DailyTable(store, RAW_ORDERS)
    assert {kept.source for kept in orders.stored.values()} == {"real"}
    assert FIRST + timedelta(days=8) not in orders  # unknown, not zero
    assert len(orders) == len(DailyTable(store, RAW_MATCHES)) == 13
    facts = orders.facts(date(2024, 9, 4))
    assert (facts["received"], facts["rows"], facts["set-aside"], facts["rejected"]) == ("11", "8", "2", "1")
    aside = [json.loads(line) for line in store.read(RAW_ORDERS.set_aside_key(date(2024, 9, 4))).splitlines()]
    assert [line["reason"] for line in aside] == ["void: Voided says so", "refund: a negative amount or quantity"]
    assert orders.facts(FIRST)["uncovered"] == "Norwich"  # the first day is a part
    assert "uncovered" not in orders.facts(FIRST + timedelta(days=1))
    (report,) = [item.key for item in store.list(REPORT_PREFIX) if item.key.endswith(".json")]
    missing = json.loads(store.read(report))["summary"]["sources"]["real"]["unobserved"]
    assert [(row["city"], row["day"]) for row in missing if row["reason"] == REASON][:1] == [("Norwich", str(FIRST))]
    assert verify(store).problems == []


@pytest.mark.usefixtures("_here")
def test_an_answer_from_exports_and_fixtures_without_a_key(tmp_path: Path) -> None:
    export(tmp_path)
    rows = ["E0,07/09/2024,15:00,Norwich,Leeds,2,1", "E0,07/09/2024,15:00,Norwich,Leeds,2,1"]
    rows += ["E0,11/09/2024,,Leeds,Norwich,0,0", "E0,14/09/2024,16:00,Arsenal,Norwich,x,0"]
    header = "Div,Date,Time,HomeTeam,AwayTeam,FTHG,FTAG"
    exports.write(tmp_path, "E0.csv", "\n".join([header, *rows, "E0,13/09/2024,20:00,Leeds,Arsenal,1,1"]))
    result = CliRunner().invoke(main, ["answer", "--orders", "till.csv", "--matches", "E0.csv", "--yes", "--no-open"])
    assert result.exit_code == 0, result.output
    assert "The files of fixtures do not cover 2024-09-14 to 2024-09-15; these days are left out." in result.output
    assert "Does football sell pizza?" in result.output
    store = open_lake("answer-lake", None)
    matches = DailyTable(store, RAW_MATCHES)
    assert {kept.source for kept in matches.stored.values()} == {"real"}
    facts = matches.facts(date(2024, 9, 7))
    assert (facts["origin"], facts["received"], facts["rows"], facts["set-aside"]) == ("fixtures files", "2", "1", "1")
    assert matches[date(2024, 9, 11)]["status"].tolist() == ["FINISHED_UNTIMED"]
    (report,) = [item.key for item in store.list(REPORT_PREFIX) if item.key.endswith(".json")]
    ignored = json.loads(store.read(report))["summary"]["matches_ignored"]
    assert "kick-off time not known" in json.dumps(ignored)
    assert verify(store).problems == []


@pytest.mark.usefixtures("_here")
def test_without_matches_there_is_no_answer(tmp_path: Path) -> None:
    export(tmp_path)
    result = CliRunner().invoke(main, ["answer", "--orders", "till.csv", "--yes", "--no-open"])
    assert result.exit_code == 2
    assert "The matches are missing. Name files of fixtures by --matches" in result.output


@pytest.mark.usefixtures("_here")
def test_shops_that_nobody_can_place_have_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTBALL_API_KEY", "token")
    exports.write(tmp_path, "till.csv", "Receipt,Sold at,Shop,Total\n1,2024-05-04 12:00,Main branch,5\n")
    result = CliRunner().invoke(
        main, ["answer", "--orders", "till.csv", "--yes", "--no-open", "--time-zone", "Europe/London"]
    )
    assert result.exit_code == 1
    assert "Main branch takes no part: nobody can tell where it is" in result.output
    assert "No shop has a city, so there is no answer." in result.output


@pytest.mark.usefixtures("_here")
def test_a_question_stops_it_before_anything_is_collected(tmp_path: Path) -> None:
    exports.write(tmp_path, "till.csv", "Receipt,Sold at,Shop,Total\n1,04/05/2024 12:00,Norwich,5\n")
    result = CliRunner().invoke(main, ["answer", "--orders", "till.csv", "--yes", "--no-open"])
    assert result.exit_code == 1
    assert "day/month or month/day" in result.output
    assert not (tmp_path / "answer-lake").exists()
