"""An account of QuickSight in memory, behind the same protocol: what moto does not have.

It keeps the rules that we rely on: an id is created once, a data set needs its data source, a dashboard shows
the published version only, and every request is valid by the service's own model.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pizza_assets.dashboard.quicksight import model_check
from pizza_assets.dashboard.quicksight.data_sources import Request
from pizza_assets.dashboard.quicksight.deploy import QuickSightError

_KEYS = {"DataSource": "DataSourceId", "DataSet": "DataSetId", "Dashboard": "DashboardId"}


class FakeQuickSight:
    """Resources by kind and id, and every call that was made."""

    def __init__(self, reject: Callable[[str, Request], str | None] = lambda *_: None) -> None:
        self.resources: dict[tuple[str, str], dict[str, Any]] = {}
        self.published: dict[str, int] = {}
        self.calls: list[str] = []
        self.reject = reject
        self.dashboard_error: str | None = None

    def call(self, operation: str, request: Request) -> Mapping[str, Any]:
        assert model_check.problems(operation, request) == []
        self.calls.append(operation)
        if code := self.reject(operation, request):
            raise QuickSightError(code, f"{operation} rejected: {code}")
        if operation == "UpdateDashboardPublishedVersion":
            self.published[request["DashboardId"]] = request["VersionNumber"]
            return {}
        if operation == "DescribeDashboardDefinition":
            return {"Definition": self._get("Dashboard", request)["Definition"]}
        if operation.endswith("Permissions"):
            kind = operation.removeprefix("Update").removesuffix("Permissions")
            self._get(kind, request)["Permissions"] = request["GrantPermissions"]
            return {}
        verb = next(verb for verb in ("Create", "Update", "Describe", "Delete") if operation.startswith(verb))
        return getattr(self, f"_{verb.lower()}")(operation.removeprefix(verb), request)

    @staticmethod
    def _id(kind: str, request: Request) -> tuple[str, str]:
        return (kind, request[_KEYS["DataSet" if kind == "RefreshSchedule" else kind]])

    def _get(self, kind: str, request: Request) -> dict[str, Any]:
        try:
            return self.resources[self._id(kind, request)]
        except KeyError:
            raise QuickSightError("ResourceNotFoundException", f"no {kind}") from None

    def _answer(self, kind: str, kept: dict[str, Any]) -> Mapping[str, Any]:
        version = kept.get("VersionNumber", 1)
        return {"VersionArn": f"arn:aws:quicksight:::dashboard/x/version/{version}"} if kind == "Dashboard" else {}

    def _create(self, kind: str, request: Request) -> Mapping[str, Any]:
        key = self._id(kind, request)
        if key in self.resources:
            raise QuickSightError("ResourceExistsException", f"{key} exists")
        for table in request.get("PhysicalTableMap", {}).values():
            source = next(iter(table.values()))["DataSourceArn"].rsplit("/", 1)[-1]
            if ("DataSource", source) not in self.resources:
                raise QuickSightError("ResourceNotFoundException", f"no data source {source}")
        kept = {**request, "Status": "CREATION_SUCCESSFUL", "VersionNumber": 1}
        self.resources[key] = kept
        return self._answer(kind, kept)

    def _update(self, kind: str, request: Request) -> Mapping[str, Any]:
        kept = self._get(kind, request)
        kept.update(request, Status="UPDATE_SUCCESSFUL", VersionNumber=kept["VersionNumber"] + 1)
        return self._answer(kind, kept)

    def _describe(self, kind: str, request: Request) -> Mapping[str, Any]:
        kept = self._get(kind, request)
        if kind != "Dashboard":
            return {kind: kept}
        version: dict[str, Any] = {"Status": kept["Status"], "VersionNumber": kept["VersionNumber"]}
        if self.dashboard_error:
            version |= {
                "Status": "CREATION_FAILED",
                "Errors": [{"Type": "COLUMN_GEOGRAPHIC_ROLE_MISMATCH", "Message": self.dashboard_error}],
            }
        return {kind: {**kept, "Version": version}}

    def _delete(self, kind: str, request: Request) -> Mapping[str, Any]:
        self._get(kind, request)
        del self.resources[self._id(kind, request)]
        return {}
