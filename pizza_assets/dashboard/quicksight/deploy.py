"""Deploying to QuickSight: create or update, publish, take down; idempotent, and tidy after a failure.

Belongs here: the order of requests and what to do with their answers. Does not belong here: what is in them.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pizza_assets.dashboard.datasets import DATA_SETS
from pizza_assets.dashboard.quicksight import data_sources as quicksight
from pizza_assets.dashboard.quicksight import definition, model_check, reference_check, warehouse
from pizza_assets.dashboard.quicksight.data_sources import Request, Target, resource_id
from pizza_assets.errors import PizzaAssetsError

#: How long QuickSight may take to build a dashboard.
_BUILD_SECONDS, _POLL_SECONDS = 300.0, 3.0


class QuickSightError(PizzaAssetsError):
    """QuickSight rejected a request; ``code`` is its own name for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Api(Protocol):
    """QuickSight, as we use it."""

    def call(self, operation: str, request: Request) -> Mapping[str, Any]:
        """Send a request and return the answer. Raises QuickSightError."""


@dataclass(frozen=True)
class Step:
    """One resource: how to describe, create, update and delete it."""

    kind: str
    name: str
    create: Request
    key: Request

    @property
    def permissions_request(self) -> Request:
        """Return the request that grants the permissions that creation would have."""
        return {**self.key, "GrantPermissions": self.create["Permissions"]}


def plan(to: Target) -> Sequence[Step]:
    """Return every resource in the order of creation, checked against the model and against each other.

    Raises
    ------
    PizzaAssetsError
        With all problems, before anything is sent.
    """
    sets = {name: quicksight.data_set(to, name) for name in DATA_SETS}
    board = definition.dashboard(to)
    steps = _warehouse_steps(to)
    for name, data_set in sets.items():
        source, schedule = quicksight.data_source(to, name), quicksight.refresh_schedule(to, name)
        steps += [_source(to, name, source), _set(to, name, data_set), _schedule(to, name, schedule)]
    steps.append(Step("Dashboard", quicksight.DASHBOARD_ID, board, _board_key(to)))

    found = [problem for step in steps for problem in model_check.problems(f"Create{step.kind}", step.create)]
    if not found:  # references are only looked up in requests of the right shape
        arns = {to.arn("datasource", resource_id(step.name)) for step in steps if step.kind == "DataSource"}
        requests = [step.create for step in steps if step.kind == "DataSet"]
        found = [problem for request in requests for problem in reference_check.data_set_problems(request, arns)]
        by_identifier = {name: to.arn("dataset", resource_id(name)) for name in DATA_SETS}
        found += reference_check.definition_problems(board["Definition"], sets, by_identifier)
    if found:
        raise PizzaAssetsError(f"The requests to QuickSight are wrong: {'; '.join(found[:10])}.")
    return steps


def _source(to: Target, name: str, request: Request) -> Step:
    return Step("DataSource", name, request, {"AwsAccountId": to.account, "DataSourceId": resource_id(name)})


def _set(to: Target, name: str, request: Request) -> Step:
    return Step("DataSet", name, request, {"AwsAccountId": to.account, "DataSetId": resource_id(name)})


def _schedule(to: Target, name: str, request: Request) -> Step:
    key = {"AwsAccountId": to.account, "DataSetId": resource_id(name), "ScheduleId": quicksight.SCHEDULE_ID}
    return Step("RefreshSchedule", name, request, key)


def _warehouse_steps(to: Target) -> list[Step]:
    """Return the steps of the warehouse, where QuickSight is told of it."""
    if to.warehouse is None:
        return []
    schedule = quicksight.refresh_schedule(to, warehouse.DATA_SET, warehouse.REFRESHED_AT)
    return [
        _source(to, warehouse.SOURCE, warehouse.data_source(to, to.warehouse)),
        _set(to, warehouse.DATA_SET, warehouse.data_set(to)),
        _schedule(to, warehouse.DATA_SET, schedule),
    ]


def _everything(to: Target) -> Sequence[Step]:
    """Return all that deploy may ever have made: the warehouse's too, should it be set up no longer."""
    steps = list(plan(to))
    if to.warehouse is None:
        names = warehouse.SOURCE, warehouse.DATA_SET
        steps = [_source(to, names[0], {}), _set(to, names[1], {}), _schedule(to, names[1], {}), *steps]
    return steps


def _update(step: Step) -> Request:
    left_out = {"Permissions", "Type"} if step.kind == "DataSource" else {"Permissions"}
    return {name: value for name, value in step.create.items() if name not in left_out}


