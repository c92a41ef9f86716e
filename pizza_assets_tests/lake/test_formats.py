"""CSV for people and QuickSight: no formulas, and what is read back is what was written."""

import csv
import io
from datetime import UTC, datetime

import pandas as pd
import pandera.pandas as pa
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.lake.formats import csv_bytes, read_csv

CONTRACT = pa.DataFrameSchema({"name": pa.Column(str), "number": pa.Column(float)}, metadata={"key": ["name"]})


def test_formulas_are_guarded_and_numbers_stay() -> None:
    names = ["=HYPERLINK(1)", "+1+1", "-x", "@x", "\tx", "Leeds", "-5", None]
    frame = pd.DataFrame({"name": names, "number": [-1.5] * 8, "at": [datetime(2024, 5, 1, tzinfo=UTC)] * 8})
    rows = list(csv.reader(io.StringIO(csv_bytes(frame).decode())))
    assert [row[0] for row in rows[1:]] == ["'=HYPERLINK(1)", "'+1+1", "'-x", "'@x", "'\tx", "Leeds", "-5", ""]
    assert {tuple(row[1:]) for row in rows[1:]} == {("-1.5", "2024-05-01T00:00:00Z")}


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("C",)), min_size=1), min_size=1, max_size=5))
def test_text_is_read_back_as_it_was(names: list[str]) -> None:
    frame = pd.DataFrame({"name": [f"={name}" for name in names] + names, "number": 0.5})
    assert [row["name"] for row in read_csv(csv_bytes(frame), CONTRACT)] == frame["name"].tolist()
