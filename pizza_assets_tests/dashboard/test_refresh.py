"""The states of an ingestion, told by botocore's Stubber: every answer is one that QuickSight can give."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pizza_assets.dashboard.quicksight.api import BotoApi
from pizza_assets.dashboard.quicksight.deploy import QuickSightError
from pizza_assets.dashboard.quicksight.refresh import IngestionError, Refresh

ACCOUNT = "123456789012"
KEY = {"AwsAccountId": ACCOUNT, "DataSetId": "pizza-daily", "IngestionId": "spice-7-0"}
CREATED = {"Arn": "arn:aws:quicksight:::ingestion/x", "IngestionId": "spice-7-0", "IngestionStatus": "INITIALIZED"}


def state(status: str, ingestion_id: str = "spice-7-0", **more: Any) -> dict[str, Any]:
    return {
        "Ingestion": {
            "Arn": "arn:aws:quicksight:::ingestion/x",
            "IngestionId": ingestion_id,
            "IngestionStatus": status,
            "CreatedTime": datetime(2026, 1, 1, tzinfo=UTC),
            **more,
        }
    }


DONE = state("COMPLETED", RowInfo={"RowsIngested": 42, "RowsDropped": 0}, IngestionTimeInSeconds=3)


@contextmanager
def quicksight() -> Iterator[tuple[Refresh, Stubber, list[float]]]:
    client = boto3.client("quicksight", region_name="eu-west-1")
    waited: list[float] = []
    with Stubber(client) as stub:
        yield (
            Refresh(BotoApi(client, attempts=3, wait=0), ACCOUNT, sleep=waited.append, clock=lambda: sum(waited)),
            stub,
            waited,
        )
        stub.assert_no_pending_responses()


def absent(stub: Stubber, ingestion_id: str = "spice-7-0") -> None:
    stub.add_client_error(
        "describe_ingestion", "ResourceNotFoundException", expected_params={**KEY, "IngestionId": ingestion_id}
    )


def created(stub: Stubber, ingestion_id: str = "spice-7-0") -> None:
    request = {**KEY, "IngestionId": ingestion_id, "IngestionType": "FULL_REFRESH"}
    stub.add_response("create_ingestion", {**CREATED, "IngestionId": ingestion_id}, request)


def test_an_ingestion_is_followed_through_every_state_to_its_end() -> None:
    with quicksight() as (refresh, stub, waited):
        absent(stub)
        created(stub)
        for status in ("INITIALIZED", "QUEUED", "RUNNING"):
            stub.add_response("describe_ingestion", state(status), KEY)
        stub.add_response("describe_ingestion", DONE, KEY)
        (ended,) = refresh.run(["daily"], "spice-7")
    assert (ended.status, ended.rows, ended.dropped, ended.seconds) == ("COMPLETED", 42, 0, 3)
    assert waited == [5.0, 5.0, 5.0]


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED"])
@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("INGESTION_SUPERSEDED", "Superseded by a newer one"),
        ("PERMISSION_DENIED", "No access to the bucket"),
        ("S3_MANIFEST_ERROR", "The manifest is broken"),
        ("ACCOUNT_CAPACITY_LIMIT_EXCEEDED", "SPICE is full"),
    ],
)
def test_a_bad_end_is_told_in_quicksights_words(status: str, kind: str, message: str) -> None:
    with quicksight() as (refresh, stub, _):
        absent(stub)
        created(stub)
        stub.add_response("describe_ingestion", state(status, ErrorInfo={"Type": kind, "Message": message}), KEY)
        with pytest.raises(IngestionError, match=f"daily is {status}: {kind} {message}"):
            refresh.run(["daily"], "spice-7")


def test_dropped_rows_are_a_failure() -> None:
    with quicksight() as (refresh, stub, _):
        absent(stub)
        created(stub)
        stub.add_response("describe_ingestion", state("COMPLETED", RowInfo={"RowsIngested": 40, "RowsDropped": 2}), KEY)
        with pytest.raises(IngestionError, match="2 of 42 rows were dropped"):
            refresh.run(["daily"], "spice-7")


def test_a_retry_after_a_lost_answer_starts_nothing_twice() -> None:
    with quicksight() as (refresh, stub, _):
        stub.add_response("describe_ingestion", state("RUNNING"), KEY)
        stub.add_response("describe_ingestion", DONE, KEY)
        refresh.run(["daily"], "spice-7")


def test_two_at_once_are_one() -> None:
    with quicksight() as (refresh, stub, _):
        absent(stub)
        stub.add_client_error("create_ingestion", "ResourceExistsException")
        stub.add_response("describe_ingestion", DONE, KEY)
        refresh.run(["daily"], "spice-7")


def test_a_retry_after_a_failure_has_the_next_number() -> None:
    with quicksight() as (refresh, stub, _):
        stub.add_response("describe_ingestion", state("FAILED"), KEY)
        absent(stub, "spice-7-1")
        created(stub, "spice-7-1")
        stub.add_response(
            "describe_ingestion",
            state("COMPLETED", "spice-7-1", RowInfo={"RowsIngested": 1}),
            {**KEY, "IngestionId": "spice-7-1"},
        )
        (ended,) = refresh.run(["daily"], "spice-7", attempts=2)
    assert ended.ingestion_id == "spice-7-1"


def test_a_spent_budget_is_not_asked_for_again() -> None:
    with quicksight() as (refresh, stub, _):
        absent(stub)
        stub.add_client_error("create_ingestion", "LimitExceededException", "Too many refreshes")
        with pytest.raises(QuickSightError, match="Too many refreshes.*counted over 24 hours"):
            refresh.run(["daily"], "spice-7")


def test_throttling_is_waited_out() -> None:
    with quicksight() as (refresh, stub, _):
        stub.add_client_error("describe_ingestion", "ThrottlingException")
        absent(stub)
        stub.add_client_error("create_ingestion", "ThrottlingException")
        created(stub)
        stub.add_response("describe_ingestion", DONE, KEY)
        refresh.run(["daily"], "spice-7")


def test_throttling_that_does_not_end_is_an_error() -> None:
    with quicksight() as (refresh, stub, _):
        for _ in range(3):
            stub.add_client_error("describe_ingestion", "ThrottlingException", "Rate exceeded")
        with pytest.raises(QuickSightError, match="Rate exceeded"):
            refresh.run(["daily"], "spice-7")


def test_a_denial_says_what_to_grant() -> None:
    with quicksight() as (refresh, stub, _):
        stub.add_client_error("describe_ingestion", "AccessDeniedException", "not authorized")
        with pytest.raises(QuickSightError, match="quicksight:DescribeIngestion"):
            refresh.run(["daily"], "spice-7")


def test_a_missing_data_set_says_to_deploy() -> None:
    with quicksight() as (refresh, stub, _):
        absent(stub)
        stub.add_client_error("create_ingestion", "ResourceNotFoundException", "DataSet pizza-daily not found")
        with pytest.raises(QuickSightError, match="pizza-assets quicksight deploy"):
            refresh.run(["daily"], "spice-7")


def test_an_ingestion_that_vanishes_is_a_failure() -> None:
    with quicksight() as (refresh, stub, _):
        absent(stub)
        created(stub)
        absent(stub)
        with pytest.raises(IngestionError, match="was the data set deleted"):
            refresh.run(["daily"], "spice-7")


def test_one_that_does_not_end_is_a_failure() -> None:
    with quicksight() as (refresh, stub, _):
        refresh.limit_seconds = 9
        absent(stub)
        created(stub)
        for _ in range(3):
            stub.add_response("describe_ingestion", state("RUNNING"), KEY)
        with pytest.raises(IngestionError, match="did not end within 9 s"):
            refresh.run(["daily"], "spice-7")


def test_every_failure_of_several_data_sets_is_told() -> None:
    with quicksight() as (refresh, stub, _):
        for name in ("daily", "meta"):
            key = {**KEY, "DataSetId": f"pizza-{name}"}
            stub.add_client_error("describe_ingestion", "ResourceNotFoundException", expected_params=key)
            stub.add_response("create_ingestion", CREATED, {**key, "IngestionType": "FULL_REFRESH"})
        for _ in range(2):
            stub.add_response(
                "describe_ingestion", state("FAILED", ErrorInfo={"Type": "QUERY_TIMEOUT", "Message": "late"})
            )
        with pytest.raises(IngestionError, match="daily is FAILED.*meta is FAILED"):
            refresh.run(["daily", "meta"], "spice-7")


def test_an_unreachable_quicksight_is_a_sentence() -> None:
    client = boto3.client("quicksight", region_name="eu-west-1", endpoint_url="http://127.0.0.1:1")
    with pytest.raises(QuickSightError, match="could not be reached for DescribeIngestion"):
        BotoApi(client).call("DescribeIngestion", KEY)
