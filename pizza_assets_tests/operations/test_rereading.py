import gzip
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.errors import ContractError, LakeError
from pizza_assets.lake.formats import ndjson_bytes
from pizza_assets.lake.layout import RAW_MATCHES, RAW_ORDERS, SALES_TABLES
from pizza_assets.lake.store import LocalStore, Store
from pizza_assets.lake.tables import DailyTable, Day
from pizza_assets.lake.verify import verify
from pizza_assets.operations.quarantine import kinds
from pizza_assets.operations.rereading import gains, reread
from pizza_assets.orders.collect import API, FILES
from pizza_assets.settings import Settings
from pizza_assets_tests.frames import match_row, matches_frame, orders_frame
from pizza_assets_tests.platform.fake_api import match

DAY = date(2024, 5, 4)
NOON = datetime(2024, 5, 4, 12, tzinfo=UTC)
STORED = orders_frame([NOON, NOON], ["Leeds", "London"])
SETTINGS = Settings(_env_file=None)


def a_reject(record: object, reason: str = "rejected by what was wrong then") -> dict[str, object]:
    return {"reason": reason, "record": record}


def order(order_id: object = "new", time: str = "2024-05-04T18:30:00Z", **changes: object) -> dict[str, object]:
    return {
        "order_id": order_id,
        "timestamp": time,
        "location": "12 High St, Norwich",
        "order_total": "31.5",
        "pizza_types": "Margherita|Funghi",
        "quantity": 2,
        **changes,
    }


def put(store: Store, *rejected: dict[str, object], origin: str = API, day: date = DAY) -> None:
    content = Day(STORED, "real", len(STORED) + len(rejected), rejected, facts={"origin": origin})
    DailyTable(store, RAW_ORDERS).put(day, content, "first run")


def replay(store: Store, settings: Settings = SETTINGS) -> Day:
    content = reread(store, RAW_ORDERS, DAY, settings)
    DailyTable(store, RAW_ORDERS).put(DAY, content, "replay")
    return content


def test_what_is_valid_now_is_stored_beside_what_was_there(store: Store) -> None:
    put(store, a_reject(order()), a_reject(order("bad", quantity=0)))
    assert gains(store, RAW_ORDERS, DAY, DAY, SETTINGS) == {DAY: 1}
    content = replay(store)
    table = DailyTable(store, RAW_ORDERS)
    pd.testing.assert_frame_equal(table[DAY].iloc[:2], STORED)
    new = table[DAY].iloc[2]
    assert (new["order_id"], new["city"], new["order_total"], new["data_source"]) == ("new", "Norwich", 31.5, "real")
    assert content.counts == {"rows": 3, "received": 4, "rejected": 1}
    assert content.rejected == [
        a_reject(order("bad", quantity=0), "quantity = 0: expected a whole number of at least 1")
    ]
    assert table.facts(DAY)["origin"] == API
    assert verify(store).problems == []


def test_a_day_whose_replacement_was_killed_is_not_replayed(store: Store) -> None:
    put(store, a_reject(order()), a_reject(order("bad", quantity=0)))
    # A killed run has written the new quarantine, and not the new data.
    store.write(RAW_ORDERS.rejected_key(DAY), ndjson_bytes([a_reject(order("bad", quantity=0))]), {"rejected": "1"})
    with pytest.raises(LakeError, match=r"expected 2 rejected records in its quarantine, found 1.*Collect it again"):
        reread(store, RAW_ORDERS, DAY, SETTINGS)
    assert DailyTable(store, RAW_ORDERS).facts(DAY)["rejected"] == "2"


def test_a_second_replay_finds_nothing_and_changes_nothing(store: Store) -> None:
    put(store, a_reject(order()), a_reject(order("bad", quantity=0)))
    first = replay(store)
    assert gains(store, RAW_ORDERS, DAY, DAY, SETTINGS) == {}
    second = replay(store)
    pd.testing.assert_frame_equal(second.frame, first.frame)
    assert (second.rejected, second.counts) == (first.rejected, first.counts)


