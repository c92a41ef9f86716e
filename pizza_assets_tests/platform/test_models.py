"""Typed records: what keeps a contract comes through objects, CSV and JSON unchanged; what breaks it is rejected."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pizza_assets.analysis.model import CorrelationResult
from pizza_assets.cli import main
from pizza_assets.errors import ContractError
from pizza_assets.football.model import FootballMatch
from pizza_assets.lake import formats, open_lake
from pizza_assets.lake.layout import CORRELATION_PREFIX, RAW_MATCHES, RAW_ORDERS
from pizza_assets.lake.tables import DailyTable, DatedFiles, Day, Files
from pizza_assets.orders.model import DominosOrder
from pizza_assets.platform.columns import TEXT_LIST
from pizza_assets.platform.models import Record
from pizza_assets_tests.analysis.seasons import season
from pizza_assets_tests.frames import match_row, matches_frame, orders_frame
from pizza_assets_tests.strategies import matches_around, orders_of_day

DAY = date(2024, 3, 9)
NOON = datetime(2024, 3, 9, 12, 0, 0, 5, tzinfo=UTC)
MODELS = [DominosOrder, FootballMatch, CorrelationResult]


@pytest.fixture(scope="module")
def results() -> pd.DataFrame:
    return season(10).analysis().results


@pytest.mark.parametrize("model", MODELS)
def test_a_model_has_the_columns_of_its_contract_in_their_order(model: type[Record]) -> None:
    assert list(model.model_fields) == list(model.contract.columns)
    for name, column in model.contract.columns.items():
        may_be_none = type(None) in getattr(model.model_fields[name].annotation, "__args__", ())
        assert may_be_none == column.nullable, name


def _comes_back(model: type[Record], frame: pd.DataFrame) -> None:
    records = model.from_frame(frame)
    pd.testing.assert_frame_equal(model.to_frame(records), frame.reset_index(drop=True))
    assert model.from_json(model.to_json(records)) == records
    assert model.from_csv(model.to_csv(records)) == records


_TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6) | st.sampled_from(
    ["=1+1", "'=x", "-5", "a,b", 'a"b', "a\nb", "a\r\nb", "[1]", "null"]
)


@given(orders_of_day(most=5), st.data())
def test_orders_come_back_from_csv_and_json(frame: pd.DataFrame, data: st.DataObject) -> None:
    if len(frame):
        frame.loc[0, "location"] = data.draw(_TEXTS)
        frame.loc[0, "order_total"] = data.draw(st.none() | st.floats(0, 1e9))
        pizzas = [data.draw(st.none() | st.lists(_TEXTS, max_size=3)) for _ in range(len(frame))]
        frame = frame.assign(pizza_types=pd.Series(pizzas, dtype=TEXT_LIST))
        frame.loc[0, "timestamp"] += pd.Timedelta(microseconds=data.draw(st.integers(0, 999_999)))
    _comes_back(DominosOrder, frame)


@given(matches_around(DAY))
def test_matches_come_back_from_csv_and_json(frame: pd.DataFrame) -> None:
    _comes_back(FootballMatch, frame)


def test_results_come_back_from_csv_and_json(results: pd.DataFrame) -> None:
    assert len(results) > 10
    _comes_back(CorrelationResult, results)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"quantity": 0}, "quantity"),
        ({"order_total": -1}, "order_total"),
        ({"data_source": "invented"}, "data_source"),
        ({"timestamp": "2024-03-09T12:00:00"}, "timestamp"),
        ({"timestamp": "1066-10-14T12:00:00Z"}, "timestamp"),
        ({"currency": "pounds"}, "currency"),
        ({"location": ""}, "location"),
        ({"tip": 1}, "tip"),
    ],
)
def test_what_breaks_the_contract_is_no_record(change: dict[str, object], field: str) -> None:
    (record,) = DominosOrder.from_frame(orders_frame([NOON], ["Leeds"]))
    document = [{**json.loads(DominosOrder.to_json([record]))[0], **change}]
    with pytest.raises(ContractError, match=rf"Record 0 of 'dominos_orders' breaks the contract in {field}"):
        DominosOrder.from_json(json.dumps(document).encode())
    with pytest.raises(ValidationError):
        DominosOrder(**document[0])
    with pytest.raises(ContractError, match="order_id"):
        DominosOrder.to_frame([record, record])


def test_export_writes_days_under_the_names_of_the_design(
    results: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIZZA_LAKE", "lake")
    store = open_lake("lake")
    orders, matches = orders_frame([NOON], ["Leeds"]), matches_frame([match_row("a", NOON, data_source="mock")])
    DailyTable(store, RAW_ORDERS).put(DAY, Day(orders, "real"), "run")
    DailyTable(store, RAW_MATCHES).put(DAY, Day(matches, "mock"), "run")
    content = {"correlation_results.csv": formats.csv_bytes(results), "correlation_summary.json": b"{}"}
    DatedFiles(store, CORRELATION_PREFIX).put(DAY, Files(content), "run")
    for form in ("csv", "json"):
        ran = CliRunner().invoke(main, ["export", "--from", str(DAY), "--to", str(DAY), "--format", form])
        assert ran.exit_code == 0, ran.stderr
        assert "raw_orders: 1 files, 1 rows" in ran.stdout
        assert "3 files below export" in ran.stdout
    written = {path.relative_to("export").as_posix() for path in Path("export").rglob("*.*")}
    assert written == {
        f"{name}.{form}"
        for name in (
            "raw-data/dominos-orders/real/2024/03/09/20240309_000000_orders",
            "raw-data/football-data/mock/2024/03/09/20240309_000000_mock_matches",
            "processed-data/correlation-analysis/2024/03/09/20240309_000000_correlation_results",
        )
        for form in ("csv", "json")
    }
    for form, read in (("csv", DominosOrder.from_csv), ("json", DominosOrder.from_json)):
        path = Path(f"export/raw-data/dominos-orders/real/2024/03/09/20240309_000000_orders.{form}")
        pd.testing.assert_frame_equal(DominosOrder.to_frame(read(path.read_bytes())), orders)
        found = Path(
            f"export/processed-data/correlation-analysis/2024/03/09/20240309_000000_correlation_results.{form}"
        )
        read_results = CorrelationResult.from_csv if form == "csv" else CorrelationResult.from_json
        assert len(read_results(found.read_bytes())) == len(results)
