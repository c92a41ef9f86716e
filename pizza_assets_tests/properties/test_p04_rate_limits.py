from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from unittest import mock

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from pizza_assets.errors import SourceError
from pizza_assets.football import football_data
from pizza_assets.orders import dominos
from pizza_assets.platform import rate_budget
from pizza_assets.platform.http import HttpSession
from pizza_assets_tests.platform.fake_api import Answer, FakeApi, Request, settings_for

MINUTE, HOUR = 60_000, 3_600_000


class Clock:
    """Stands for the ``time`` of the rate budget: it goes on when somebody sleeps, and a bit with each request."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def time_ns(self) -> int:
        return self.ms * 1_000_000

    def sleep(self, seconds: float) -> None:
        self.ms += max(1, round(seconds * 1000))


@contextmanager
def own_limits(folder: Path, clock: Clock) -> Iterator[None]:
    """Give sessions a clock to wait by, and a folder of their own for the limits' state; the limits stay theirs."""
    with mock.patch.object(rate_budget, "time", clock), mock.patch("tempfile.tempdir", mkdtemp(dir=folder)):
        yield


# Feature: pizza-game-dashboard, Property 4: For any external API with usage restrictions, the system should never
# exceed the specified request rate limits during data collection
@pytest.mark.parametrize("open_session", [football_data.open_session, dominos.open_session])
@given(
    per_minute=st.integers(1, 6),
    per_hour=st.integers(1, 14),
    answers=st.lists(st.sampled_from([200, 200, 400, 429, 500, 503]), min_size=4, max_size=12),
    retries=st.integers(0, 2),
)
def test_every_attempt_of_a_session_keeps_within_the_limits_of_the_settings(
    api: FakeApi,
    tmp_path: Path,
    open_session: Callable[..., HttpSession],
    per_minute: int,
    per_hour: int,
    answers: list[int],
    retries: int,
) -> None:
    clock, arrived, left = Clock(), list[int](), list(answers)

    def answer(_: Request) -> Answer:
        arrived.append(clock.ms)
        return Answer(left.pop(0) if len(left) > 1 else left[0])

    api.follows(answer)
    settings = settings_for(
        api, max_requests_per_minute=per_minute, max_requests_per_hour=per_hour, max_api_retries=retries
    )
    with own_limits(tmp_path, clock), open_session(settings, sleep=clock.sleep) as session:
        for _ in answers:
            try:
                session.get("x", {})
            except SourceError:
                continue
    assert len(arrived) == session.calls.number >= len(answers)
    for limit, window in ((per_minute, MINUTE), (per_hour, HOUR)):
        most = max(sum(start <= instant < start + window for instant in arrived) for start in arrived)
        assert most <= limit
        event(f"the limit per {'minute' if window == MINUTE else 'hour'} was reached: {most == limit}")
