"""What runs measure: in the UI as numbers for each day, to CloudWatch as one batch for each run."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pizza_assets.errors import LakeError
from pizza_assets.lake import open_lake
from pizza_assets.lake.layout import RAW_MATCHES, RAW_ORDERS
from pizza_assets.lake.lock import WriterLock
from pizza_assets.lake.store import LocalStore, Metadata
from pizza_assets.lake.tables import DailyTable
from pizza_assets.platform import metrics as figures
from pizza_assets.platform.dagster_runs import RunFailedError, run_days
from pizza_assets.settings import Settings
from pizza_assets_tests.platform.fake_api import Answer, FakeApi, envelope, match, running, settings_for
from pizza_assets_tests.platform.test_pipeline import DAYS, FIRST, LAST, shown, small


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return small(metrics="emf", metrics_file=str(tmp_path / "metrics.log"))


def emitted(tmp_path: Path) -> Sequence[Mapping[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "metrics.log").read_text(encoding="utf-8").splitlines()]


def test_a_run_hands_over_one_set_of_figures_for_each_asset(settings: Settings, tmp_path: Path) -> None:
    (run_id,) = run_days(settings, FIRST, LAST)
    found = {line["Asset"]: line for line in emitted(tmp_path)}
    assert len(found) == len(emitted(tmp_path)) == 9
    orders = DailyTable(open_lake("lake"), RAW_ORDERS)
    raw = found["raw_orders"]
    assert raw["RunId"] == run_id
    assert (raw["Days"], raw["Rows"], raw["RealShare"]) == (DAYS, sum(len(orders[day]) for day in orders), 0)
    assert raw["Bytes"] == sum(item.size for item in orders.store.list("raw-data/dominos-orders/mock/"))
    assert (raw["Rejected"], raw["ApiCalls"], raw["Failures"]) == (0, 0, 0)
    assert raw["Seconds"] > 0
    assert found["dashboard_data"]["Rows"] > 0
    assert "RealShare" not in found["dashboard_data"]


def test_the_ui_has_the_same_figures_as_numbers_of_each_day(settings: Settings) -> None:
    run_days(settings, FIRST, LAST, "raw_orders")
    metadata = shown("raw_orders", LAST)
    for name in ("rows", "rejected", "received", "share_real", "bytes", "seconds"):
        assert isinstance(metadata[name], dg.IntMetadataValue | dg.FloatMetadataValue), name


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with running() as server:
        yield server


def test_calls_of_an_api_and_how_long_it_took_to_answer_are_counted(
    api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("time.sleep", lambda _: None)
    api.answers(Answer(status=503), Answer(body=envelope(match(utc_date=f"{FIRST}T14:00:00Z"))))
    settings = settings_for(
        api,
        dominos_api_key=None,
        pizza_start_date=FIRST,
        metrics="emf",
        metrics_file=str(tmp_path / "metrics.log"),
    )
    run_days(settings, FIRST, LAST, "raw_matches")
    (line,) = emitted(tmp_path)
    assert (line["ApiCalls"], line["RealShare"], line["Rows"]) == (3, 100, 1)
    assert line["ApiResponseTime"] >= 0
    first, last = shown("raw_matches", FIRST), shown("raw_matches", LAST)
    assert first["api_calls"].value == 3, "one request for the seasons, its retry, and one for the range"
    assert "api_calls" not in last
    assert RAW_MATCHES.key(FIRST, "real") in {item.key for item in open_lake("lake").list("")}


def test_a_failed_run_tells_what_it_did_until_then(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = LocalStore.write

    def failing(self: LocalStore, key: str, data: bytes, metadata: Metadata) -> None:
        if key == RAW_MATCHES.key(LAST, "mock"):
            raise LakeError("The disk is full. Free some space.")
        write(self, key, data, metadata)

    monkeypatch.setattr(LocalStore, "write", failing)
    with pytest.raises(RunFailedError):
        run_days(settings, FIRST, LAST)
    (line,) = emitted(tmp_path)
    assert (line["Asset"], line["Days"], line["Failures"]) == ("raw_matches", DAYS - 1, 1)


def test_cloudwatch_that_denies_fails_no_run(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    from botocore.exceptions import ClientError

    class Denying:
        def put_metric_data(self, **_: object) -> None:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutMetricData")

    monkeypatch.setattr(figures, "_client", lambda _: Denying())
    run_days(small(metrics="cloudwatch"), FIRST, LAST)
    assert len([record for record in caplog.records if "CloudWatch rejected" in record.getMessage()]) == 1


# Dagster follows the output of a run with processes that end some time after it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_run_waits_while_another_one_writes_to_the_lake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two backfills from the command line, or one beside the daemon's run."""
    other, waits = WriterLock(open_lake("lake")), threading.Event()
    other.acquire()
    monkeypatch.setattr("pizza_assets.lake.lock._LOGGER.warning", lambda *_: waits.set())
    thread = threading.Thread(target=run_days, args=(small(), FIRST, FIRST, "raw_matches"))
    thread.start()
    try:
        assert waits.wait(300)
        assert list(open_lake("lake").list("raw-data/")) == []
    finally:
        other.release()
    thread.join(300)
    assert list(DailyTable(open_lake("lake"), RAW_MATCHES)) == [FIRST]
