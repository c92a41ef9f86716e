import json
from datetime import UTC, date, datetime

import pandas as pd

from pizza_assets.lake.store import Store
from pizza_assets.lake.verify import verify
from pizza_assets.platform.quality.history import Evaluation, read, write
from pizza_assets.platform.quality.results import DayResult

DAY = date(2025, 9, 6)
EVENING = datetime(2025, 9, 7, 18, 0, 1, tzinfo=UTC)


def evaluation(run_id: str, at: datetime = EVENING) -> Evaluation:
    results = {
        "schema": [DayResult(DAY, figures={"rows": 3})],
        "expected_volume": [DayResult(DAY, "warn", "20 orders, expected 1800", {"orders": 20})],
    }
    return Evaluation("order_volume", run_id, at, results, {DAY: "real"})


def test_what_was_said_is_read_again_whole(store: Store) -> None:
    key = write(store, evaluation("0123456789"))
    assert key == "quality/order_volume/2025/09/07/20250907_180001_01234567.parquet"
    assert store.metadata(key)["worst"] == '{"schema": "passed", "expected_volume": "warn"}'
    frame = read(store, "order_volume", EVENING.date(), EVENING.date())
    warned = frame[frame["check"] == "expected_volume"].iloc[0]
    assert (warned["day"], warned["status"], warned["data_source"]) == ("2025-09-06", "warn", "real")
    assert json.loads(warned["figures"]) == {"orders": 20}
    assert pd.isna(frame[frame["check"] == "schema"].iloc[0]["message"])


def test_runs_do_not_replace_each_other(store: Store) -> None:
    for number, run_id in enumerate(("first", "second", "third")):
        write(store, evaluation(run_id, EVENING.replace(day=7 + number)))
    assert list(dict.fromkeys(read(store, "order_volume", DAY, date(2025, 9, 8))["run_id"])) == ["first", "second"]
    assert read(store, "raw_orders", DAY, date(2025, 9, 30)).empty


def test_verify_reads_the_history(store: Store) -> None:
    key = write(store, evaluation("run"))
    report = verify(store)
    assert (report.objects, report.problems) == (1, [])
    store.write(key, store.read(key), {"rows": "5"})
    assert "its metadata counts 5 rows, it has 2" in verify(store).problems[0]
    store.write(key, b"nothing", {})
    assert "is not readable Parquet" in verify(store).problems[0]
