"""Days made in other processes: in order, a few ahead, and with the errors of whoever makes them."""

import os
import signal
import subprocess
import sys
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import psutil
import pytest

from pizza_assets.cores import on_all_cores
from pizza_assets.errors import ContractError, PizzaAssetsError

DAYS = [date(2025, 8, 1) + timedelta(days=number) for number in range(120)]


def told(word: str, day: date) -> tuple[str, int]:
    return f"{word} {day}", os.getpid()


def refusing(bad: date, day: date) -> str:
    if day == bad:
        raise ContractError(f"{day} is bad.")
    return str(day)


def killed(day: date) -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    return str(day)


def test_many_days_are_made_in_other_processes_and_come_in_order() -> None:
    made = list(on_all_cores(partial(told, "on"), DAYS, 2))
    assert [(day, text) for day, (text, _) in made] == [(day, f"on {day}") for day in DAYS]
    processes = {process for _, (_, process) in made}
    assert processes
    assert os.getpid() not in processes


@pytest.mark.parametrize(("days", "processes"), [(DAYS[:10], 2), (DAYS, 1)])
def test_few_days_or_one_process_need_no_other(days: list[date], processes: int) -> None:
    assert {process for _, (_, process) in on_all_cores(partial(told, "in"), days, processes)} == {os.getpid()}


@pytest.mark.parametrize("processes", [1, 2])
def test_days_before_one_that_fails_come_first_and_then_its_error(processes: int) -> None:
    made = []
    with pytest.raises(ContractError, match=f"{DAYS[60]} is bad"):
        made.extend(on_all_cores(partial(refusing, DAYS[60]), DAYS, processes))
    assert [day for day, _ in made] == DAYS[:60]


def test_processes_end_when_the_one_that_started_them_is_killed() -> None:
    code = """if True:
        from functools import partial
        from pizza_assets_tests.test_cores import DAYS, told
        from pizza_assets.cores import on_all_cores
        made = on_all_cores(partial(told, "on"), DAYS, 2)
        print(next(made)[1][1], flush=True)
        input()
    """
    tests = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=tests
    ) as killed_run:
        assert killed_run.stdout is not None
        maker = psutil.Process(int(killed_run.stdout.readline()))
        others = psutil.Process(killed_run.pid).children(recursive=True)
        assert maker in others
        killed_run.kill()
    _, alive = psutil.wait_procs(others, timeout=20)
    assert alive == []


def test_a_process_that_is_ended_from_outside_is_one_sentence_and_others_start_anew() -> None:
    with pytest.raises(PizzaAssetsError, match="ANALYSIS_PROCESSES=1"):
        list(on_all_cores(killed, DAYS, 2))
    assert len(list(on_all_cores(partial(told, "again"), DAYS, 2))) == len(DAYS)
