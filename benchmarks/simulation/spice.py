"""QuickSight in a simulated world: it rejects, loses answers, fails ingestions and drops rows.

Belongs here: what QuickSight answers, and what it shows. Does not belong here: the product's refresh.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from pizza_assets.dashboard.publish import current_rows
from pizza_assets.dashboard.quicksight.data_sources import Request, resource_id
from pizza_assets.dashboard.quicksight.deploy import QuickSightError
from pizza_assets.lake import layout
from pizza_assets.lake.store import CHECKSUM, Store

_REJECTIONS = (
    "ThrottlingException", "LimitExceededException", "AccessDeniedException", "InternalFailureException",
    "EndpointConnectionError",
)  # fmt: skip


@dataclass
class _Ingestion:
    data_set: str
    checksum: str
    rows: int
    polls: int
    end: str


@dataclass
class QuickSight:
    """An account. ``shown`` has the checksum of what viewers see of each data set, and its rows."""

    shown: dict[str, tuple[str, int]] = field(default_factory=dict)
    _ingestions: dict[str, _Ingestion] = field(default_factory=dict)

    def api(self, store: Store, random: Random, failing: float) -> "QuickSightApi":
        """Return a connection to the account; a share `failing` of the requests fails."""
        return QuickSightApi(self, self._ingestions, store, random, failing)


@dataclass
class QuickSightApi:
    """A connection to QuickSight, as the product's refresh uses it. `store` is the lake that QuickSight reads."""

    account: QuickSight
    ingestions: dict[str, _Ingestion]
    store: Store
    random: Random
    failing: float

    def call(self, operation: str, request: Request) -> Mapping[str, Any]:
        """Answer. Raises QuickSightError; a request that starts an ingestion may have done so all the same."""
        fails = self.random.random() < self.failing
        if fails and self.random.random() < 0.5:
            raise self._rejection(operation)
        answer = self._create(request) if operation == "CreateIngestion" else self._describe(request)
        if fails:
            raise QuickSightError("ReadTimeoutError", f"QuickSight could not be reached for {operation}.")
        return answer

    def _rejection(self, operation: str) -> QuickSightError:
        code = self.random.choice(_REJECTIONS)
        return QuickSightError(code, f"QuickSight rejected {operation} ({code}).")

    def _create(self, request: Request) -> Mapping[str, Any]:
        name = next(name for name in current_rows(self.store) if resource_id(name) == request["DataSetId"])
        key = f"{name}/{request['IngestionId']}"
        if key in self.ingestions:
            raise QuickSightError("ResourceExistsException", f"{key} exists.")
        ends = ["COMPLETED"] if self.random.random() >= self.failing else ["FAILED", "CANCELLED", "DROPPED", "GONE"]
        facts = self.store.metadata(layout.current_key(name))
        self.ingestions[key] = _Ingestion(
            name, facts[CHECKSUM], int(facts["rows"]), self.random.randint(0, 3), self.random.choice(ends)
        )
        return {}

    def _describe(self, request: Request) -> Mapping[str, Any]:
        names = [name for name in current_rows(self.store) if resource_id(name) == request["DataSetId"]]
        found = self.ingestions.get(f"{names[0]}/{request['IngestionId']}") if names else None
        if found is None:
            raise QuickSightError("ResourceNotFoundException", "There is no such ingestion.")
        if found.polls > 0:
            found.polls -= 1
            return {"Ingestion": {"IngestionStatus": "RUNNING"}}
        if found.end == "GONE":
            del self.ingestions[f"{names[0]}/{request['IngestionId']}"]
            raise QuickSightError("ResourceNotFoundException", "There is no such ingestion.")
        dropped = int(found.end == "DROPPED")
        if found.end in {"COMPLETED", "DROPPED"}:
            self.account.shown[found.data_set] = found.checksum, found.rows - dropped
        status, rows = "COMPLETED" if dropped else found.end, found.rows - dropped
        return {"Ingestion": {"IngestionStatus": status, "RowInfo": {"RowsIngested": rows, "RowsDropped": dropped}}}
