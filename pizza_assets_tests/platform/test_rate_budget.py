import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest
from pyrate_limiter import Rate

from pizza_assets.errors import SourceError
from pizza_assets.platform import rate_budget
from pizza_assets.platform.rate_budget import PADDING_MS, RateBudget, rates_of
from pizza_assets.settings import Settings
from pizza_assets_tests.platform.fake_api import Answer, FakeApi, settings_for

#: A process that takes from a budget of 4 in a second and asks the server at its address, some times.
CLIENT = """
import sys
from pathlib import Path
from pyrate_limiter import Rate
from pizza_assets.settings import Settings
from pizza_assets.football.football_data import open_session
from pizza_assets.platform.rate_budget import RateBudget

url, folder, times = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
settings = Settings(_env_file=None, football_api_url=url, football_api_key="0123456789abcdef", max_api_retries=0)
with open_session(settings, budget=RateBudget("shared", [Rate(4, 1000)], folder)) as session:
    for _ in range(times):
        session.get("x", {})
"""


def most_within(instants: list[float], window: float) -> int:
    ordered = sorted(instants)
    return max(sum(start <= other < start + window for other in ordered) for start in ordered)


def test_the_limits_are_those_of_the_settings_with_some_padding() -> None:
    settings = Settings(_env_file=None, max_requests_per_minute=10, max_requests_per_hour=100)
    assert [(rate.limit, rate.interval) for rate in rates_of(settings)] == [
        (10, 60_000 + PADDING_MS),
        (100, 3_600_000 + PADDING_MS),
    ]


@pytest.mark.parametrize(("per_minute", "per_hour", "limit"), [(10, 5, 5), (10, 10, 10), (10, 1000, 10), (1, 60, 1)])
def test_of_two_limits_one_may_imply_the_other(per_minute: int, per_hour: int, limit: int) -> None:
    settings = Settings(_env_file=None, max_requests_per_minute=per_minute, max_requests_per_hour=per_hour)
    (rate,) = rates_of(settings)
    assert rate.limit == limit


def test_keeps_all_limits_over_threads(tmp_path: Path) -> None:
    instants: list[float] = []

    def take() -> None:
        budget = RateBudget("shared", [Rate(3, 100), Rate(5, 300)], tmp_path / "limits")
        instants.extend(budget.take() for _ in range(5))

    threads = [threading.Thread(target=take) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(instants) == 15
    assert most_within(instants, 100) <= 3
    assert most_within(instants, 300) <= 5


def test_keeps_the_limit_over_processes_as_the_server_counts(api: FakeApi, tmp_path: Path) -> None:
    api.answers(Answer())
    command = [sys.executable, "-c", CLIENT, str(api.url), str(tmp_path / "limits"), "4"]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]  # our own text
    failures = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], failures
    assert len(api.requests) == 8
    # The budget's window is padded against the way to the server, as in rates_of.
    assert most_within([request.at for request in api.requests], 0.4) <= 4


def test_apis_have_budgets_of_their_own(tmp_path: Path) -> None:
    for api in ("one:443", "other:443", "one:8443"):
        RateBudget(api, [Rate(1, 3_600_000)], tmp_path / "limits").take()


def test_the_state_is_for_this_user_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_budget.tempfile, "tempdir", str(tmp_path))
    RateBudget("api.example.org:443", [Rate(1, 1000)]).take()
    (state,) = tmp_path.glob("pizza-assets-*/rate-limits/api.example.org_443.sqlite")
    assert {folder.stat().st_mode & 0o777 for folder in (state.parent, state.parent.parent)} == {0o700}


def test_a_folder_that_others_can_open_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "limits").mkdir(mode=0o755)
    with pytest.raises(SourceError, match="only you can open"):
        RateBudget("one:443", [Rate(1, 1000)], tmp_path / "limits").take()


def test_state_that_is_broken_is_said_where(tmp_path: Path) -> None:
    (tmp_path / "limits").mkdir(mode=0o700)
    (tmp_path / "limits" / "one_443.sqlite").write_bytes(b"no database " * 100)
    with pytest.raises(SourceError, match=r"one_443\.sqlite, which cannot be used"):
        RateBudget("one:443", [Rate(1, 1000)], tmp_path / "limits").take()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SourceError, match="Set TMPDIR elsewhere"):
        RateBudget("one:443", [Rate(1, 1000)], tmp_path / "file" / "limits").take()


def test_a_session_counts_by_host_and_port(api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pizza_assets.football.football_data import open_session

    monkeypatch.setattr(rate_budget.tempfile, "tempdir", str(tmp_path))
    api.answers(Answer())
    with open_session(settings_for(api)) as session:
        session.get("x", {})
    assert list(tmp_path.glob(f"pizza-assets-*/rate-limits/127.0.0.1_{api.server_port}.sqlite"))


def test_instants_are_those_of_the_clock(tmp_path: Path) -> None:
    budget = RateBudget("one:443", [Rate(100, 1000)], tmp_path / "limits")
    instants = [time.time_ns() // 1_000_000, budget.take(), budget.take(), time.time_ns() // 1_000_000]
    assert all(earlier <= later for earlier, later in pairwise(instants))


def test_a_clock_that_was_set_back_costs_one_window_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    budget = RateBudget("shared", [Rate(1, 200)], tmp_path / "limits")
    now = time.time_ns()
    a_year = 365 * 86_400 * 10**9
    monkeypatch.setattr(rate_budget.time, "time_ns", lambda: now + a_year)
    budget.take()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        monkeypatch.setattr(rate_budget.time, "time_ns", lambda: now + int(sum(slept) * 10**9) + 10**6)

    monkeypatch.setattr(rate_budget.time, "time_ns", lambda: now)
    monkeypatch.setattr(rate_budget.time, "sleep", sleep)
    budget.take()
    assert 0 < sum(slept) < 1