def test_the_last_reject_that_is_stored_leaves_no_quarantine(store: Store) -> None:
    put(store, a_reject(order()))
    replay(store)
    assert list(store.list(f"{RAW_ORDERS.prefix}/rejected/")) == []


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (order("o0"), "duplicate order_id"),
        (
            order(time="2024-05-05T00:30:00Z"),
            "timestamp = 2024-05-05T00:30:00+00:00: of another day; collect that day again",
        ),
        ({"line": "7;x"}, "expected 5 cells in the row, found 2"),
        ({"value": 7}, "order_id is missing"),
    ],
    ids=["stored already", "another day", "no record at all", "no object"],
)
def test_what_still_cannot_be_stored_stays_with_todays_reason(store: Store, record: object, reason: str) -> None:
    put(store, a_reject(record, "expected 5 cells in the row, found 2"))
    content = replay(store)
    assert content.counts == {"rows": 2, "received": 3, "rejected": 1}
    assert content.rejected[0]["record"] == record
    assert str(content.rejected[0]["reason"]).startswith(reason)
    assert verify(store).problems == []


def test_of_two_rejects_with_one_key_the_first_is_stored(store: Store) -> None:
    put(store, a_reject(order(order_total=1)), a_reject(order(order_total=2)))
    content = replay(store)
    assert content.frame["order_total"].tolist() == [10.5, 10.5, 1.0]
    assert [reject["reason"] for reject in content.rejected] == ["duplicate order_id"]


def test_an_export_is_read_by_the_rules_of_exports_and_the_api_by_its_own(store: Store) -> None:
    local = order("local", "2024-05-04 18:30")
    settings = Settings(_env_file=None, orders_time_zone="Europe/London", orders_files="*.csv")
    put(store, a_reject(local), origin=API)
    assert gains(store, RAW_ORDERS, DAY, DAY, settings) == {}, "the API's times have an offset"
    put(store, a_reject(local), origin=FILES)
    assert replay(store, settings).frame["timestamp"].iloc[2] == pd.Timestamp("2024-05-04T17:30Z")


def test_a_day_without_an_origin_is_of_exports_where_there_are_some(store: Store) -> None:
    put(store, a_reject(order("local", "2024-05-04 18:30")), origin="")
    assert gains(store, RAW_ORDERS, DAY, DAY, Settings(_env_file=None, orders_files="*.csv")) == {DAY: 1}
    assert gains(store, RAW_ORDERS, DAY, DAY, SETTINGS) == {}


def test_the_columns_of_an_export_may_be_named_after_the_fact(store: Store) -> None:
    record = {**order(), "Receipt": "4711"}
    del record["order_id"]
    put(store, a_reject(record), origin=FILES)
    named = Settings(_env_file=None, orders_columns={"order_id": "Receipt"}, orders_files="*.csv")
    assert replay(store, named).frame["order_id"].tolist()[2:] == ["4711"]


def test_matches_keep_what_the_source_sent(store: Store) -> None:
    good, bad = match(1, "2024-05-04T12:00:00Z"), match(2, "2024-05-04T15:00:00Z", homeTeam=None)
    frame = matches_frame([match_row("9", NOON)])
    objects = [{"id": 9}, good, bad]
    rejected = [a_reject(good), a_reject(bad)]
    DailyTable(store, RAW_MATCHES).put(DAY, Day(frame, "real", 3, rejected, objects), "first run")
    content = reread(store, RAW_MATCHES, DAY, SETTINGS)
    DailyTable(store, RAW_MATCHES).put(DAY, content, "replay")
    assert content.frame["match_id"].tolist() == ["9", "1"]
    assert [reject["record"] for reject in content.rejected] == [bad]
    kept = store.read(RAW_MATCHES.received_key(DAY))
    assert json.loads(gzip.decompress(kept))["objects"] == objects
    assert verify(store).problems == []


