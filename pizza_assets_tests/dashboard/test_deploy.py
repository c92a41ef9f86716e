"""Deployment against an account in memory: idempotent, published, tidy after a failure."""

from collections.abc import Callable
from typing import Any

import pytest

from pizza_assets.dashboard.datasets import DATA_SETS
from pizza_assets.dashboard.quicksight.data_sources import DASHBOARD_ID, Request, Target, target
from pizza_assets.dashboard.quicksight.deploy import Deployment, QuickSightError
from pizza_assets.errors import PizzaAssetsError
from pizza_assets.settings import Settings
from pizza_assets_tests.dashboard.fake_quicksight import FakeQuickSight

ANN = "arn:aws:quicksight:eu-west-1:123456789012:user/default/ann"
ALL = "arn:aws:quicksight:eu-west-1:123456789012:group/default/everybody"
TO = Target("123456789012", "eu-west-1", "pizza-lake", "", (ANN,), (ALL,))
RESOURCES = 3 * len(DATA_SETS) + 1


def deployment(api: FakeQuickSight, lines: list[str] | None = None) -> Deployment:
    ticks = iter(range(10_000))
    return Deployment(api, TO, (lines if lines is not None else []).append, lambda _: None, lambda: next(ticks) * 1.0)


def rejecting(code: str, operation: str, number: int = 1) -> Callable[[str, Request], str | None]:
    """Reject the n-th call of an operation."""
    seen = {"count": 0}

    def reject(asked: str, _request: Request) -> str | None:
        seen["count"] += asked == operation
        return code if asked == operation and seen["count"] == number else None

    return reject


def test_a_first_deployment_makes_everything_and_publishes() -> None:
    api = FakeQuickSight()
    address = deployment(api).deploy()
    assert len(api.resources) == RESOURCES
    assert api.published == {DASHBOARD_ID: 1}
    assert address.endswith(f"/dashboards/{DASHBOARD_ID}")
    assert {item["Principal"] for item in api.resources["Dashboard", DASHBOARD_ID]["Permissions"]} == {ANN, ALL}


def test_a_second_deployment_creates_nothing_refreshes_nothing_and_publishes_the_new_version() -> None:
    api, lines = FakeQuickSight(), []
    deployment(api).deploy()
    api.calls.clear()
    deployment(api, lines).deploy()
    assert not [call for call in api.calls if call.startswith(("Create", "Delete"))]
    assert "UpdateDataSet" not in api.calls, "an update would spend a refresh"
    assert "UpdateDataSetPermissions" in api.calls
    assert api.published == {DASHBOARD_ID: 2}


def test_a_changed_data_set_is_updated() -> None:
    api = FakeQuickSight()
    deployment(api).deploy()
    api.resources["DataSet", "pizza-daily"]["PhysicalTableMap"] = {}
    api.calls.clear()
    deployment(api).deploy()
    assert api.calls.count("UpdateDataSet") == 1


@pytest.mark.parametrize("operation", ["CreateDataSource", "CreateDataSet", "CreateRefreshSchedule", "CreateDashboard"])
def test_a_failed_half_is_cleaned_up(operation: str) -> None:
    number = 1 if operation == "CreateDashboard" else 3
    api = FakeQuickSight(rejecting("AccessDeniedException", operation, number))
    with pytest.raises(QuickSightError, match="AccessDeniedException"):
        deployment(api).deploy()
    assert api.resources == {}
    assert api.published == {}


def test_what_was_there_before_stays_when_an_update_fails() -> None:
    api = FakeQuickSight()
    deployment(api).deploy()
    api.reject = rejecting("AccessDeniedException", "UpdateDashboard")
    with pytest.raises(QuickSightError):
        deployment(api).deploy()
    assert len(api.resources) == RESOURCES


def test_a_dashboard_that_quicksight_cannot_build_is_an_error_in_its_words() -> None:
    api = FakeQuickSight()
    api.dashboard_error = "The column uplift_pct is missing"
    with pytest.raises(QuickSightError, match="The column uplift_pct is missing"):
        deployment(api).deploy()
    assert api.resources == {}


def test_a_failed_creation_of_before_is_replaced() -> None:
    api = FakeQuickSight()
    deployment(api).deploy()
    api.resources["DataSource", "pizza-meta"]["Status"] = "CREATION_FAILED"
    api.calls.clear()
    deployment(api).deploy()
    assert api.calls.count("DeleteDataSource") == api.calls.count("CreateDataSource") == 1


def test_a_build_that_does_not_end_is_an_error() -> None:
    api = FakeQuickSight()
    deployment(api).deploy()
    keep = api._describe

    def never(kind: str, request: Request) -> Any:
        answer = keep(kind, request)
        return {kind: {**answer[kind], "Version": {"Status": "UPDATE_IN_PROGRESS"}}} if kind == "Dashboard" else answer

    api._describe = never  # type: ignore[method-assign] # the fake's answer alone changes
    with pytest.raises(QuickSightError, match="still UPDATE_IN_PROGRESS after 300 s"):
        deployment(api).deploy()


def test_status_names_what_is_missing() -> None:
    api = FakeQuickSight()
    assert {line.split()[-1] for line in deployment(api).status()} == {"missing"}
    deployment(api).deploy()
    assert {line.split()[-1] for line in deployment(api).status()} == {"CREATION_SUCCESSFUL"}


def test_teardown_deletes_all_and_again_is_no_error() -> None:
    api, lines = FakeQuickSight(), []
    deployment(api).deploy()
    deployment(api, lines).teardown()
    assert api.resources == {}
    assert len(lines) == RESOURCES
    deployment(api).teardown()


def test_teardown_stops_at_a_denial() -> None:
    api = FakeQuickSight()
    deployment(api).deploy()
    api.reject = rejecting("AccessDeniedException", "DeleteDashboard")
    with pytest.raises(QuickSightError):
        deployment(api).teardown()


def test_the_target_says_all_that_is_missing() -> None:
    with pytest.raises(PizzaAssetsError) as error:
        target(Settings.load(aws_region=None))
    for name in ("PIZZA_LAKE", "QUICKSIGHT_ACCOUNT_ID", "QUICKSIGHT_OWNERS", "AWS_REGION"):
        assert name in str(error.value)


def test_the_target_follows_the_settings() -> None:
    to = target(
        Settings.load(
            pizza_lake="s3://bucket/some/prefix", quicksight_account_id="123456789012", quicksight_owners=ANN,
            aws_region="eu-west-1",
        ),
        "real",
    )  # fmt: skip
    assert (to.bucket, to.prefix, to.owners, to.default_source) == ("bucket", "some/prefix/", (ANN,), "real")
