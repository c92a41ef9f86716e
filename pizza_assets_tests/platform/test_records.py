import json
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from pizza_assets.platform.records import chunks, days_within, filled_days, jsonable, read_json, utc_days


def dates(*days: str) -> np.ndarray:
    return np.array(days, dtype="datetime64[D]")


@pytest.mark.parametrize(
    ("days", "before", "filled"),
    [
        ((), "NaT", ()),
        (("NaT", "NaT"), "NaT", ("NaT", "NaT")),
        (("NaT", "NaT"), "2024-05-01", ("2024-05-01", "2024-05-01")),
        (("NaT", "2024-05-02", "NaT"), "NaT", ("2024-05-02", "2024-05-02", "2024-05-02")),
        (("NaT", "2024-05-02", "NaT"), "2024-05-01", ("2024-05-01", "2024-05-02", "2024-05-02")),
    ],
)
def test_a_record_without_a_day_takes_that_of_its_neighbour(
    days: tuple[str, ...], before: str, filled: tuple[str, ...]
) -> None:
    np.testing.assert_array_equal(filled_days(dates(*days), np.datetime64(before, "D")), dates(*filled))


def test_days_of_an_answer_are_among_those_asked_for_or_their_own() -> None:
    given = dates("2024-04-01", "NaT", "2024-05-02", "NaT", "2024-06-01", "NaT")
    expected = dates("2024-04-01", "2024-05-01", "2024-05-02", "2024-05-02", "2024-06-01", "2024-05-03")
    np.testing.assert_array_equal(days_within(given, date(2024, 5, 1), date(2024, 5, 3)), expected)
    np.testing.assert_array_equal(days_within(dates("NaT"), date(2024, 5, 1), date(2024, 5, 3)), dates("2024-05-01"))


def test_a_day_is_one_of_utc_and_plausible() -> None:
    instants = pd.Series(pd.to_datetime(["2024-05-01T23:59:59Z", None, "1899-01-01T00:00:00Z"], utc=True))
    np.testing.assert_array_equal(utc_days(instants.astype("datetime64[us, UTC]")), dates("2024-05-01", "NaT", "NaT"))


def test_chunks_span_no_more_than_asked_for() -> None:
    days = [date(2024, 1, 1) + timedelta(days=n) for n in (0, 1, 30, 31, 61, 62, 400)]
    assert [len(chunk) for chunk in chunks(days, 31)] == [3, 2, 1, 1]
    assert list(chunks([], 31)) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (rb'["\ud83c\udf55", "half \ud83c", "\udf55"]', ["\U0001f355", "half ?", "?"]),
        (rb'["\\ud83c"]', ["\\ud83c"]),
        (b"[NaN, -Infinity]", ["NaN", "-Infinity"]),
    ],
)
def test_what_json_allows_and_files_do_not(text: bytes, value: object) -> None:
    assert read_json(text) == value
    json.dumps(read_json(text), ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", '"x"'.encode("utf-16"), b"1" * 5000])
def test_what_is_no_json(text: bytes) -> None:
    with pytest.raises(ValueError, match="."):
        read_json(text)


def test_a_row_becomes_json() -> None:
    row = {"a": Decimal("1.50"), "b": pd.Timestamp("2024-05-01"), "c": float("nan"), "d": [1, None]}
    assert jsonable(row) == {"a": "1.50", "b": "2024-05-01 00:00:00", "c": "NaN", "d": [1, None]}
