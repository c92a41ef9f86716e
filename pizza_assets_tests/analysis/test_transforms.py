"""Recipes, and days made of them: the same from one process and from two, rejections too."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest

from pizza_assets import contracts
from pizza_assets.analysis import transforms
from pizza_assets.analysis.analyse import prepare
from pizza_assets.analysis.quality import FileSchema
from pizza_assets.errors import ContractError
from pizza_assets.lake import layout
from pizza_assets.lake.daily import Content
from pizza_assets.lake.store import LocalStore
from pizza_assets.lake.tables import DailyTable, DatedFiles, Day, Encoded
from pizza_assets.orders.collect import collect_matches, collect_orders
from pizza_assets.platform.partition_building import made_days
from pizza_assets.platform.quality.results import Background, DayResult
from pizza_assets.platform.quality.structure import CountsReconcile, Schema
from pizza_assets.settings import Settings
from pizza_assets_tests.analysis.seasons import season

SETTINGS = Settings(_env_file=None)
DAYS = [date(2025, 9, 1) + timedelta(days=number) for number in range(12)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    store = LocalStore(tmp_path_factory.mktemp("lake"))
    matches, orders = DailyTable(store, layout.RAW_MATCHES), DailyTable(store, layout.RAW_ORDERS)
    for of in collect_matches(DAYS, SETTINGS):
        matches.put(of.day, Day(of.frame, of.data_source), "run")
    for of in collect_orders(DAYS, SETTINGS, partial(transforms.matches_around, matches, SETTINGS)):
        orders.put(of.day, Day(of.frame, of.data_source), "run")
    return store


def recipes_of(store: LocalStore) -> Mapping[str, Mapping[date, Callable[[], Content]]]:
    matches, orders = DailyTable(store, layout.RAW_MATCHES), DailyTable(store, layout.RAW_ORDERS)
    around = partial(transforms.matches_around, matches, SETTINGS)
    of = season(weeks=14)
    prepared = prepare(of.volume, of.matches, of.order_sources)
    collected = {
        "raw_matches": collect_matches(DAYS, SETTINGS),
        "raw_orders": collect_orders(DAYS, SETTINGS, around),
    }
    made_of_days = {
        "match_events": partial(transforms.events, matches),
        "order_volume": partial(transforms.volume, orders),
        "merged_orders": partial(transforms.merged, orders, matches),
    }
    analysed = [of.as_of - timedelta(days=before) for before in reversed(range(12))]
    return {
        **{
            name: {day.day: partial(transforms.collected, day, {"uplift": 0.1}, is_set_up=True) for day in days}
            for name, days in collected.items()
        },
        **{name: {day: partial(make, day) for day in DAYS} for name, make in made_of_days.items()},
        "correlation_results": {day: partial(transforms.analysed, prepared, 60, day) for day in analysed},
    }


@pytest.mark.parametrize(
    "asset", ["raw_matches", "raw_orders", "match_events", "order_volume", "merged_orders", "correlation_results"]
)
def test_days_are_the_same_from_one_process_and_from_two(store: LocalStore, asset: str) -> None:
    items = recipes_of(store)[asset]
    if asset == "correlation_results":
        checks = [FileSchema(contracts.CORRELATION_RESULTS, layout.CORRELATION_FILES[0])]
    else:
        checks = [Schema(layout.DAILY_TABLES[asset].contract), CountsReconcile()]  # type: ignore[list-item]
    here, there = (list(made_days(asset, checks, "run", items.items(), processes)) for processes in (1, 2))
    assert [made.day for made in here] == list(items)
    for one, other in zip(here, there, strict=True):
        assert (one.encoded, one.counts, one.facts) == (other.encoded, other.counts, other.facts)
        assert one.measured == other.measured
        assert (one.first_rows is None) == (other.first_rows is None)
        assert one.first_rows is None or one.first_rows.equals(other.first_rows)


@dataclass(frozen=True)
class Rejects:
    """A check that rejects one day."""

    day: date
    name: str = "rejects"
    description: str = "One day is rejected."
    is_blocking: bool = True

    def measure(self, day: date, content: Day) -> int:
        if day == self.day:
            raise ContractError(f"{day} is rejected.")
        return len(content.frame)

    def judge(self, measured: Mapping[date, int], background: Background) -> list[DayResult]:
        del background
        return [DayResult(day) for day in measured]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_rejection_names_the_day_and_the_check_and_days_before_it_come_first(
    store: LocalStore, processes: int
) -> None:
    items = recipes_of(store)["match_events"]
    made = made_days("match_events", [Rejects(DAYS[4])], "run", items.items(), processes)
    assert [next(made).day for _ in range(4)] == DAYS[:4]
    with pytest.raises(ContractError, match="is rejected") as raised:
        next(made)
    assert raised.value.rejected == (DAYS[4], "rejects")


def test_the_history_of_a_day_is_what_was_found_as_of_it(tmp_path: Path) -> None:
    of = season(weeks=14)
    prepared = prepare(of.volume, of.matches, of.order_sources)
    results = DatedFiles(LocalStore(tmp_path), layout.CORRELATION_PREFIX)
    results.put(of.as_of, transforms.analysed(prepared, 60, of.as_of), "run")
    make = partial(transforms.history, results, of.as_of)
    (made,) = made_days("dashboard_data", [], "run", [(of.as_of, make)])
    assert isinstance(made.encoded, Encoded)
    assert made.counts["rows"] > 0
