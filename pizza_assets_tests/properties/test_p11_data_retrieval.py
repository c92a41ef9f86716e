from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from pizza_assets.contracts import FOOTBALL_MATCHES
from pizza_assets.lake import open_lake
from pizza_assets.lake.layout import RAW_MATCHES, RAW_ORDERS
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable, Day
from pizza_assets.platform.columns import SOURCES, Source
from pizza_assets_tests.conftest import AWS
from pizza_assets_tests.strategies import DAYS, matches_around, orders_of_day


def _source(frame: pd.DataFrame) -> Source:
    label = frame["data_source"].iloc[0] if len(frame) else "mock"
    return next(source for source in SOURCES if source == label)


def _put_and_read(store: Store, day: date, orders: pd.DataFrame, matches: pd.DataFrame) -> None:
    DailyTable(store, RAW_ORDERS).put(day, Day(orders, _source(orders)), "run")
    DailyTable(store, RAW_MATCHES).put(day, Day(matches, _source(matches)), "run")
    pd.testing.assert_frame_equal(DailyTable(store, RAW_ORDERS)[day], orders)
    pd.testing.assert_frame_equal(DailyTable(store, RAW_MATCHES)[day], matches)
    columns = ["match_id", "home_goal_minutes"]
    pd.testing.assert_frame_equal(DailyTable(store, RAW_MATCHES, columns)[day], matches[columns])
    assert set(FOOTBALL_MATCHES.columns) == set(DailyTable(store, RAW_MATCHES)[day].columns)


# Feature: pizza-game-dashboard, Property 11: For any processing operation, the system should successfully retrieve
# both pizza order and game score datasets from S3 storage
@given(st.data(), DAYS, st.sampled_from(["folder", "bucket"]))
def test_orders_and_matches_come_back_as_they_were_put(data: st.DataObject, day: date, kind: str) -> None:
    orders, matches = data.draw(orders_of_day(day)), data.draw(matches_around(day))
    if kind == "folder":
        with TemporaryDirectory() as folder:
            _put_and_read(open_lake(str(Path(folder))), day, orders, matches)
        return
    with mock_aws():
        client: Any = AWS.client("s3")
        client.create_bucket(Bucket="lake")
        _put_and_read(open_lake("s3://lake", client), day, orders, matches)
