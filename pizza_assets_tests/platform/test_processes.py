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

from pizza_assets.errors import ContractError, PizzaAssetsError
from pizza_assets.platform.processes import on_all_cores, processes_for

DAYS = [date(2025, 8, 1) + timedelta(days=number) for number in range(120)]


def told(word: str, day: date) -> tuple[str, int]:
    return f"{word} {day}", os.getpid()


def rejecting(bad: date, day: date) -> date:
    if day == bad:
        raise ContractError(f"{day} is bad.")
    return day


def killed(day: date) -> date:
    os.kill(os.getpid(), signal.SIGKILL)
    return day


def test_many_days_are_made_in_other_processes_and_come_in_order() -> None:
    made = list(on_all_cores(partial(told, "on"), DAYS, 2))
    assert [text for text, _ in made] == [f"on {day}" for day in DAYS]
    processes = {process for _, process in made}
    assert processes
    assert os.getpid() not in processes


def test_one_process_is_this_one() -> None:
    assert {process for _, process in on_all_cores(partial(told, "in"), DAYS, 1)} == {os.getpid()}


def test_a_short_range_needs_no_other_process() -> None:
    assert [processes_for(days, 5) for days in (1, 31, 300)] == [1, 1, 5]
    assert processes_for(300, None) >= 1


def test_processes_end_with_the_range() -> None:
    worked = {process for _, process in on_all_cores(partial(told, "on"), DAYS, 2)}
    assert not [process for process in worked if psutil.pid_exists(process)]


@pytest.mark.parametrize("processes", [1, 2])
def test_days_before_one_that_fails_come_first_and_then_its_error(processes: int) -> None:
    made: list[date] = []
    with pytest.raises(ContractError, match=f"{DAYS[67]} is bad") as raised:
        made.extend(on_all_cores(partial(rejecting, DAYS[67]), DAYS, processes))
    assert made == DAYS[:67]
    assert ("in rejecting" in "".join(getattr(raised.value, "__notes__", ()))) == (processes > 1)


def test_processes_end_when_the_one_that_started_them_is_killed() -> None:
    code = """if True:
        from functools import partial
        from pizza_assets_tests.platform.test_processes import DAYS, told
        from pizza_assets.platform.processes import on_all_cores
        made = on_all_cores(partial(told, "on"), DAYS, 2)
        print(next(made)[1], flush=True)
        input()
    """
    tests = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
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
    with pytest.raises(PizzaAssetsError, match="RANGE_PROCESSES=1"):
        list(on_all_cores(killed, DAYS, 2))
    assert len(list(on_all_cores(partial(told, "again"), DAYS, 2))) == len(DAYS)
