from contextlib import nullcontext
from pathlib import Path

import pandas as pd
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandera.errors import SchemaErrors

from pizza_assets import contracts
from pizza_assets.cli.documents import documents
from pizza_assets.errors import ContractError
from pizza_assets.platform.columns import data_set, integer
from pizza_assets_tests.strategies import orders_of_day

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", contracts.CONTRACTS)
def test_every_contract_describes_each_column_and_its_grain(name: str) -> None:
    schema = contracts.CONTRACTS[name]
    assert schema.metadata
    assert schema.metadata["grain"].startswith("one row per ")
    assert set(schema.metadata["key"]) <= set(schema.columns)
    assert all(column.description for column in schema.columns.values())


@pytest.mark.parametrize("name", contracts.CONTRACTS)
def test_an_empty_frame_keeps_its_contract_through_arrow(name: str) -> None:
    schema = contracts.CONTRACTS[name]
    frame = contracts.empty(schema)
    assert contracts.to_arrow(contracts.validate(frame, schema), schema).schema == contracts.arrow_schema(schema)


@pytest.mark.parametrize("name", contracts.CONTRACTS)
def test_an_empty_frame_without_a_column_breaks_its_contract(name: str) -> None:
    schema = contracts.CONTRACTS[name]
    with pytest.raises(ContractError, match="column_in_dataframe"):
        contracts.validate(contracts.empty(schema).iloc[:, 1:], schema)


@given(orders_of_day(), st.data())
def test_rows_that_break_the_contract_are_split_off_with_a_reason(frame: pd.DataFrame, data: st.DataObject) -> None:
    broken = data.draw(st.sets(st.sampled_from(list(frame.index)))) if len(frame) else set()
    faults = {"order_total": -1.0, "quantity": 0, "currency": "pounds", "city": None, "data_source": "invented"}
    for label in broken:
        column = data.draw(st.sampled_from(list(faults)))
        frame.loc[label, column] = faults[column]
    valid, reasons = contracts.split_valid(frame, contracts.DOMINOS_ORDERS)
    assert set(reasons.index) == broken
    assert all(any(column in reason for column in faults) for reason in reasons)
    assert len(valid) + len(reasons) == len(frame)
    contracts.validate(valid, contracts.DOMINOS_ORDERS)


@given(orders_of_day(most=10), st.data())
def test_a_frame_keeps_its_contract_exactly_when_pandera_says_so(frame: pd.DataFrame, data: st.DataObject) -> None:
    schema = contracts.DOMINOS_ORDERS
    change = data.draw(st.sampled_from(["nothing", "value", "key", "type", "columns"]))
    if change == "value" and len(frame):
        faults = {"order_total": float("inf"), "quantity": 0, "currency": "pounds", "location": "", "order_id": None}
        column = data.draw(st.sampled_from(list(faults)))
        frame.loc[frame.index[-1], column] = faults[column]
    elif change == "key":
        frame = pd.concat([frame, frame.iloc[:1]], ignore_index=True)
    elif change == "type":
        frame = frame.astype({data.draw(st.sampled_from(["quantity", "city"])): object})
    elif change == "columns":
        frame = frame[data.draw(st.permutations(list(frame.columns)))]
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors:
        with pytest.raises(ContractError):
            contracts.validate(frame, schema)
    else:
        assert contracts.validate(frame, schema) is frame


@given(st.lists(orders_of_day(most=5), min_size=1, max_size=4), st.data())
def test_frames_judged_together_come_out_as_each_alone(frames: list[pd.DataFrame], data: st.DataObject) -> None:
    schema = contracts.DOMINOS_ORDERS
    broken = data.draw(st.sampled_from([None, *(at for at, frame in enumerate(frames) if len(frame))]))
    if broken is not None:
        breaking = data.draw(st.sampled_from([{"quantity": 0}, {"quantity": 1.0}, {"currency": "pounds"}]))
        frames[broken] = frames[broken].assign(**breaking)
    tables = contracts.valid_tables(frames, schema)
    for frame in frames[:broken]:
        assert next(tables).equals(contracts.to_arrow(frame, schema))
    with nullcontext() if broken is None else pytest.raises(ContractError):
        assert list(tables) == []


@given(orders_of_day(most=10))
def test_of_rows_with_one_key_the_first_is_kept(frame: pd.DataFrame) -> None:
    twice = pd.concat([frame, frame], ignore_index=True)
    valid, reasons = contracts.split_valid(twice, contracts.DOMINOS_ORDERS)
    assert list(valid.index) == list(range(len(frame)))
    assert set(reasons) <= {"duplicate order_id"}
    assert len(reasons) == len(frame)


def test_a_wrong_type_is_no_matter_of_single_rows() -> None:
    frame = contracts.empty(contracts.ORDER_VOLUME)
    frame = pd.concat([frame, pd.DataFrame({name: ["x"] for name in frame.columns})])
    with pytest.raises(ContractError, match="orders: .*int64"):
        contracts.split_valid(frame, contracts.ORDER_VOLUME)


def test_an_error_names_contract_column_rule_count_and_example() -> None:
    frame = contracts.from_arrow(
        pyarrow.table(
            {
                "bin_start": pyarrow.array([0, 0], pyarrow.timestamp("us", tz="UTC")),
                "city": ["Leeds", "York"],
                "currency": ["GBP", "GBP"],
                "data_source": ["real", "real"],
                "orders": [1, 1],
                "revenue": [1.0, float("inf")],
                "pizzas": [1, 1],
            }
        ),
        contracts.ORDER_VOLUME,
    )
    with pytest.raises(ContractError) as caught:
        contracts.validate(frame, contracts.ORDER_VOLUME)
    message = str(caught.value)
    assert "'order_volume'" in message
    assert "bin_start: in_range(1992-01-01 00:00:00+00:00, 2037-12-31 00:00:00+00:00) fails 2 times" in message
    assert "revenue: is finite fails 1 times, e.g. inf" in message


def test_generated_files_are_up_to_date() -> None:
    stale = [path for path, text in documents().items() if (ROOT / path).read_text(encoding="utf-8") != text]
    assert not stale, "run: make dictionary"


def test_rows_of_a_contract_without_a_key_may_repeat() -> None:
    columns = {"count": integer("Items.", "1", ge=0)}
    contract = data_set("counts", "Counts.", grain="one row per count", key=[], columns=columns)
    valid, reasons = contracts.split_valid(pd.DataFrame({"count": [1, 1, -1]}), contract)
    assert valid["count"].tolist() == [1, 1]
    assert list(reasons.index) == [2]