def test_a_mock_day_is_never_touched(store: Store) -> None:
    mock = orders_frame([NOON], ["Leeds"], source="mock")
    DailyTable(store, RAW_ORDERS).put(DAY, Day(mock, "mock"), "run")
    assert gains(store, RAW_ORDERS, DAY, DAY, SETTINGS) == {}
    with pytest.raises(LakeError, match="raw_orders has no real day 2024-05-04, so there is nothing to replay"):
        reread(store, RAW_ORDERS, DAY, SETTINGS)


def test_a_stored_day_that_breaks_todays_contract_is_not_thinned_out(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, a_reject(order()))
    monkeypatch.setattr(DailyTable, "__getitem__", lambda *_: STORED.assign(quantity=0))
    with pytest.raises(ContractError, match="quantity"):
        reread(store, RAW_ORDERS, DAY, SETTINGS)


def test_only_the_days_asked_for_are_read_again(store: Store) -> None:
    for number in range(3):
        put(store, a_reject(order(time=f"2024-05-0{4 + number}T18:30:00Z")), day=DAY + timedelta(days=number))
    assert gains(store, RAW_ORDERS, DAY, DAY + timedelta(days=1), SETTINGS) == {DAY: 1, DAY + timedelta(days=1): 1}


def test_kinds_count_by_reason_with_the_newest_example(store: Store) -> None:
    for number in range(3):
        total = a_reject(order(f"a{number}"), f"order_total = 'x{number}': expected a number")
        put(
            store,
            total,
            total,
            a_reject({"line": "?"}, "expected a JSON object in the line"),
            day=DAY + timedelta(days=number),
        )
    first, second = kinds(store, "raw_orders", DAY, DAY + timedelta(days=1))
    assert (first.reason, first.count, first.days) == ("order_total", 4, [DAY, DAY + timedelta(days=1)])
    assert first.newest["reason"] == "order_total = 'x1': expected a number"
    assert (second.reason, second.count) == ("expected a JSON object in the line", 2)


def test_rejected_sales_of_a_retailer_are_listed_too(store: Store) -> None:
    where = SALES_TABLES["raw_retailer_2"]
    store.write(where.rejected_key(DAY), ndjson_bytes([a_reject({"sku": 7}, "price = -1: expected 0 or more")]), {})
    (kind,) = kinds(store, "raw_retailer_2", DAY, DAY)
    assert (kind.reason, kind.count, kind.days) == ("price", 1, [DAY])


RECORDS = st.one_of(
    st.builds(
        order,
        st.sampled_from(["o0", "n1", "n2", "n3", None]),
        st.sampled_from(["2024-05-04T18:30:00Z", "2024-05-05T01:00:00Z", "noon", "2024-05-04T18:30"]),
        quantity=st.sampled_from([1, 0, "2", None]),
    ),
    st.sampled_from([{"line": "cut"}, {"value": 3}, {}]),
)


@given(st.lists(RECORDS, max_size=8), st.sampled_from([API, FILES]))
def test_no_record_is_lost_or_invented_and_a_replay_settles(records: list[dict[str, object]], origin: str) -> None:
    with TemporaryDirectory() as folder:
        store = LocalStore(Path(folder))
        put(store, *map(a_reject, records), origin=origin)
        content = replay(store)
        counts = content.counts
        assert counts["received"] == len(STORED) + len(records) == counts["rows"] + counts["rejected"]
        left = [reject["record"] for reject in content.rejected]
        assert all(record in records for record in left)
        pd.testing.assert_frame_equal(content.frame.iloc[:2], STORED)
        assert set(content.frame["data_source"]) == {"real"}
        assert set(content.frame["timestamp"].dt.date) == {DAY}
        again = replay(store)
        assert again.counts == counts
        assert verify(store).problems == []