@dataclass
class Deployment:
    """A deployment through an Api.

    ``tell`` hears of every step; ``sleep`` and ``clock`` are there for tests.
    """

    api: Api
    to: Target
    tell: Callable[[str], None] = lambda _: None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _made: list[Step] = field(default_factory=list)

    def deploy(self, steps: Sequence[Step] | None = None) -> str:
        """Create or update everything, or these `steps`, and publish the dashboard; return its address.

        What this call created is deleted again when a later step fails; what was there before stays.
        """
        self._made.clear()
        try:
            for step in plan(self.to) if steps is None else steps:
                self._ensure(step)
        except PizzaAssetsError:
            for step in reversed(self._made):
                self._delete(step, "cleaned up")
            raise
        return f"https://{self.to.region}.quicksight.aws.amazon.com/sn/dashboards/{quicksight.DASHBOARD_ID}"

    def status(self) -> Iterator[str]:
        """Yield a line for every resource: what state it is in."""
        for step in plan(self.to):
            found = self._describe(step)
            state = "missing" if found is None else self._state(step, found) or "there"
            yield f"{step.kind:<16}{step.name:<20}{state}"

    def teardown(self) -> None:
        """Delete everything that deploy makes; what is not there is no error."""
        for step in reversed(_everything(self.to)):
            self._delete(step, "deleted")

    def _ensure(self, step: Step) -> None:
        found = self._describe(step)
        if found is not None and self._state(step, found) == "CREATION_FAILED":
            self._delete(step, "deleted, its creation had failed")
            found = None
        if found is None:
            answer = self.api.call(f"Create{step.kind}", step.create)
            self._made.append(step)
            self.tell(f"created {step.kind} {step.name}")
        elif step.kind == "DataSet" and self._is_same(step, found):
            # An update would refresh it, out of the same budget as the sensor's refreshes.
            self.api.call("UpdateDataSetPermissions", step.permissions_request)
            self.tell(f"unchanged DataSet {step.name}")
            return
        else:
            answer = self.api.call(f"Update{step.kind}", _update(step))
            if step.create.get("Permissions"):
                self.api.call(f"Update{step.kind}Permissions", step.permissions_request)
            self.tell(f"updated {step.kind} {step.name}")
        if step.kind == "Dashboard":
            self._publish(step, int(str(answer["VersionArn"]).rsplit("/", 1)[-1]))
        elif step.kind == "DataSource":
            self._wait(step, lambda: self._describe(step))

    @staticmethod
    def _is_same(step: Step, found: Mapping[str, Any]) -> bool:
        return all(found.get(name) == step.create[name] for name in ("PhysicalTableMap", "LogicalTableMap", "Name"))

    def _publish(self, step: Step, version: int) -> None:
        """Wait until the version is built, then show it: an update alone shows nothing."""
        self._wait(step, lambda: self._describe(step, VersionNumber=version))
        self.api.call("UpdateDashboardPublishedVersion", {**step.key, "VersionNumber": version})
        self.tell(f"published version {version}")

    def _wait(self, step: Step, describe: Callable[[], Mapping[str, Any] | None]) -> None:
        end = self.clock() + _BUILD_SECONDS
        while True:
            found = describe() or {}
            state = self._state(step, found)
            if state.endswith("SUCCESSFUL"):
                return
            if state.endswith("FAILED"):
                raise QuickSightError(
                    state, f"QuickSight could not build {step.kind} {step.name}: {self._reason(step, found)}"
                )
            if self.clock() > end:
                raise QuickSightError(
                    state,
                    f"{step.kind} {step.name} is still {state or 'not there'} after {_BUILD_SECONDS:.0f} s. "
                    "Deploy again.",
                )
            self.sleep(_POLL_SECONDS)

    @staticmethod
    def _state(step: Step, found: Mapping[str, Any]) -> str:
        return str((found.get("Version", {}) if step.kind == "Dashboard" else found).get("Status", ""))

    @staticmethod
    def _reason(step: Step, found: Mapping[str, Any]) -> str:
        if step.kind == "Dashboard":
            errors = found.get("Version", {}).get("Errors", [])
            return "; ".join(f"{item.get('Type')}: {item.get('Message')}" for item in errors) or "it gives no reason"
        info = found.get("ErrorInfo", {})
        return f"{info.get('Type')}: {info.get('Message')}" if info else "it gives no reason"

    def _describe(self, step: Step, **more: object) -> Mapping[str, Any] | None:
        try:
            answer = self.api.call(f"Describe{step.kind}", {**step.key, **more})
        except QuickSightError as error:
            if error.code == "ResourceNotFoundException":
                return None
            raise
        found: Mapping[str, Any] = answer[step.kind]
        return found

    def _delete(self, step: Step, word: str) -> None:
        try:
            self.api.call(f"Delete{step.kind}", step.key)
        except QuickSightError as error:
            if error.code != "ResourceNotFoundException":
                raise
            return
        self.tell(f"{word} {step.kind} {step.name}")


def requests(to: Target) -> Iterator[tuple[str, Request]]:
    """Yield the requests of a first deployment, in order, all valid."""
    for step in plan(to):
        yield f"Create{step.kind}", step.create
    yield "UpdateDashboardPublishedVersion", {**_board_key(to), "VersionNumber": 1}


def teardown_requests(to: Target) -> Iterator[tuple[str, Request]]:
    """Yield the requests of a teardown, in order."""
    for step in reversed(_everything(to)):
        yield f"Delete{step.kind}", step.key


def _board_key(to: Target) -> Request:
    return {"AwsAccountId": to.account, "DashboardId": quicksight.DASHBOARD_ID}
