"""Days between their asset and the lake: in order, rejections too; analyses the same from one process and from two."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest

from pizza_assets.analysis import transforms
from pizza_assets.analysis.analyse import prepare
from pizza_assets.analysis.events import match_events
from pizza_assets.dashboard.assets import history
from pizza_assets.errors import ContractError
from pizza_assets.football.collect import collect_matches
from pizza_assets.football.stored import matches_around
from pizza_assets.lake import layout
from pizza_assets.lake.store import LocalStore
from pizza_assets.lake.tables import DailyTable, DatedFiles, Day
from pizza_assets.orders.collect import collect_orders
from pizza_assets.platform.kept import Kept
from pizza_assets.platform.processes import on_all_cores
from pizza_assets.platform.quality.measured import Item, MadeDay, made_days
from pizza_assets.platform.quality.results import Background, DayResult
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
    for of in collect_orders(DAYS, SETTINGS, partial(matches_around, matches, SETTINGS)):
        orders.put(of.day, Day(of.frame, of.data_source), "run")
    return store


def events_of(store: LocalStore) -> Iterator[tuple[date, Day]]:
    matches = DailyTable(store, layout.RAW_MATCHES)
    return ((day, Day(match_events(matches[day]), "mock")) for day in DAYS)


def test_an_analysis_is_the_same_from_one_process_and_from_two() -> None:
    of = season(weeks=14)
    make = partial(transforms.analysed, prepare(of.volume, of.matches, of.order_sources), 60, ())
    days = [of.as_of - timedelta(days=before) for before in reversed(range(12))]
    here, there = (list(on_all_cores(make, days, processes)) for processes in (1, 2))
    assert [files.facts["as-of"] for files in here] == [day.isoformat() for day in days]
    assert here == there


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


def test_a_rejection_names_the_day_and_the_check_and_days_before_it_come_first(store: LocalStore) -> None:
    made = made_days("match_events", [Rejects(DAYS[4])], "run", events_of(store))
    assert [next(made).day for _ in range(4)] == DAYS[:4]
    with pytest.raises(ContractError, match="is rejected") as raised:
        next(made)
    assert raised.value.rejected == (DAYS[4], "rejects")


def test_kept_days_stay_in_order_and_days_before_them_come_before_others_are_made(store: LocalStore) -> None:
    asked: list[date] = []

    def items() -> Iterator[Item]:
        for day, content in events_of(store):
            asked.append(day)
            yield day, Kept(day, "the API is away") if day == DAYS[5] else content

    made = made_days("match_events", [], "run", items())
    assert [next(made).day for _ in range(6)] == DAYS[:6]
    assert asked == DAYS[:6]
    assert [of.day for of in made] == DAYS[6:]


def test_the_history_of_a_day_is_what_was_found_as_of_it(tmp_path: Path) -> None:
    of = season(weeks=14)
    prepared = prepare(of.volume, of.matches, of.order_sources)
    results = DatedFiles(LocalStore(tmp_path), layout.CORRELATION_PREFIX)
    results.put(of.as_of, transforms.analysed(prepared, 60, (), of.as_of), "run")
    (made,) = made_days("dashboard_data", [], "run", [(of.as_of, history(results, of.as_of))])
    assert isinstance(made, MadeDay)
    assert made.content.counts["rows"] > 0
    assert made.first_rows is None
