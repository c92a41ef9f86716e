"""The commands against moto's server: deployed, read back, used for a day, and removed."""

import json
import logging
from collections.abc import Iterator

import pytest
import requests
import yaml
from click.testing import CliRunner, Result
from moto.server import ThreadedMotoServer

from pizza_assets.cli import main
from pizza_assets.lake.retention import RULES
from pizza_assets_tests.aws import moto_types
from pizza_assets_tests.aws.moto_types import client

SUFFIX = "test-1"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/pizza-game-test-1@sha256:" + "0" * 64
BUCKET = f"pizza-game-analytics-{SUFFIX}"
FUNCTION = f"pizza-game-dashboard-{SUFFIX}"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty account on moto's server, in which CloudFormation makes all that our templates have."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    moto_types.add_types(monkeypatch, address)
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setattr("pizza_assets.aws.deployment._POLL_SECONDS", 0)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    yield address
    requests.post(f"{address}/moto-api/reset", timeout=30).raise_for_status()
    server.stop()


def run(*arguments: str, answer: str | None = None, code: int = 0) -> str:
    result: Result = CliRunner().invoke(main, ["aws", *arguments], input=answer)
    assert result.exit_code == code, result.output
    return result.output


def deploy(*more: str) -> str:
    return run("deploy", "--suffix", SUFFIX, "--image", IMAGE, "--email", "a@example.com", "--yes", *more)


def test_what_is_deployed_is_what_the_templates_say(aws: str) -> None:
    shown = deploy()
    assert "Add     AWS::S3::Bucket" in shown
    s3 = client("s3")
    (denied,) = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    rules = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    found = {
        rule["Filter"]["Prefix"]: rule["Expiration"]["Days"] for rule in rules if "Days" in rule.get("Expiration", {})
    }
    assert found == {rule.prefix: rule.days for rule in RULES}
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    assert set(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values()) == {True}

    schedule = client("scheduler").get_schedule(Name=FUNCTION)
    assert (schedule["ScheduleExpression"], schedule["ScheduleExpressionTimezone"]) == (
        "cron(0 18 * * ? *)",
        "Europe/London",
    )
    function = client("lambda").get_function(FunctionName=FUNCTION)
    configuration = function["Configuration"]
    assert (configuration["Timeout"], configuration["MemorySize"]) == (900, 1024)
    assert configuration["Environment"]["Variables"]["S3_BUCKET_NAME"] == BUCKET
    assert function["Concurrency"]["ReservedConcurrentExecutions"] == 1
    assert schedule["Target"]["Arn"] == configuration["FunctionArn"]
    role = client("iam").get_role_policy(RoleName=f"PizzaDashboardRole-{SUFFIX}", PolicyName="function")
    document = role["PolicyDocument"]
    document = yaml.safe_load(document) if isinstance(document, str) else document  # moto gives Python's own text
    statements = document["Statement"]
    on_objects = next(item for item in statements if item["Resource"] == f"arn:aws:s3:::{BUCKET}/*")
    assert set(on_objects["Action"]) == {"s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"}
    alarms = client("cloudwatch").describe_alarms()["MetricAlarms"]
    silent = next(alarm for alarm in alarms if alarm["AlarmName"].endswith("no-success"))
    assert (silent["EvaluationPeriods"], silent["TreatMissingData"]) == (26, "breaching")
    assert client("sns").list_subscriptions()["Subscriptions"][0]["Endpoint"] == "a@example.com"


def test_deploying_twice_changes_nothing(aws: str) -> None:
    deploy()
    assert deploy().count("nothing changes") == 3


def allow_requests() -> None:
    """moto reads no conditions in a bucket's policy: it would deny requests over TLS, too."""
    client("s3").delete_bucket_policy(Bucket=BUCKET)


class Invocation:
    """What Lambda says of an invocation."""

    aws_request_id = "0d3f6f52-1111-2222-3333-444455556666"
    function_name = FUNCTION

    def __init__(self, seconds: float = 900) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def invoke(monkeypatch: pytest.MonkeyPatch, event: object, context: Invocation | None = None) -> dict[str, object]:
    """Run the handler in this process, with the variables that the deployed function has."""
    from pizza_assets.aws.handler import handler

    variables = client("lambda").get_function(FunctionName=FUNCTION)["Configuration"]["Environment"]["Variables"]
    for name, value in variables.items():
        if name not in {"HOME", "DAGSTER_HOME"} and not value.startswith("{"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("PIZZA_START_DATE", "2025-09-01")
    monkeypatch.setenv("MOCK_ORDERS_PER_STORE_DAY", "3")
    return handler(event, context or Invocation())


def test_deployed_used_for_a_day_and_removed(
    aws: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    deploy()
    allow_requests()
    assert "none is published yet" in run("status", "--suffix", SUFFIX)
    answer = invoke(monkeypatch, {"from": "2025-09-06"})
    assert answer == {"status": "done", "days": ["2025-09-06"], "left": None, "message": "Made 1 day."}
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    ours = [line for line in lines if line.get("logger", "").startswith(("pizza_assets", "dagster"))]
    assert ours
    assert {line.get("request_id") for line in ours} == {Invocation.aws_request_id}
    metrics = {line["Asset"] for line in lines if "_aws" in line}
    assert {"raw_matches", "raw_orders", "dashboard_data"} <= metrics
    keys = [item["Key"] for item in client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert "quicksight-ready/dashboard-data/current/meta.csv" in keys
    shown = run("status", "--suffix", SUFFIX)
    assert "2025-09-06" in shown
    assert "0 of 9 in ALARM" in shown

    asked = run("teardown", "--suffix", SUFFIX, answer="n\n", code=1)
    assert f"{BUCKET}" not in asked.partition("Delete all of this")[2]
    assert client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == len(keys)
    removed = run("teardown", "--suffix", SUFFIX, "--yes")
    assert "Nothing is left." in removed
    assert client("s3").list_buckets()["Buckets"] == []
    assert client("lambda").list_functions()["Functions"] == []
    assert client("iam").list_roles()["Roles"] == []
    assert client("cloudwatch").describe_alarms()["MetricAlarms"] == []
    assert client("scheduler").list_schedules()["Schedules"] == []
    assert "Nothing is left." in run("teardown", "--suffix", SUFFIX, "--yes"), "a second one finds nothing to do"


def test_a_teardown_that_keeps_data_says_what_is_left(aws: str) -> None:
    deploy()
    allow_requests()
    client("s3").put_object(Bucket=BUCKET, Key="raw/x", Body=b"1")
    client("s3").put_object(Bucket=BUCKET, Key="raw/x", Body=b"22")
    shown = run("teardown", "--suffix", SUFFIX, "--yes", "--keep-data")
    assert f"bucket {BUCKET}: 2 objects and versions" in shown
    assert "USD a month" in shown
    assert client("lambda").list_functions()["Functions"] == []
    assert "nothing changes" in deploy("--stack", "storage"), "it can be deployed again on the data that was kept"
