"""Against the real services, with keys, and only when asked: ``make test-live``.

football-data.org where FOOTBALL_API_KEY is set, S3 where PIZZA_LIVE_BUCKET names a bucket that may be written to below
``live-test/``. pytest collects no file of this name by itself.
"""

import os
import uuid
from datetime import date
from pathlib import Path

import pytest

from pizza_assets.lake import open_lake, s3_client
from pizza_assets.lake.layout import RAW_MATCHES
from pizza_assets.lake.lock import WriterLock
from pizza_assets.lake.tables import DailyTable
from pizza_assets.platform.dagster_runs import run_days
from pizza_assets.settings import Settings

#: As it was before the tests' own fixtures took keys out of it.
_ENVIRONMENT = dict(os.environ)
_KEY, _BUCKET = _ENVIRONMENT.get("FOOTBALL_API_KEY"), _ENVIRONMENT.get("PIZZA_LIVE_BUCKET")
#: A day of the Premier League whose matches are over.
_DAY = date(2025, 5, 25)


@pytest.mark.skipif(not _KEY, reason="FOOTBALL_API_KEY is not set")
def test_football_data_org_gives_the_last_day_of_a_season(tmp_path: Path) -> None:
    settings = Settings(football_api_key=_KEY, pizza_allow_mock=False, pizza_lake=str(tmp_path / "lake"))
    run_days(settings, _DAY, _DAY, "raw_matches")
    table = DailyTable(open_lake(settings.pizza_lake), RAW_MATCHES)
    assert table.is_real(_DAY)
    assert len(table[_DAY]) == 10


@pytest.mark.skipif(not _BUCKET, reason="PIZZA_LIVE_BUCKET is not set")
def test_s3_keeps_what_is_written_and_lets_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in _ENVIRONMENT.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    if "AWS_ACCESS_KEY_ID" not in _ENVIRONMENT:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"):
            monkeypatch.delenv(name)
    prefix = f"s3://{_BUCKET}/live-test/{uuid.uuid4().hex}"
    store = open_lake(prefix, s3_client(Settings()))
    lock = WriterLock(store)
    lock.acquire()
    try:
        for key, data in {"small": b"1", "large": b"x" * (9 * 2**20)}.items():
            store.write(key, data, {"rows": "1"})
            assert store.read(key) == data
        assert sorted(item.key for item in store.list("")) == ["large", "small"]
    finally:
        for item in list(store.list("")):
            store.delete(item.key)
        lock.release()
        store.delete(".metadata/writer.lock")
