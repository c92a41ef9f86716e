import gzip
import io
import json
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets import contracts
from pizza_assets.errors import ContractError, LakeError, RealDataError
from pizza_assets.lake import formats, layout
from pizza_assets.lake.layout import MATCH_EVENTS, ORDER_VOLUME, RAW_MATCHES, RAW_ORDERS
from pizza_assets.lake.store import LocalStore, Store
from pizza_assets.lake.tables import DailyTable, DatedFiles, Day, Files, noted
from pizza_assets.platform.kept import Kept
from pizza_assets_tests.frames import match_row, matches_frame, orders_frame

DAY = date(2024, 2, 29)
NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
REAL = orders_frame([NOON], ["Liverpool"])
MOCK = orders_frame([NOON], ["Liverpool"], source="mock")


def keys(store: Store) -> list[str]:
    return [item.key for item in store.list("")]


def test_a_day_is_read_as_it_was_put(store: Store) -> None:
    DailyTable(store, RAW_ORDERS).put(DAY, Day(REAL, "real", facts={"reason": "because"}), "run")
    table = DailyTable(store, RAW_ORDERS)
    pd.testing.assert_frame_equal(table[DAY], REAL)
    assert list(table) == [DAY]
    facts = table.facts(DAY)
    assert (facts["data-source"], facts["rows"], facts["run-id"], facts["reason"]) == ("real", "1", "run", "because")


def test_a_day_that_is_not_there_is_one_sentence(store: Store) -> None:
    table = DailyTable(store, RAW_ORDERS)
    assert DAY not in table
    with pytest.raises(LakeError) as caught:
        table[DAY]
    day = "2024-02-29"
    expected = f"raw_orders has no day {day}. Collect it first: pizza-assets backfill --from {day} --to {day}."
    assert str(caught.value) == expected


def test_a_reader_of_few_columns_gets_only_those(store: Store) -> None:
    DailyTable(store, RAW_ORDERS).put(DAY, Day(REAL, "real"), "run")
    assert list(DailyTable(store, RAW_ORDERS, ["city", "quantity"])[DAY].columns) == ["city", "quantity"]


def test_a_day_changes_its_source_and_leaves_nothing_behind(store: Store) -> None:
    DailyTable(store, RAW_ORDERS).put(DAY, Day(MOCK, "mock"), "run 1")
    assert keys(store) == ["raw-data/dominos-orders/mock/2024/02/29/20240229_000000_mock_orders.parquet"]
    rejects = [{"reason": "no total", "record": {"order_id": "é"}}]
    DailyTable(store, RAW_ORDERS).put(DAY, Day(REAL, "real", received=2, rejected=rejects), "run 2")
    assert keys(store) == [
        "raw-data/dominos-orders/real/2024/02/29/20240229_000000_orders.parquet",
        "raw-data/dominos-orders/rejected/2024/02/29/20240229_000000_rejected.ndjson",
    ]
    assert DailyTable(store, RAW_ORDERS).stored[DAY].source == "real"


def test_a_reader_that_listed_a_day_before_it_was_replaced_reads_the_new_one(store: Store) -> None:
    DailyTable(store, RAW_ORDERS).put(DAY, Day(MOCK, "mock"), "run 1")
    frames, facts, gone = (DailyTable(store, RAW_ORDERS) for _ in range(3))
    assert [list(table) for table in (frames, facts, gone)] == [[DAY]] * 3
    DailyTable(store, RAW_ORDERS).put(DAY, Day(REAL, "real"), "run 2")
    pd.testing.assert_frame_equal(frames[DAY], REAL)
    assert facts.facts(DAY)["run-id"] == "run 2"
    assert frames.stored[DAY].source == facts.stored[DAY].source == "real"
    DailyTable(store, RAW_ORDERS).remove(DAY)
    with pytest.raises(LakeError, match="does not exist"):
        gone[DAY]


def test_a_kept_day_loses_the_mock_data_that_a_killed_run_left_beside_it(store: Store) -> None:
    DailyTable(store, RAW_ORDERS).put(DAY, Day(REAL, "real"), "run 1")
    mock = RAW_ORDERS.key(DAY, "mock")
    store.write(mock, formats.parquet_bytes(MOCK, RAW_ORDERS.contract), {})
    DailyTable(store, RAW_ORDERS).keep(Kept(DAY, "away"), "run 2")
    assert keys(store) == [RAW_ORDERS.note_key(DAY, "kept"), RAW_ORDERS.key(DAY, "real")]


def test_mock_never_replaces_real_whoever_writes_it(store: Store) -> None:
    reader = DailyTable(store, RAW_ORDERS)
    assert reader._keys == {}, "it listed the day before another process stored it"
    DailyTable(store, RAW_ORDERS).put(DAY, Day(REAL, "real"), "run 1")
    before = {key: (store.read(key), store.metadata(key)) for key in keys(store)}
    for table in (reader, DailyTable(store, RAW_ORDERS)):
        with pytest.raises(RealDataError, match=r"mock data never replaces the real data of 2024-02-29.*lake remove"):
            table.put(DAY, Day(MOCK, "mock"), "run 2")
    assert {key: (store.read(key), store.metadata(key)) for key in keys(store)} == before


