"""The lake's copy: by month, labelled, whole at any moment, with what was rejected beside it."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pizza_assets.contracts import MERCHANT_TRANSACTIONS, arrow_schema, from_arrow, validate
from pizza_assets.errors import LakeError, SourceError
from pizza_assets.lake import formats
from pizza_assets.lake.layout import MERCHANT_MANIFEST_KEY, MERCHANT_TRANSACTIONS_PREFIX
from pizza_assets.lake.store import Metadata, Store
from pizza_assets.merchants import lake_copy
from pizza_assets.merchants.analysis import Study
from pizza_assets.merchants.engines import Engine
from pizza_assets_tests.merchants.worlds import LIMITS, at, merchants_list, row, transactions

ROWS = (
    row(purchase_date=at(1, 31, 23, minute=59), merchant_id=" M1 ", installments=-1),
    row(purchase_date=at(2, 1, 0, minute=0), city_id="-1"),
    row(purchase_date=at(12, 31, year=2023)),
    row(purchase_date=at(12, 31, year=2023)),
    row(purchase_amount=None),
    row(authorized_flag="?", merchant_id="M7"),
)


def copied(
    engine: Engine, store: Store, *rows: dict[str, Any], source: str = "real", run: str = "r1"
) -> lake_copy.Manifest:
    raw = transactions(*rows).append_column("data_source", [[source] * len(rows)])
    listed = merchants_list(("M1", "One"), source="mock" if source == "mock" else "real")
    return lake_copy.copy(Study(engine, engine.lookup("raw", raw), listed, LIMITS), store, run, lambda _: None)


def keys(store: Store) -> set[str]:
    return {item.key for item in store.list("raw-data/")}


def read(store: Store) -> pa.Table:
    with lake_copy.local_parts(store, lake_copy.read_manifest(store)) as paths:
        return pa.concat_tables([pq.read_table(path, partitioning=None) for path in paths])


def test_months_are_folders_and_rows_keep_the_contract(engine: Engine, store: Store) -> None:
    manifest = copied(engine, store, *ROWS)
    assert manifest.months == {"2023-12": 2, "2024-01": 1, "2024-02": 1}
    folders = [key.rsplit("/", 1)[0] for key in manifest.parts]
    assert folders == [
        f"{MERCHANT_TRANSACTIONS_PREFIX}/real/year={month[:4]}/month={month[5:]}" for month in manifest.months
    ]
    table = read(store)
    assert table.schema == arrow_schema(MERCHANT_TRANSACTIONS)
    validate(from_arrow(table, MERCHANT_TRANSACTIONS), MERCHANT_TRANSACTIONS)
    assert table["merchant_id"].to_pylist() == ["M1"] * 4
    assert table["installments"].to_pylist() == [0, 0, None, 0]
    assert table["city_id"].to_pylist() == ["1", "1", "1", None]


def test_rejected_rows_lie_beside_it_whole_and_with_the_reason(engine: Engine, store: Store) -> None:
    manifest = copied(engine, store, *ROWS)
    (key,) = [key for key in keys(store) if "/rejected/" in key]
    records = formats.read_ndjson(store.read(key))
    assert [record["reason"] for record in records] == [
        "purchase_amount is missing",
        "authorized_flag is neither Y nor N",
    ]
    assert records[1]["record"]["merchant_id"] == "M7"  # type: ignore[index]
    assert set(records[1]["record"]) == {*transactions().column_names, "data_source"}  # type: ignore[arg-type]
    assert manifest.quality.received == sum(manifest.months.values()) + len(records)


def test_objects_carry_their_label_and_run(engine: Engine, store: Store) -> None:
    copied(engine, store, *ROWS, source="mock", run="the run")
    for key in keys(store):
        facts = store.metadata(key)
        assert (facts["data-source"], facts["run-id"]) == ("mock", "the run")


def test_another_copy_takes_the_place_of_the_first(engine: Engine, store: Store) -> None:
    copied(engine, store, *ROWS, source="mock")
    again = copied(engine, store, row())
    assert lake_copy.read_manifest(store) == again
    assert keys(store) == {*again.parts, MERCHANT_MANIFEST_KEY, "raw-data/merchants/real/merchants.parquet"}
    assert lake_copy.read_merchants(store, "real").num_rows == 1


def test_the_same_rows_make_the_same_parts(engine: Engine, store: Store) -> None:
    assert copied(engine, store, *ROWS).parts == copied(engine, store, *ROWS).parts


def test_parts_are_small_enough_for_memory(engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake_copy, "PART_ROWS", 100)
    amounts = [float(number) for number in range(1050)]
    manifest = copied(engine, store, *(row(purchase_amount=amount) for amount in amounts))
    assert len(manifest.parts) > 5
    assert read(store)["purchase_amount"].to_pylist() == amounts


class _DyingStore:
    """A store whose machine dies at its n-th write."""

    def __init__(self, store: Store, writes: int) -> None:
        self._store, self._left = store, writes

    def write(self, key: str, data: bytes, metadata: Metadata) -> None:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        self._store.write(key, data, metadata)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.mark.parametrize("writes", range(6))
def test_a_kill_leaves_the_older_copy_whole(engine: Engine, store: Store, writes: int) -> None:
    older = copied(engine, store, row(purchase_amount=9.0))
    with pytest.raises(KeyboardInterrupt):
        copied(engine, _DyingStore(store, writes), *ROWS)  # type: ignore[arg-type] # as much of a store as is asked for
    assert lake_copy.read_manifest(store) == older
    assert read(store)["purchase_amount"].to_pylist() == [9.0]
    newer = copied(engine, store, *ROWS)
    assert {key for key in keys(store) if "/part-" in key and "rejected" not in key} == set(newer.parts)


def test_unusable_transactions_leave_the_older_copy(engine: Engine, store: Store) -> None:
    older = copied(engine, store, row())
    with pytest.raises(SourceError, match="no usable transaction"):
        copied(engine, store, row(purchase_amount=None))
    assert lake_copy.read_manifest(store) == older


def test_without_a_copy_there_is_nothing_to_ask(store: Store) -> None:
    with pytest.raises(LakeError, match="Materialize merchant_transactions first"):
        lake_copy.read_manifest(store)


def test_the_manifest_is_plain_json(engine: Engine, store: Store) -> None:
    copied(engine, store, *ROWS)
    document = json.loads(store.read(MERCHANT_MANIFEST_KEY))
    assert document["months"] == {"2023-12": 2, "2024-01": 1, "2024-02": 1}
    assert document["quality"]["rejected"] == {"authorized_flag is neither Y nor N": 1, "purchase_amount is missing": 1}


@pytest.mark.parametrize("zone", [None, "UTC"])
@pytest.mark.parametrize("unit", ["ms", "us"])
def test_purchases_in_years_that_python_cannot_tell_are_rejected(
    engine: Engine, store: Store, unit: str, zone: str | None, tmp_path: Path
) -> None:
    per_second = {"ms": 10**3, "us": 10**6}[unit]
    far = [253_402_300_800 * per_second, -62_135_596_801 * per_second, 2**63 - 1, 1 - 2**63]
    dates = pa.array([1_714_847_400 * per_second, *far], pa.int64()).cast(pa.timestamp(unit, zone))
    rows = transactions(*[row()] * len(dates))
    path = tmp_path / "far.parquet"
    pq.write_table(rows.set_column(rows.column_names.index("purchase_date"), "purchase_date", dates), path)
    study = Study(engine, engine.parquet([str(path)]), merchants_list(("M1", "One")), LIMITS)
    manifest = lake_copy.copy(study, store, "r1", lambda _: None)
    assert (manifest.quality.received, manifest.quality.stored) == (5, 1)
    assert manifest.quality.rejected == {"purchase_date is before 1992": 2, "purchase_date is in the future": 2}
    (rejected,) = [key for key in keys(store) if "/rejected/" in key]
    told = [json.loads(line)["record"]["purchase_date"] for line in store.read(rejected).decode().splitlines()]
    assert told[0].startswith("10000-01-01 00:00:00")
