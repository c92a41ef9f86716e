"""The benchmark of ranges, small and without bars: every contestant counts the same orders, and the table is whole."""

from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks.ranges import __main__ as bench
from benchmarks.ranges import lakes
from benchmarks.ranges.contestants import work

DAYS, ORDERS = 2, 300
LAST = lakes.FIRST + timedelta(days=DAYS - 1)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench") / "lake"
    lakes.large(folder, DAYS, ORDERS)
    return folder


@pytest.mark.parametrize("name", ["decode", "DuckDB", "pandas", "ours, pure", "ours, roll-up"])
def test_everybody_counts_the_same_orders(lake: Path, name: str) -> None:
    assert work(name, lake, lakes.FIRST, LAST)["orders"] == DAYS * ORDERS


def test_a_line_stands_beside_its_bar() -> None:
    assert str(bench.Line("volume", 1.234)) == "| volume | 1.23 |  |  |"
    assert not bench.Line("volume", 1.2, 1.2).is_missed
    missed = bench.Line("requests", 2897, 200)
    assert missed.is_missed
    assert str(missed) == "| requests | 2,897.00 | <= 200 | MISSED |"
