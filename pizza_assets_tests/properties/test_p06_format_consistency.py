import json
from datetime import datetime
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
import pyarrow
import pyarrow.csv
import pyarrow.parquet
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.contracts import DOMINOS_ORDERS, FOOTBALL_MATCHES, arrow_schema, empty, to_arrow, validate
from pizza_assets.football.collect import collect_matches
from pizza_assets.orders.collect import collect_orders
from pizza_assets.platform.collected import Collected
from pizza_assets.settings import Settings
from pizza_assets_tests.platform.fake_api import (
    Answer,
    FakeApi,
    dominos_session,
    envelope,
    football_session,
    page,
    settings_for,
)
from pizza_assets_tests.platform.strategies import SATURDAY, good_orders, wild_matches, wild_orders


def _no_matches(_: object) -> pd.DataFrame:
    return empty(FOOTBALL_MATCHES)


def _export(orders: list[dict[str, object]], path: Path) -> None:
    """Write orders as a till would, in the format that the name of `path` tells."""
    if path.suffix == ".ndjson":
        path.write_text("\n".join(json.dumps(order) for order in orders), encoding="utf-8")
        return
    columns = {name: [order[name] for order in orders] for name in orders[0]}
    if path.suffix == ".csv":
        columns["pizza_types"] = ["|".join(names) for names in columns["pizza_types"]]  # type: ignore[arg-type]
        pyarrow.csv.write_csv(pyarrow.table(columns), path)
    else:
        columns["timestamp"] = [datetime.fromisoformat(str(time)) for time in columns["timestamp"]]
        columns["currency"] = pyarrow.array(columns["currency"], pyarrow.string())
        pyarrow.parquet.write_table(pyarrow.table(columns), path)


# Feature: pizza-game-dashboard, Property 6: For any data collected (Domino's orders or football matches), the final
# dataset should have consistent field formats and structures
@given(
    orders=st.lists(good_orders, min_size=1, max_size=5, unique_by=lambda order: order["order_id"]),
    suffix=st.sampled_from(["csv", "ndjson", "parquet"]),
)
def test_the_same_orders_are_the_same_from_wherever_they_come(
    api: FakeApi, tmp_path: Path, orders: list[dict[str, object]], suffix: str
) -> None:
    api.answers(Answer(body=page(*orders)))
    settings = settings_for(api)
    with dominos_session(settings, tmp_path) as session:
        (expected,) = collect_orders([SATURDAY], settings, _no_matches, session=session)
    assert len(expected.frame) == len(orders)
    path = tmp_path / f"till.{suffix}"
    _export(orders, path)
    (found,) = collect_orders([SATURDAY], Settings(_env_file=None, orders_files=str(path)), _no_matches)
    pd.testing.assert_frame_equal(found.frame, expected.frame)


# Feature: pizza-game-dashboard, Property 6: For any data collected (Domino's orders or football matches), the final
# dataset should have consistent field formats and structures
@given(sent=wild_matches(), status=st.sampled_from([200, 200, 500]))
def test_real_or_mock_matches_have_one_format(api: FakeApi, tmp_path: Path, sent: list[object], status: int) -> None:
    api.answers(Answer(status, envelope(*sent)))
    settings = settings_for(api, max_api_retries=0)
    with football_session(settings, tmp_path) as session:
        (day,) = collect_matches([SATURDAY], settings, session=session)
    _check_format(day, FOOTBALL_MATCHES)


# Feature: pizza-game-dashboard, Property 6: For any data collected (Domino's orders or football matches), the final
# dataset should have consistent field formats and structures
@given(sent=wild_orders(), status=st.sampled_from([200, 200, 500]))
def test_real_or_mock_orders_have_one_format(api: FakeApi, tmp_path: Path, sent: list[object], status: int) -> None:
    api.answers(Answer(status, page(*sent)))
    settings = settings_for(api, max_api_retries=0)
    with dominos_session(settings, tmp_path) as session:
        (day,) = collect_orders([SATURDAY], settings, _no_matches, session=session)
    _check_format(day, DOMINOS_ORDERS)


def _check_format(day: Collected, schema: pa.DataFrameSchema) -> None:
    validate(day.frame, schema)
    pd.testing.assert_series_equal(day.frame.dtypes, empty(schema).dtypes)
    pd.testing.assert_index_equal(day.frame.index, pd.RangeIndex(len(day.frame)))
    assert to_arrow(day.frame, schema).schema == arrow_schema(schema)
