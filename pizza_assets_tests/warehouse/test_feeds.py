"""Checks and views against a plain recomputation; ``python -m benchmarks.warehouse_feeds`` compares a hundred seeds."""

import pytest

from benchmarks.warehouse_feeds import differences
from pizza_assets.warehouse.connection import Connection


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_checks_and_views_say_what_pandas_says(connection: Connection, seed: int) -> None:
    wrong, compared = differences(connection, seed)
    assert wrong == []
    assert compared > 150
