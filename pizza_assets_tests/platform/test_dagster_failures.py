"""What the page of a failed run opens with."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from pizza_assets.errors import LakeError, PizzaAssetsError, SourceError
from pizza_assets.platform.dagster_failures import as_failure
from pizza_assets.platform.dagster_runs import RunFailedError, local_instance, run_days
from pizza_assets_tests.platform.test_pipeline import FIRST, small


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with local_instance() as found:
        yield found


def test_a_failed_run_opens_with_the_sentence(instance: dg.DagsterInstance) -> None:
    with pytest.raises(RunFailedError, match="No real football matches"):
        run_days(small(pizza_allow_mock=False), FIRST, FIRST)
    (run,) = instance.get_runs()
    (failed,) = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE).records
    error = failed.event_log_entry.get_dagster_event().job_failure_data.first_step_failure_event.event_specific_data
    first_line = error.error.message.splitlines()[0]
    assert first_line.startswith("dagster._core.definitions.events.Failure: No real football matches of")
    assert "PIZZA_ALLOW_MOCK=false" in first_line


@pytest.mark.parametrize(
    ("error", "may_retry", "tried_again"),
    [
        (LakeError("full"), True, True),
        (LakeError("full"), False, False),
        (LakeError("no space left", final=True), True, False),
        (SourceError("away"), True, True),
        (SourceError("no such key", final=True), True, False),
    ],
)
def test_it_is_tried_again_where_that_may_help(error: PizzaAssetsError, may_retry: bool, tried_again: bool) -> None:
    with pytest.raises(dg.Failure) as failure, as_failure(may_retry=may_retry):
        raise error
    assert failure.value.description == str(error)
    assert failure.value.allow_retries is tried_again


def test_what_is_not_ours_stays_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError), as_failure():
        raise ZeroDivisionError
