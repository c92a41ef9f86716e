import re
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.lake import layout
from pizza_assets.platform.columns import Source
from pizza_assets_tests.strategies import sources

_TABLES = st.sampled_from(list(layout.DAILY_TABLES.values()))
_ANY_DAY = st.dates(date(1992, 1, 1), date(2037, 12, 31))


# Feature: pizza-game-dashboard, Property 10: For any data file stored in S3, it should be placed in the correct
# bucket structure with proper naming conventions indicating source and timestamp
@given(_TABLES, _ANY_DAY, sources)
def test_a_key_tells_data_set_source_and_day(table: layout.DailyLayout, day: date, source: Source) -> None:
    key = table.key(day, source)
    folder, name = key.rsplit("/", 1)
    assert folder.startswith(table.prefix)
    assert folder.endswith(f"{day:%Y/%m/%d}")
    assert re.fullmatch(rf"{day:%Y%m%d}_\d{{6}}_[a-z_]+\.parquet", name)
    assert layout.day_of(key) == day
    if table.by_source:
        assert f"/{source}/" in key
        assert ("_mock_" in name) == (source == "mock")
        assert table.source_of(key) == source


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
