"""Faulty worlds in which nothing real is lost, and planted bugs that are found."""

from contextlib import closing
from dataclasses import replace

import pytest

from benchmarks.simulation.bugs import Bug
from benchmarks.simulation.machine import Faults
from benchmarks.simulation.play import play
from benchmarks.simulation.sales import Facts, Warehouse
from benchmarks.simulation.schedule import Schedule, Step, schedule_of, shortest
from benchmarks.simulation.world import UP

_AWAY = dict.fromkeys(UP, "away")


def _schedule(*of: Step, is_on_s3: bool = False) -> Schedule:
    return Schedule(1, is_on_s3, is_analysed=False, is_verified=False, steps=of)


def test_in_200_faulty_worlds_nothing_real_is_lost() -> None:
    outcomes = {seed: play(schedule_of(seed)) for seed in range(200)}
    found = {seed: outcome for seed, outcome in outcomes.items() if outcome.problems}
    assert found == {}, "python -m benchmarks.simulation --first SEED --seeds 1 prints the shortest schedule"
    for name in ("killed", "failed", "kept_days", "refreshes", "copies"):
        assert sum(getattr(outcome, name) for outcome in outcomes.values()) > 20, name


def test_a_seed_gives_the_same_again() -> None:
    assert [play(schedule_of(seed)) for seed in (3, 4)] == [play(schedule_of(seed)) for seed in (3, 4)]


@pytest.mark.parametrize("is_on_s3", [False, True])
def test_a_world_is_collected_analysed_and_verified(is_on_s3: bool) -> None:
    schedule = replace(_schedule(Step("backfill", 1, 0, 2), is_on_s3=is_on_s3), is_analysed=True, is_verified=True)
    assert play(schedule).problems == ()


@pytest.mark.parametrize("is_on_s3", [False, True])
def test_a_database_that_goes_away_at_any_statement_has_a_day_as_before_or_as_in_the_lake(
    database: str, is_on_s3: bool
) -> None:
    corrected = Step("correction", 2, length=3, what="sales")
    sold = [Step("sales", 3, length=3, modes={"sales": "up"}, faults=faults) for faults in _OF_DATABASES]
    steps = [step for one in sold for step in (corrected, one)]
    with closing(Warehouse(database)) as warehouse:
        outcome = play(_schedule(*steps, is_on_s3=is_on_s3), warehouse=warehouse)
    assert outcome.problems == ()
    assert outcome.failed > 5
    assert outcome.killed > 5
    assert outcome.loads > 5


_OF_DATABASES = [
    Faults(),
    *(Faults(database_ends_at=statement) for statement in range(1, 40, 3)),
    *(Faults(kill_at=statement, kill_within="warehouse/") for statement in range(1, 40, 3)),
]


def test_quicksight_that_rejects_a_copied_lake_and_lost_metadata() -> None:
    steps = [
        Step("backfill", 1, length=2),
        *(Step("QuickSight", seed, faults=Faults(0.3)) for seed in range(20)),
        Step("copy", 2, length=3),
        Step("lost metadata", 3),
        Step("backfill", 4, length=2, modes=_AWAY),
    ]
    outcome = play(_schedule(*steps))
    assert outcome.problems == ()
    assert (outcome.refreshes, outcome.copies) == (21, 1)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("DELETE FROM sales.fact_sales WHERE line = 1", "the warehouse has [] of"),
        ("DELETE FROM ops.load_audit", "the audit tells of 0 lines"),
    ],
)
def test_facts_that_are_lost_are_found(database: str, change: str, problem: str) -> None:
    class Losing(Warehouse):
        def facts(self) -> Facts:
            self.admin.execute(change.encode())
            return super().facts()

    with closing(Losing(database)) as warehouse:
        problems = play(_schedule(Step("sales", 1, modes={"sales": "up"})), warehouse=warehouse).problems
    assert problem in problems[0]


_COLLECTED = Step("backfill", 1)
_CORRECTED = Step("correction", 4, what="orders")
_KILLED = [Step("backfill", 2, faults=Faults(kill_at=write)) for write in range(1, 90)]


@pytest.mark.parametrize(
    ("bug", "is_on_s3", "steps", "problem"),
    [
        ("overwrites", False, [_COLLECTED, Step("backfill", 2, modes=_AWAY)], "was real and is mock"),
        ("deletes-first", False, [_COLLECTED, *_KILLED], "was real and is absent"),
        ("metadata-last", False, [_COLLECTED, _CORRECTED, *_KILLED], "not whole"),
        ("endless-lease", True, [_COLLECTED, _KILLED[9], _COLLECTED], "waits for ever"),
        ("manifest-first", False, [replace(_COLLECTED, ago=1), *_KILLED[20:]], "is older"),
    ],
)
def test_a_planted_bug_is_found_and_its_schedule_shortened(
    bug: Bug, is_on_s3: bool, steps: list[Step], problem: str
) -> None:
    schedule = _schedule(*steps, is_on_s3=is_on_s3)
    outcome = play(schedule, bug)
    assert problem in outcome.problems[0]
    failing = replace(schedule, steps=schedule.steps[: outcome.step])
    least = shortest(failing, lambda tried: bool(play(tried, bug).problems))
    assert len(least.steps) <= 2
    assert "backfill of today" in str(least)
    assert play(least).problems == ()
