from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.contracts import empty
from pizza_assets.lake import layout
from pizza_assets.lake.s3 import S3Store
from pizza_assets.lake.tables import DailyTable, Day
from pizza_assets.platform.columns import Source
from pizza_assets_tests.conftest import BUCKET
from pizza_assets_tests.strategies import sources

_ANY_DAY = st.dates(date(1992, 1, 1), date(2037, 12, 31))


#: The folders and names of the design, spelled out: by data set, the folder and the end of the name.
EXPECTED = {
    "raw_matches": ("raw-data/football-data/{source}/{day}", "{mock}matches.parquet"),
    "raw_orders": ("raw-data/dominos-orders/{source}/{day}", "{mock}orders.parquet"),
    "match_events": ("processed-data/match-events/{day}", "match_events.parquet"),
    "order_volume": ("processed-data/order-volume/{day}", "order_volume.parquet"),
    "merged_orders": ("processed-data/merged-datasets/{day}", "merged_data.parquet"),
}


# Feature: pizza-game-dashboard, Property 10: For any data file stored in S3, it should be placed in the correct
# bucket structure with proper naming conventions indicating source and timestamp
@given(st.sampled_from(sorted(EXPECTED)), _ANY_DAY, sources, st.booleans(), st.booleans())
def test_what_is_stored_in_a_bucket_lies_where_its_name_tells_source_and_day(
    bucket: Any, name: str, day: date, source: Source, has_rejects: bool, was_other: bool
) -> None:
    table = layout.DAILY_TABLES[name]
    store = S3Store(bucket, BUCKET, "some/lake")
    content = empty(table.contract)
    rejected = [{"reason": "no time", "record": {}}] if has_rejects else []
    if was_other and source == "real":
        DailyTable(store, table).put(day, Day(content, "mock"), "run 1")
    DailyTable(store, table).put(day, Day(content, source, len(rejected), rejected), "run 2")
    folder, end = (
        text.format(source=source, day=f"{day:%Y/%m/%d}", mock="mock_" if source == "mock" else "")
        for text in EXPECTED[name]
    )
    data_key = f"some/lake/{folder}/{day:%Y%m%d}_000000_{end}"
    expected = {data_key}
    if has_rejects:
        root = folder.split(f"/{source}/")[0].removesuffix(f"/{day:%Y/%m/%d}")
        expected.add(f"some/lake/{root}/rejected/{day:%Y/%m/%d}/{day:%Y%m%d}_000000_rejected.ndjson")
    stored = {item["Key"] for item in bucket.list_objects_v2(Bucket=BUCKET).get("Contents", [])}
    assert stored == expected
    metadata = bucket.head_object(Bucket=BUCKET, Key=data_key)["Metadata"]
    assert (metadata["data-source"], metadata["run-id"]) == (source, "run 2")
    assert layout.day_of(data_key) == day
    for key in stored:
        bucket.delete_object(Bucket=BUCKET, Key=key)


# Feature: pizza-game-dashboard, Property 10: For any data file stored in S3, it should be placed in the correct
# bucket structure with proper naming conventions indicating source and timestamp
@given(st.data(), _ANY_DAY, sources)
def test_no_two_things_share_a_key(data: st.DataObject, day: date, source: Source) -> None:
    tables = list(layout.DAILY_TABLES.values())
    keys = [table.key(day, source) for table in tables] + [table.rejected_key(day) for table in tables]
    keys += [layout.dated_key(layout.CORRELATION_PREFIX, day, file) for file in layout.CORRELATION_FILES]
    keys += [layout.dated_key(layout.DASHBOARD_PREFIX, day, layout.DASHBOARD_HISTORY_FILE)]
    assert len(set(keys)) == len(keys)
    other = data.draw(_ANY_DAY.filter(lambda drawn: drawn != day))
    assert not set(keys) & {table.key(other, source) for table in tables}


def test_the_seeds_own_examples() -> None:
    day = date(2024, 3, 9)
    assert layout.RAW_ORDERS.key(day, "real") == (
        "raw-data/dominos-orders/real/2024/03/09/20240309_000000_orders.parquet"
    )
    assert layout.RAW_MATCHES.key(day, "mock") == (
        "raw-data/football-data/mock/2024/03/09/20240309_000000_mock_matches.parquet"
    )
    assert layout.MERGED_ORDERS.key(day, "mock") == (
        "processed-data/merged-datasets/2024/03/09/20240309_000000_merged_data.parquet"
    )
