from pathlib import Path
from tempfile import mkdtemp

from hypothesis import given
from hypothesis import strategies as st
from pyrate_limiter import Rate

from pizza_assets.errors import SourceError
from pizza_assets.football.football_data import open_session
from pizza_assets.platform.rate_budget import RateBudget
from pizza_assets_tests.platform.fake_api import Answer, FakeApi, settings_for


class RecordingBudget(RateBudget):
    """Remembers the instants at which attempts were let through."""

    def __init__(self, rates: list[Rate], folder: Path) -> None:
        super().__init__("fake", rates, folder)
        self.instants: list[int] = []

    def take(self) -> int:
        self.instants.append(super().take())
        return self.instants[-1]


# Feature: pizza-game-dashboard, Property 4: For any external API with usage restrictions, the system should never
# exceed the specified request rate limits during data collection
@given(
    limits=st.sampled_from([((1, 8),), ((3, 12),), ((2, 8), (5, 30)), ((4, 5), (6, 20))]),
    answers=st.lists(st.sampled_from([200, 200, 400, 429, 500, 503]), min_size=1, max_size=6),
    retries=st.integers(0, 2),
)
def test_every_attempt_keeps_within_all_limits(
    api: FakeApi, tmp_path: Path, limits: tuple[tuple[int, int], ...], answers: list[int], retries: int
) -> None:
    budget = RecordingBudget([Rate(*limit) for limit in limits], Path(mkdtemp(dir=tmp_path)) / "limits")
    api.answers(*(Answer(status) for status in answers))
    with open_session(settings_for(api, max_api_retries=retries), budget=budget, sleep=lambda _: None) as session:
        for _ in answers:
            try:
                session.get("x", {})
            except SourceError:
                continue
    assert len(budget.instants) == len(api.requests) == session.calls.number >= len(answers)
    for limit, window in limits:
        for start in budget.instants:
            assert sum(start <= instant < start + window for instant in budget.instants) <= limit
