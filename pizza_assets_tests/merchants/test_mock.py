"""Mock card transactions: the same seed gives the same rows, and their faults are there."""

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.contracts import MERCHANTS, arrow_schema, from_arrow, validate
from pizza_assets.lake.store import LocalStore
from pizza_assets.merchants import mock as synthetic
from pizza_assets.merchants.inputs import read_merchants, transaction_files
from pizza_assets.merchants.mock import Simulation
from pizza_assets.merchants.mock_files import write


def rows_of(simulation: Simulation, month: date) -> pa.Table:
    return pa.concat_tables(simulation.transactions(month)).unify_dictionaries()


@pytest.fixture(scope="module")
def some() -> pa.Table:
    simulation = Simulation(400_000, 1)
    return pa.concat_tables(table for month in simulation.months for table in simulation.transactions(month))


def share(found: pa.ChunkedArray) -> float:
    return float(pc.mean(pc.fill_null(found, fill_value=False)).as_py())


def decoded(table: pa.Table, column: str) -> pa.ChunkedArray:
    return table[column].cast(pa.string())


@given(st.integers(0, 3000), st.integers(0, 2**32))
def test_there_are_exactly_as_many_rows_as_asked_for(rows: int, seed: int) -> None:
    simulation = Simulation(rows, seed)
    assert sum(simulation.months.values()) == rows
    month = max(simulation.months, key=lambda month: simulation.months[month])
    if rows:
        assert rows_of(simulation, month).num_rows == simulation.months[month]


def test_the_same_seed_gives_the_same_rows_and_another_other_ones() -> None:
    month = date(2023, 5, 1)
    first, again, other = (rows_of(Simulation(10_000, seed), month) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert Simulation(10_000, 1).merchants() == Simulation(10_000, 1).merchants()


def test_chunks_bound_memory_and_are_different(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic, "CHUNK_ROWS", 1000)
    simulation = Simulation(60_000, 1)
    chunks = list(simulation.transactions(date(2024, 12, 1)))
    assert [chunk.num_rows for chunk in chunks[:-1]] == [1000] * (len(chunks) - 1)
    assert chunks[0] != chunks[1]


def test_every_row_is_of_its_month_and_says_that_it_is_mock() -> None:
    table = rows_of(Simulation(50_000, 3), date(2024, 2, 1))
    sound = table.filter(pc.less(table["purchase_date"], pa.scalar(np.datetime64("2099-01-01", "us"))))
    assert pc.min(sound["purchase_date"]).as_py().date() == date(2024, 2, 1)
    assert pc.max(sound["purchase_date"]).as_py().date() == date(2024, 2, 29)
    assert set(decoded(table, "data_source").to_pylist()) == {"mock"}


def test_a_few_merchants_do_much_of_the_business(some: pa.Table) -> None:
    counts = np.sort(decoded(some, "merchant_id").value_counts().field("counts").to_numpy())[::-1]
    assert 0.2 < counts[: counts.size // 100].sum() / counts.sum() < 0.5


def test_the_faults_of_real_exports_are_there(some: pa.Table) -> None:
    at = some["purchase_date"]
    midnight = pc.and_(pc.equal(pc.hour(at), 0), pc.and_(pc.equal(pc.minute(at), 0), pc.equal(pc.second(at), 0)))
    assert 0.03 < share(midnight) < 0.06
    assert 0.002 < share(pc.is_null(decoded(some, "merchant_id"))) < 0.008
    assert 0.01 < share(pc.equal(decoded(some, "city_id"), "-1")) < 0.03
    assert 0.005 < share(pc.equal(decoded(some, "category"), " ")) < 0.02
    assert 0.07 < share(pc.equal(decoded(some, "authorized_flag"), "N")) < 0.10
    assert 0.002 < share(pc.less(some["purchase_amount"], 0)) < 0.008
    assert {-1, 0, 1, 2, 3, 6, 12, 999} <= set(pc.unique(some["installments"]).to_pylist())


def test_rows_that_cannot_be_used_are_few_but_there(some: pa.Table) -> None:
    amount = some["purchase_amount"]
    faults = [
        pc.is_nan(amount),
        pc.greater(amount, 1e9),
        pc.greater(some["purchase_date"], pa.scalar(np.datetime64("2099-01-01", "us"))),
        pc.equal(decoded(some, "authorized_flag"), "?"),
    ]
    assert 0 < sum(map(share, faults)) < 1e-4


def test_the_list_has_blanks_repetitions_conflicts_and_gaps() -> None:
    table = Simulation(2_000_000, 1).merchants()
    validate(from_arrow(table, MERCHANTS), MERCHANTS)
    frame = table.to_pandas()
    names = frame.groupby("merchant_id")["merchant_name"]
    assert 0.005 < frame["merchant_name"].isna().mean() < 0.05
    assert 0.01 < (names.size() > 1).mean() < 0.04
    assert 0.003 < (names.nunique() > 1).mean() < 0.03
    assert 0.98 < frame["merchant_id"].nunique() / synthetic.merchants_for(2_000_000) < 1


def test_files_are_read_as_inputs_and_replace_older_ones() -> None:
    store = LocalStore("mock")
    told: list[str] = []
    assert write(Simulation(3000, 1), store, told.append) == ("transactions", "merchants.csv")
    write(Simulation(2000, 1), store, told.append)
    assert told[:2] == ["2023-01", "2023-02"]
    files = transaction_files("mock/transactions")
    assert len(files) == 24
    assert sum(pq.read_metadata(path).num_rows for path in files) == 2000
    assert read_merchants("mock/merchants.csv").schema == arrow_schema(MERCHANTS)
    assert set(read_merchants("mock/merchants.csv")["data_source"].to_pylist()) == {"mock"}
