from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

from pizza_assets import contracts
from pizza_assets.lake import open_lake
from pizza_assets.lake.layout import MERGED_ORDERS, ORDER_VOLUME
from pizza_assets.lake.tables import DailyTable, Day
from pizza_assets.operations import dagster_replay as module
from pizza_assets.operations.dagster_replay import blocks, replay
from pizza_assets.platform.dagster_daily_asset import REPLAY_TAG
from pizza_assets.settings import Settings

DAY = date(2025, 9, 6)


def day(number: int) -> date:
    return DAY + timedelta(days=number)


@pytest.mark.parametrize(
    ("days", "spans"),
    [
        ([], []),
        ([3], [(3, 3)]),
        ([2, 0, 1], [(0, 2)]),
        ([0, 1, 3, 5, 6], [(0, 1), (3, 3), (5, 6)]),
    ],
)
def test_days_make_unbroken_spans(days: Sequence[int], spans: Sequence[tuple[int, int]]) -> None:
    assert blocks([day(number) for number in days]) == [(day(first), day(last)) for first, last in spans]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, str, bool]]:
    """The runs that are asked for: first and last day, assets, and whether they replay."""
    runs: list[tuple[int, int, str, bool]] = []

    def run_days(
        _: Settings, first: date, last: date, selection: str, *, tags: Mapping[str, str] | None = None, verbose: bool
    ) -> list[str]:
        assert not verbose
        runs.append(((first - DAY).days, (last - DAY).days, selection, REPLAY_TAG in (tags or {})))
        return [f"run {len(runs)}"]

    monkeypatch.setattr(module, "run_days", run_days)
    return runs


def test_matches_change_what_is_merged_beside_them_and_viewers_see_the_newest(
    asked: list[tuple[int, int, str, bool]], tmp_path: Path
) -> None:
    store = open_lake(str(tmp_path / "lake"))
    for number in range(10):
        for where in (ORDER_VOLUME, MERGED_ORDERS):
            if where is ORDER_VOLUME or number != 2:
                DailyTable(store, where).put(day(number), Day(contracts.empty(where.contract), "real"), "run")
    assert replay(Settings(_env_file=None), store, "raw_matches", [day(3), day(4)]) == ["run 1", "run 2", "run 3"]
    assert asked == [
        (3, 4, "key:raw_matches or (key:raw_matches+ and not group:raw)", True),
        (5, 5, "key:merged_orders", False),
        (9, 9, "key:correlation_results+", False),
    ]


def test_orders_change_nothing_beside_them(asked: list[tuple[int, int, str, bool]], tmp_path: Path) -> None:
    store = open_lake(str(tmp_path / "lake"))
    for number in range(4):
        DailyTable(store, ORDER_VOLUME).put(day(number), Day(contracts.empty(ORDER_VOLUME.contract), "real"), "run")
    replay(Settings(_env_file=None), store, "raw_orders", [day(1), day(3)])
    assert [(first, last) for first, last, *_ in asked] == [(1, 1), (3, 3)], "the newest day was among them"
