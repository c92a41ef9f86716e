"""Compact months: what days hold, whatever happened to days and months in between."""

import random
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.analysis.volume import roll_up
from pizza_assets.contracts import from_arrow
from pizza_assets.lake.layout import ORDER_VOLUME, month_key
from pizza_assets.lake.months import days_in, month_bytes
from pizza_assets.lake.store import LocalStore, Store
from pizza_assets.lake.tables import DailyTable, Day
from pizza_assets.lake.verify import verify
from pizza_assets_tests.frames import orders_frame

FIRST = date(2024, 1, 20)
DAYS = [FIRST + timedelta(days=number) for number in range(20)]


def volume(day: date, orders: int) -> Day:
    times = pd.date_range(f"{day} 12:00", periods=orders, freq="min", tz="UTC").to_pydatetime().tolist()
    return Day(roll_up(orders_frame(times, ["Leeds"] * orders)), "real", facts={"orders": orders})


class Counting(LocalStore):
    """Notes what is read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.keys: list[str] = []

    def read(self, key: str) -> bytes:
        self.keys.append(key)
        return super().read(key)

    def read_with_metadata(self, key: str) -> tuple[bytes, dict[str, str]]:  # type: ignore[override]
        self.keys.append(key)
        return super().read_with_metadata(key)  # type: ignore[return-value]


@pytest.fixture
def store(tmp_path: Path) -> Counting:
    store = Counting(tmp_path)
    table = DailyTable(store, ORDER_VOLUME)
    for number, day in enumerate(DAYS):
        table.put(day, volume(day, 1 + number), "run")
    return store


def orders_by_day(store: Store, *, compacts: bool = False) -> dict[date, int]:
    table = DailyTable(store, ORDER_VOLUME)
    found = table.by_day(DAYS[3], DAYS[-3], compacts=compacts)
    counts = {day: int(from_arrow(of, ORDER_VOLUME.contract)["orders"].sum()) for day, of in found.items()}
    assert {day: int(table.facts(day)["orders"]) for day in found} == counts
    assert table.between(DAYS[3], DAYS[-3])["orders"].sum() == sum(counts.values())
    return counts


def test_a_range_is_a_read_for_each_month_and_what_was_replaced_is_read_by_itself(store: Counting) -> None:
    expected = orders_by_day(store, compacts=True)
    assert list(expected) == DAYS[3:-2]
    store.keys.clear()
    assert orders_by_day(store) == expected
    assert set(store.keys) == {month_key("order_volume", month) for month in (date(2024, 1, 1), date(2024, 2, 1))}
    writer = DailyTable(store, ORDER_VOLUME)
    writer.by_day(DAYS[0], DAYS[-1])
    writer.put(DAYS[5], volume(DAYS[5], 50), "another run")
    store.keys.clear()
    assert orders_by_day(store) == expected | {DAYS[5]: 50}
    assert ORDER_VOLUME.key(DAYS[5], "real") in store.keys
    assert from_arrow(writer.by_day(DAYS[5], DAYS[6])[DAYS[5]], ORDER_VOLUME.contract)["orders"].sum() == 50


def test_the_run_that_stored_days_leaves_months_that_say_which_versions_they_repeat(store: Counting) -> None:
    table = DailyTable(store, ORDER_VOLUME)
    for number in range(2):
        table.put(DAYS[5], volume(DAYS[5], 60 + number), "run")
        table.by_day(DAYS[0], DAYS[-1], compacts=True)
    table.put(DAYS[5], volume(DAYS[5], 70), "run")
    found = from_arrow(table.by_day(DAYS[0], DAYS[-1])[DAYS[5]], ORDER_VOLUME.contract)
    assert found["orders"].sum() == 70


def test_a_removed_day_is_in_no_month(store: Counting) -> None:
    orders_by_day(store, compacts=True)
    DailyTable(store, ORDER_VOLUME).remove(DAYS[5])
    assert not list(store.list(month_key("order_volume", DAYS[5])))
    assert DAYS[5] not in orders_by_day(store)


def test_a_damaged_month_is_read_day_by_day_and_verify_says_so(store: Counting) -> None:
    expected = orders_by_day(store, compacts=True)
    assert not [problem for problem in verify(store).problems if "compact" in problem]
    key = month_key("order_volume", date(2024, 2, 1))
    Path(store.uri(key)).write_bytes(b"PAR1")
    assert orders_by_day(store) == expected
    assert any("2024-02" in problem and "rm " in problem for problem in verify(store).problems)
    assert orders_by_day(store, compacts=True) == expected
    assert not [problem for problem in verify(store).problems if "compact" in problem]


def test_verify_finds_a_month_that_does_not_repeat_its_days(store: Counting) -> None:
    orders_by_day(store, compacts=True)
    key = month_key("order_volume", DAYS[0])
    days = days_in(store.read(key), key, DailyTable(store, ORDER_VOLUME)._decode)
    days[DAYS[1]] = replace(days[DAYS[1]], table=days[DAYS[2]].table)
    store.write(key, month_bytes(days), {})
    (problem,) = (problem for problem in verify(store).problems if "compact" in problem)
    assert f"does not repeat order_volume of {DAYS[1]};" in problem


@given(st.integers(0, 2**32))
def test_months_never_tell_anything_else_than_days(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    rng = random.Random(seed)
    store = LocalStore(tmp_path_factory.mktemp("lake"))
    known: dict[date, int] = {}
    for _ in range(rng.randint(1, 4)):
        table = DailyTable(store, ORDER_VOLUME)
        for day in rng.sample(DAYS[3:-2], rng.randint(0, 4)):
            if day in known and rng.random() < 0.3:
                table.remove(day)
                del known[day]
            else:
                known[day] = rng.randint(1, 40)
                table.put(day, volume(day, known[day]), "run")
        found = table.by_day(DAYS[0], DAYS[-1], compacts=rng.random() < 0.5)
        counts = {day: int(from_arrow(of, ORDER_VOLUME.contract)["orders"].sum()) for day, of in found.items()}
        assert counts == orders_by_day(store) == dict(sorted(known.items()))