STEPS = st.tuples(st.sampled_from(["real", "mock", "keep", "remove"]), st.integers(0, 1))


@given(st.lists(STEPS, min_size=2, max_size=12))
def test_whatever_happens_to_days_real_ones_go_only_when_removed(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(folder)
        model: dict[date, tuple[str, bool]] = {}
        for step, number in steps:
            day = DAY + timedelta(days=number)
            is_real = model.get(day, ("", False))[0] == "real"
            table = DailyTable(store, RAW_ORDERS)
            if step == "remove":
                table.remove(day)
                model.pop(day, None)
            elif (step == "mock" and is_real) or (step == "keep" and not is_real):
                with pytest.raises(LakeError):
                    table.put(day, Day(MOCK, "mock"), "run") if step == "mock" else table.keep(Kept(day, "why"), "run")
            elif step == "keep":
                table.keep(Kept(day, "why"), "run")
                model[day] = ("real", True)
            else:
                table.put(day, Day(REAL if step == "real" else MOCK, "real" if step == "real" else "mock"), "run")
                model[day] = (step, False)
        table = DailyTable(store, RAW_ORDERS)
        assert {day: kept.source for day, kept in table.stored.items()} == {
            d: source for d, (source, _) in model.items()
        }
        assert list(noted(store, RAW_ORDERS, "kept")) == sorted(day for day, (_, is_kept) in model.items() if is_kept)
        assert len(keys(store)) == sum(1 + is_kept for _, is_kept in model.values())


def test_what_is_made_of_other_data_sets_follows_them_whatever_they_are(store: Store) -> None:
    for source in ("real", "mock"):
        frame = contracts.empty(contracts.MATCH_EVENTS)
        DailyTable(store, MATCH_EVENTS).put(DAY, Day(frame, source), "run")
        assert DailyTable(store, MATCH_EVENTS).facts(DAY)["data-source"] == source


def test_a_kept_day_has_a_note_until_it_is_replaced(store: Store) -> None:
    kept = Kept(DAY, "the API is away")
    with pytest.raises(LakeError, match="no real day 2024-02-29"):
        DailyTable(store, RAW_ORDERS).keep(kept, "run 1")
    DailyTable(store, RAW_ORDERS).put(DAY, Day(REAL, "real"), "run 1")
    before = store.read(RAW_ORDERS.key(DAY, "real")), store.metadata(RAW_ORDERS.key(DAY, "real"))
    assert DailyTable(store, RAW_ORDERS).keep(kept, "run 2") == before[1]
    assert (store.read(RAW_ORDERS.key(DAY, "real")), store.metadata(RAW_ORDERS.key(DAY, "real"))) == before
    assert noted(store, RAW_ORDERS, "kept") == {DAY: kept.reason}
    assert list(DailyTable(store, RAW_ORDERS)) == [DAY]
    DailyTable(store, RAW_ORDERS).put(DAY, Day(REAL, "real"), "run 3")
    assert noted(store, RAW_ORDERS, "kept") == {}


def test_a_day_is_removed_with_all_that_lies_beside_it(store: Store) -> None:
    table = DailyTable(store, RAW_ORDERS)
    for day in (DAY, DAY + timedelta(days=1)):
        table.put(day, Day(REAL.head(0), "real", received=1, rejected=[{"reason": "no total", "record": {}}]), "run")
    table.keep(Kept(DAY, "the API is away"), "run")
    assert (table.remove(DAY), table.remove(DAY)) == (3, 0)
    assert {layout.day_of(key) for key in keys(store)} == {DAY + timedelta(days=1)}


def test_of_two_variants_left_by_a_killed_run_the_real_one_is_read(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    DailyTable(store, RAW_ORDERS).put(DAY, Day(MOCK, "mock"), "run 1")
    mock = store.read(RAW_ORDERS.key(DAY, "mock"))
    DailyTable(store, RAW_ORDERS).put(DAY, Day(REAL, "real"), "run 2")
    store.write(RAW_ORDERS.key(DAY, "mock"), mock, {})
    assert DailyTable(store, RAW_ORDERS).stored[DAY].source == "real"


def test_the_sources_own_objects_lie_beside_real_data(store: Store) -> None:
    frame = matches_frame([match_row("1", NOON)])
    DailyTable(store, RAW_MATCHES).put(DAY, Day(frame, "real", received=1, raw=[{"id": 1}]), "run")
    key = "raw-data/football-data/received/2024/02/29/20240229_000000_matches.json.gz"
    assert json.loads(gzip.decompress(store.read(key))) == {"day": "2024-02-29", "objects": [{"id": 1}]}


def test_a_frame_that_breaks_its_contract_is_not_written(store: Store) -> None:
    with pytest.raises(ContractError, match="order_total: greater_than_or_equal_to"):
        DailyTable(store, RAW_ORDERS).put(DAY, Day(REAL.assign(order_total=-1.0), "real"), "run")
    assert keys(store) == []


def test_an_object_that_is_no_parquet_is_one_sentence(store: Store) -> None:
    store.write(ORDER_VOLUME.key(DAY, "real"), b"PAR1 but not really", {})
    with pytest.raises(LakeError, match=r"order_volume\.parquet is not readable Parquet.*again"):
        DailyTable(store, ORDER_VOLUME)[DAY]


def test_an_object_of_another_schema_says_which_column(store: Store) -> None:
    DailyTable(store, RAW_ORDERS).put(DAY, Day(REAL, "real"), "run")
    store.write(ORDER_VOLUME.key(DAY, "real"), store.read(RAW_ORDERS.key(DAY, "real")), {})
    with pytest.raises(LakeError, match="bin_start: expected .*, found no such column"):
        DailyTable(store, ORDER_VOLUME)[DAY]


def test_a_range_is_one_frame_and_an_empty_one_keeps_the_contract(store: Store) -> None:
    table = DailyTable(store, RAW_ORDERS)
    for number, day in enumerate((date(2024, 2, 28), DAY)):
        table.put(day, Day(orders_frame([NOON], ["Leeds"], prefix=f"{number}-"), "real"), "run")
    reader = DailyTable(store, RAW_ORDERS)
    assert list(reader.between(date(2024, 1, 1), date(2024, 12, 31))["order_id"]) == ["0-0", "1-0"]
    nothing = reader.between(date(2020, 1, 1), date(2020, 1, 2))
    pd.testing.assert_frame_equal(nothing, REAL.iloc[:0])


def test_a_range_holds_days_of_versions_that_differ_in_what_may_be_null(store: Store) -> None:
    table = DailyTable(store, RAW_ORDERS)
    keys_of = [table.put(date(2024, 1, day), Day(MOCK, "mock"), "run") for day in (1, 2)]
    stored = pq.read_table(io.BytesIO(store.read(keys_of[0])))
    older = stored.cast(pyarrow.schema([field.with_nullable(True) for field in stored.schema]))
    assert older.schema != stored.schema
    sink = io.BytesIO()
    pq.write_table(older, sink)
    store.write(keys_of[0], sink.getvalue(), store.metadata(keys_of[0]))
    assert len(DailyTable(store, RAW_ORDERS).between(date(2024, 1, 1), date(2024, 1, 2))) == 2


def test_a_day_that_is_older_than_a_column_that_may_be_null_is_read(store: Store) -> None:
    table = DailyTable(store, RAW_MATCHES)
    key = table.put(DAY, Day(matches_frame([match_row("a", NOON)]), "real"), "run-1")
    stored = formats.read_table(store.read(key), RAW_MATCHES.contract, key)
    store.write(key, formats.table_bytes(stored.drop_columns(["home_team_id", "away_city"])), {})
    with pytest.raises(LakeError, match="away_city: expected string, found no such column"):
        DailyTable(store, RAW_MATCHES)[DAY]
    store.write(key, formats.table_bytes(stored.drop_columns(["home_team_id"])), {})
    assert DailyTable(store, RAW_MATCHES)[DAY]["home_team_id"].isna().all()
    assert len(DailyTable(store, RAW_MATCHES).between(DAY, DAY)) == 1


def test_files_of_a_day_are_replaced_together(store: Store) -> None:
    DatedFiles(store, "reports").put(DAY, Files({"a.json": b"{}", "b.md": b"#"}), "run 1")
    DatedFiles(store, "reports").put(DAY, Files({"a.json": b"[]"}), "run 2")
    assert keys(store) == ["reports/2024/02/29/20240229_000000_a.json"]
    assert DatedFiles(store, "reports").read(DAY, "a.json") == b"[]"
    assert DatedFiles(store, "reports").days("a.json") == [DAY]


def test_long_and_foreign_text_in_metadata_is_shortened_ascii(store: Store) -> None:
    DailyTable(store, RAW_ORDERS).put(DAY, Day(MOCK, "mock", facts={"reason": "Zürich " * 500}), "run")
    reason = DailyTable(store, RAW_ORDERS).facts(DAY)["reason"]
    assert len(reason) == 600
    assert reason.startswith("Z?rich Z?rich")


def test_a_rejected_record_is_read_back_whatever_its_text_holds(store: Store) -> None:
    record = {"reason": "no total", "record": {"location": "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\r\nh"}}
    DailyTable(store, RAW_ORDERS).put(DAY, Day(orders_frame([], []), "real", 1, [record]), "run")
    assert formats.read_ndjson(store.read(RAW_ORDERS.rejected_key(DAY))) == [record]
