"""What can go wrong between us and CloudFormation: one sentence each, which says what to do."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from pizza_assets.aws.account import Account
from pizza_assets.aws.deployment import Deployer
from pizza_assets.aws.errors import AwsError
from pizza_assets.aws.stacks import Stack, plan
from pizza_assets.cli import main
from pizza_assets.errors import UseError
from pizza_assets.settings import Settings
from pizza_assets_tests.conftest import AWS

STACK = Stack("storage", "pizza-game-storage-x", '{"Parameters":{"Suffix":{}}}', {"Suffix": "x"})


class Scripted:
    """A CloudFormation whose stack has given states, one after another, and given events."""

    def __init__(
        self, *states: str | None, events: tuple[tuple[str, str, str, str], ...] = (), rejected: str | None = None
    ) -> None:
        self._states, self._events, self._rejected = list(states), events, rejected
        self.executed: list[str] = []

    def describe_stacks(self, StackName: str) -> Mapping[str, Any]:  # noqa: N803 boto3's name
        state = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        if state is None:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": f"{StackName} does not exist"}}, "D")
        return {"Stacks": [{"StackId": "id", "StackStatus": state}]}

    def create_change_set(self, **_: object) -> Mapping[str, Any]:
        if self._rejected:
            raise ClientError({"Error": {"Code": self._rejected, "Message": "no"}}, "CreateChangeSet")
        return {"Id": "set"}

    def describe_change_set(self, **_: object) -> Mapping[str, Any]:
        change = {"Action": "Add", "LogicalResourceId": "Bucket", "ResourceType": "AWS::S3::Bucket"}
        return {"Status": "CREATE_COMPLETE", "StackId": "id", "Changes": [{"ResourceChange": change}]}

    def execute_change_set(self, **_: object) -> None:
        self.executed.append("set")

    def delete_stack(self, **_: object) -> None: ...

    def get_paginator(self, _: str) -> "Scripted":
        return self

    def paginate(self, **_: object) -> Iterator[Mapping[str, Any]]:
        if self.executed:
            names = ("EventId", "ResourceStatus", "LogicalResourceId", "ResourceStatusReason")
            yield {"StackEvents": [dict(zip(names, event, strict=True)) for event in reversed(self._events)]}
        else:
            yield {"StackEvents": []}


def deployed(client: Scripted) -> list[str]:
    lines: list[str] = []
    deployer = Deployer(client, lines.append, lambda _: None)
    changes = deployer.prepare(STACK)
    assert changes is not None
    deployer.apply(changes)
    return lines


def test_progress_is_shown_event_by_event() -> None:
    events = (("1", "CREATE_IN_PROGRESS", "Bucket", ""), ("2", "CREATE_COMPLETE", "Bucket", ""))
    lines = deployed(Scripted(None, "CREATE_IN_PROGRESS", "CREATE_COMPLETE", events=events))
    assert [line.split() for line in lines] == [["CREATE_IN_PROGRESS", "Bucket"], ["CREATE_COMPLETE", "Bucket"]]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (
            "User: arn:aws:iam::1:user/u is not authorized to perform: lambda:CreateFunction on resource: x",
            "Give whoever deploys lambda:CreateFunction, or deploy with a role that may, then deploy again.",
        ),
        ("pizza-game-analytics-x already exists", "The name is taken: choose another --suffix"),
        ("Limit Exceeded for buckets", "A quota of the account is reached"),
        (
            "The value decreases account's UnreservedConcurrentExecution below its minimum value of [10].",
            "deploy with --set OneAtATime=false",
        ),
        ("Source image x@sha256:0 does not exist", "Push the image first"),
    ],
)
def test_a_failure_in_the_middle_names_the_first_resource_and_says_what_to_do(reason: str, expected: str) -> None:
    events = (
        ("1", "CREATE_COMPLETE", "Role", ""),
        ("2", "CREATE_FAILED", "Function", reason),
        ("3", "CREATE_FAILED", "Schedule", "Resource creation cancelled"),
        ("4", "ROLLBACK_COMPLETE", "stack", ""),
    )
    client = Scripted(None, "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE", events=events)
    with pytest.raises(AwsError) as error:
        deployed(client)
    text = str(error.value)
    assert text.startswith("The stack pizza-game-storage-x failed (ROLLBACK_COMPLETE) at Function")
    assert expected in text
    assert "\n" not in text


@pytest.mark.parametrize("state", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"])
def test_a_stack_that_can_only_be_deleted(state: str) -> None:
    with pytest.raises(AwsError, match=f"is in {state}: it can only be deleted. Run 'pizza-assets aws teardown"):
        deployed(Scripted(state))


def test_a_stack_that_somebody_else_changes() -> None:
    with pytest.raises(AwsError, match=r"is being changed \(UPDATE_IN_PROGRESS\). Wait until that has ended"):
        deployed(Scripted("UPDATE_IN_PROGRESS"))


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("AccessDenied", "AWS rejects to make a change set of the stack pizza-game-storage-x (AccessDenied): no. Give"),
        ("ExpiredToken", "The credentials of AWS are not valid (any more)"),
        ("LimitExceededException", "A quota of the account is reached"),
    ],
)
def test_a_rejected_request_is_one_sentence(code: str, sentence: str) -> None:
    with pytest.raises(AwsError) as error:
        deployed(Scripted(None, rejected=code))
    assert sentence in str(error.value)


def test_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    result = CliRunner().invoke(main, ["aws", "deploy", "--suffix", "xyz", "--stack", "storage"])
    assert result.exit_code == 1
    assert "There are no credentials of AWS to ask which account this is with" in result.output
    assert "aws sso login" in result.output


def test_a_region_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "mars-north-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    result = CliRunner().invoke(main, ["aws", "deploy", "--suffix", "xyz", "--stack", "storage"])
    assert result.exit_code == 1
    assert "AWS could not be reached to ask which account this is" in result.output
    assert "Is AWS_REGION a region of AWS" in result.output


class Heads:
    """An S3 that answers head_bucket so."""

    class meta:  # noqa: N801 boto3's name
        region_name = "us-east-1"

    def __init__(self, status: int, region: str = "us-east-1") -> None:
        self._answer = {"ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {"x-amz-bucket-region": region}}}

    def head_bucket(self, **_: str) -> Mapping[str, Any]:
        if self._answer["ResponseMetadata"]["HTTPStatusCode"] != 200:
            raise ClientError({"Error": {"Code": "x"}, **self._answer}, "HeadBucket")
        return self._answer


@pytest.mark.parametrize(
    ("client", "sentence"),
    [
        (Heads(403), "is taken by another account of AWS. Choose another --suffix."),
        (Heads(301, "eu-west-2"), "is in eu-west-2, and the region is us-east-1. Set AWS_REGION=eu-west-2"),
        (Heads(200, "eu-west-2"), "is in eu-west-2"),
        (Heads(200), "is there, and no stack that made it"),
    ],
)
def test_a_bucket_that_is_not_ours_or_elsewhere(client: Heads, sentence: str) -> None:
    account = Account(Settings(), {"s3": client})
    with pytest.raises(AwsError, match=r"bucket pizza-game-analytics-x") as error:
        account.check_bucket("x", has_stack=False)
    assert sentence in str(error.value)
    Account(Settings(), {"s3": Heads(404)}).check_bucket("x", has_stack=False)


def test_a_bucket_that_is_written_to_while_it_is_emptied(bucket: Any) -> None:
    name = "pizza-game-analytics-x"
    AWS.client("s3").create_bucket(Bucket=name)
    AWS.client("s3").put_object(Bucket=name, Key="late", Body=b"1")
    with pytest.raises(AwsError, match=r"\(BucketNotEmpty\).*Something still writes there: end it"):
        Account(Settings(), {"s3": bucket}).delete_bucket(name)


@pytest.mark.parametrize(
    ("suffix", "kinds", "given", "sentence"),
    [
        ("Upper", ("storage",), {}, "--suffix 'Upper': expected 2 to 40 small letters"),
        ("x1", ("stores",), {}, "--stack stores: expected one of storage, serverless, watching, platform."),
        ("x1", ("storage",), {"Nonsense": "1"}, "--set Nonsense=...: expected a parameter of these stacks"),
        ("x1", ("serverless",), {}, "The stack serverless needs ImageUri"),
    ],
)
def test_wrong_use(suffix: str, kinds: tuple[str, ...], given: dict[str, str], sentence: str) -> None:
    with pytest.raises(UseError) as error:
        plan(suffix, kinds, given)
    assert sentence in str(error.value)


def test_the_suffix_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIZZA_SUFFIX", "x1")
    result = CliRunner().invoke(main, ["aws", "cost", "--dry-run"])
    assert (result.exit_code, "Warning" in result.output) == (0, False), result.output


def test_a_dry_run_prints_templates_resources_and_cost_and_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    arguments = ["aws", "deploy", "--suffix", "x1", "--dry-run", "--set", "ImageUri=i@sha256:1"]
    for kind in ("storage", "serverless", "watching"):
        arguments += ["--stack", kind]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    for part in ("BucketName:", "ScheduleExpression: cron(0 18 * * ? *)", "Add     AWS::S3::Bucket", "a month"):
        assert part in result.output
    assert result.output.rstrip().endswith("Nothing was sent.")
