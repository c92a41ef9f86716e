"""Refreshing SPICE: start an ingestion of every data set, follow it to its end, judge it.

Belongs here: QuickSight's states of an ingestion and what they mean. Does not belong here: when to refresh.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pizza_assets.dashboard.quicksight.data_sources import Request, resource_id
from pizza_assets.dashboard.quicksight.deploy import Api, QuickSightError

#: Manual refreshes of a data set that QuickSight allows in any 24 hours, by edition (QuickSight quotas).
DAILY_BUDGET: Mapping[str, int] = {"standard": 8, "enterprise": 32}
RUNNING = frozenset({"INITIALIZED", "QUEUED", "RUNNING"})
_FAILED = frozenset({"FAILED", "CANCELLED"})


class IngestionError(QuickSightError):
    """An ingestion did not bring all rows; the message holds QuickSight's own words."""


@dataclass(frozen=True)
class Ingestion:
    """What became of the ingestion of one data set."""

    data_set: str
    ingestion_id: str
    status: str
    rows: int
    dropped: int
    seconds: int
    error: str

    @property
    def problem(self) -> str:
        """Return why viewers do not see all of the data; empty when they do."""
        if self.status != "COMPLETED":
            return f"{self.data_set} is {self.status}: {self.error or 'QuickSight gives no reason'}"
        if self.dropped:
            reason = f": {self.error}" if self.error else ", most often a value that its type cannot be cast to"
            return f"{self.data_set}: {self.dropped} of {self.rows + self.dropped} rows were dropped{reason}"
        return ""


def _read(data_set: str, found: Mapping[str, Any]) -> Ingestion:
    rows, error = found.get("RowInfo", {}), found.get("ErrorInfo", {})
    return Ingestion(
        data_set=data_set,
        ingestion_id=found["IngestionId"],
        status=found["IngestionStatus"],
        rows=int(rows.get("RowsIngested", 0)),
        dropped=int(rows.get("RowsDropped", 0)),
        seconds=int(found.get("IngestionTimeInSeconds", 0)),
        error=" ".join(filter(None, [error.get("Type", ""), error.get("Message", "")])),
    )


def _describe(api: Api, account: str, data_set: str, ingestion_id: str) -> Ingestion | None:
    key = {"AwsAccountId": account, "DataSetId": resource_id(data_set), "IngestionId": ingestion_id}
    try:
        return _read(data_set, {"IngestionId": ingestion_id, **api.call("DescribeIngestion", key)["Ingestion"]})
    except QuickSightError as error:
        if error.code == "ResourceNotFoundException":
            return None
        raise


def start(api: Api, account: str, data_set: str, refresh_id: str, attempts: int) -> str:
    """Start the ingestion of a refresh, or find the one that is there; return its id.

    The id is made of `refresh_id`, so that a retry after a lost answer starts nothing twice. One that ended
    badly cannot start again under its id: a later attempt has the next number.
    """
    for number in range(attempts):
        ingestion_id = f"{refresh_id}-{number}"
        found = _describe(api, account, data_set, ingestion_id)
        if found is not None and found.status in _FAILED and number < attempts - 1:
            continue
        if found is None:
            request: Request = {
                "AwsAccountId": account, "DataSetId": resource_id(data_set), "IngestionId": ingestion_id,
                "IngestionType": "FULL_REFRESH",
            }  # fmt: skip
            try:
                api.call("CreateIngestion", request)
            except QuickSightError as error:
                if error.code != "ResourceExistsException":
                    raise
        return ingestion_id
    raise ValueError("at least one attempt is needed")


@dataclass
class Refresh:
    """One refresh of several data sets. ``sleep`` and ``clock`` are there for tests."""

    api: Api
    account: str
    poll_seconds: float = 5.0
    limit_seconds: float = 1800.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def run(self, data_sets: Iterable[str], refresh_id: str, attempts: int = 1) -> Sequence[Ingestion]:
        """Start every ingestion, follow all to the end and return them.

        Raises
        ------
        IngestionError
            When one failed, was cancelled, dropped rows or did not end in time: all of them, in QuickSight's words.
        """
        ids = {name: start(self.api, self.account, name, refresh_id, attempts) for name in data_sets}
        end = self.clock() + self.limit_seconds
        ended: dict[str, Ingestion] = {}
        while True:
            for name in ids.keys() - ended.keys():
                found = _describe(self.api, self.account, name, ids[name])
                if found is None:
                    ended[name] = Ingestion(
                        name, ids[name], "MISSING", 0, 0, 0, "the ingestion is gone: was the data set deleted?"
                    )
                elif found.status not in RUNNING:
                    ended[name] = found
            if len(ended) == len(ids) or self.clock() > end:
                break
            self.sleep(self.poll_seconds)
        problems = [ended[name].problem for name in ids if name in ended and ended[name].problem]
        late = [name for name in ids if name not in ended]
        if late:
            problems.append(f"{', '.join(late)} did not end within {self.limit_seconds:.0f} s")
        if problems:
            raise IngestionError("IngestionFailed", f"QuickSight did not take all of the data. {'; '.join(problems)}.")
        return [ended[name] for name in ids]
