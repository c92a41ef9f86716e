"""The table of permissions against the requests that the product makes, in both directions."""

import ast
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError
from click.testing import CliRunner
from moto.server import ThreadedMotoServer

from pizza_assets.aws import permissions
from pizza_assets.aws.handler import handler
from pizza_assets.aws.permissions import PERMISSIONS, Permission, of_role, policy_of, used, wide
from pizza_assets.aws.with_secrets import read_secret
from pizza_assets.cli import main
from pizza_assets.dashboard.quicksight.deploy import QuickSightError
from pizza_assets.errors import PizzaAssetsError
from pizza_assets.lake import open_lake
from pizza_assets_tests.aws.recording import recorded
from pizza_assets_tests.aws.test_handler import Invocation
from pizza_assets_tests.conftest import AWS
from pizza_assets_tests.dashboard.fake_quicksight import FakeQuickSight

BUCKET = "pizza-game-analytics-x"
DAY = "2025-09-06"
#: Larger than what boto3 sends in one piece.
LARGE = b"x" * (9 * 2**20)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server of its own with the lake's bucket, and the settings of a small lake in it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    s3 = AWS.client("s3", endpoint_url=address)
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for name, value in {
        "PIZZA_LAKE": f"s3://{BUCKET}",
        "AWS_ENDPOINT_URL": address,
        "AWS_REGION": "us-east-1",
        "PIZZA_START_DATE": "2025-09-01",
        "MOCK_ORDERS_PER_STORE_DAY": "2",
        "QUICKSIGHT_ACCOUNT_ID": "123456789012",
        "QUICKSIGHT_OWNERS": "arn:aws:quicksight:us-east-1:123456789012:user/default/me",
    }.items():
        monkeypatch.setenv(name, value)
    yield address
    _post(f"{address}/moto-api/reset-auth", b"1000000")
    _post(f"{address}/moto-api/reset", b"")
    server.stop()


def _post(address: str, body: bytes) -> None:
    requests.post(address, body, timeout=30).raise_for_status()


def quicksight(fake: FakeQuickSight) -> Callable[[str, str, Mapping[str, Any]], Any]:
    """Return what answers for QuickSight, most of which moto does not have."""

    started: set[object] = set()

    def answer(service: str, operation: str, request: Mapping[str, Any]) -> Any:
        if service != "quicksight":
            return None
        if operation == "CreateIngestion":
            started.add(request["IngestionId"])
            return {"IngestionStatus": "QUEUED"}
        if operation == "DescribeIngestion" and request["IngestionId"] in started:
            rows = {"RowsIngested": 1, "RowsDropped": 0}
            done = {"IngestionId": request["IngestionId"], "IngestionStatus": "COMPLETED", "RowInfo": rows}
            return {"Ingestion": done}
        if operation == "DescribeIngestion":
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "none"}}, operation)
        try:
            return fake.call(operation, dict(request))
        except QuickSightError as error:
            raise ClientError({"Error": {"Code": error.code, "Message": str(error)}}, operation) from None

    return answer


def evening(address: str) -> None:
    """What the function does: its secret, a day, one that replaces it, a large object, a refresh of QuickSight."""
    session = boto3.Session()  # boto3's own one keeps the credentials that it found first
    secrets = session.client("secretsmanager", endpoint_url=address)
    read_secret(secrets, "pizza-game/x/settings")
    handler({"from": DAY}, Invocation(900))
    store = open_lake(f"s3://{BUCKET}", session.client("s3", endpoint_url=address))
    store.write("raw/large", LARGE, {})
    store.delete("raw/large")


def make_secret(address: str) -> None:
    client = AWS.client("secretsmanager", endpoint_url=address)
    client.create_secret(Name="pizza-game/x/settings", SecretString="{}")


def command(*arguments: str) -> None:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 0, result.output


def test_the_function_may_do_what_it_does_and_no_more(account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make_secret(account)
    with recorded(monkeypatch, quicksight(FakeQuickSight())) as found:
        evening(account)
    assert used("function", found) == {"missing": [], "too_many": []}
    # Each planted fault is found.
    without = [each for each in PERMISSIONS if each.action != "s3:DeleteObject"]
    assert used("function", found, without)["missing"] == ["s3:DeleteObject"]
    more = [*PERMISSIONS, Permission("s3:PutBucketPolicy", "*", "planted", ("function",))]
    assert used("function", found, more)["too_many"] == ["s3:PutBucketPolicy"]


def test_a_task_may_do_what_it_does_and_no_more(account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make_secret(account)
    monkeypatch.setenv("METRICS", "cloudwatch")
    with recorded(monkeypatch, quicksight(FakeQuickSight())) as found:
        evening(account)
    assert used("task", found) == {"missing": [], "too_many": []}


def test_an_operator_may_do_what_the_commands_do_and_no_more(account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QUICKSIGHT_ACCOUNT_ID")
    handler({"from": DAY}, Invocation(900))
    monkeypatch.setenv("QUICKSIGHT_ACCOUNT_ID", "123456789012")
    monkeypatch.setenv("DAGSTER_HOME", "")
    with recorded(monkeypatch, quicksight(FakeQuickSight())) as found:
        command("quicksight", "deploy")
        command("quicksight", "deploy")
        changed = "pizza_assets.dashboard.quicksight.deploy.Deployment._is_same"
        with monkeypatch.context() as patch:
            patch.setattr(changed, staticmethod(lambda *_: False))
            command("quicksight", "deploy")
        command("quicksight", "status")
        command("quicksight", "backup", "copy.json")
        command("quicksight", "teardown", "--yes")
        versions = open_lake(f"s3://{BUCKET}", boto3.Session().client("s3", endpoint_url=account))
        keys = [item.key for item in versions.list("raw-data/dominos-orders/")]
        run_id = versions.metadata(keys[0])["run-id"]
        command("restore", "--data-set", "raw_orders", "--day", DAY)
        command("restore", "--data-set", "raw_orders", "--day", DAY, "--run", run_id)
        command("lake", "remove", "--data-set", "raw_orders", "--from", DAY, "--to", DAY, "--yes")
        versions.read(next(item.key for item in versions.list("raw-data/football-data/")))
    assert used("operator", found) == {"missing": [], "too_many": []}


def test_nothing_is_wider_than_it_says_why() -> None:
    assert wide() == []
    assert wide([Permission("s3:*", "arn:x", "planted", ("function",))])
    assert wide([Permission("s3:GetObject", "*", "planted", ("function",))])
    everywhere = [each for each in PERMISSIONS if each.on == "*"]
    assert {each.action.partition(":")[0] for each in everywhere} <= {
        "cloudwatch", "ecs", "ec2", "secretsmanager", "ssmmessages", "ecr", "quicksight",
    }  # fmt: skip


def test_each_permission_is_there_once_with_its_reason() -> None:
    seen = [(each.action, each.on, role) for each in PERMISSIONS for role in each.roles]
    assert len(seen) == len(set(seen))
    assert all(len(each.why.split()) >= 2 for each in PERMISSIONS)


def test_the_launcher_may_do_what_its_source_asks_for() -> None:
    """What dagster-aws asks ECS for stands in its source: nothing here runs it."""
    from dagster_aws.ecs import launcher, tasks, utils

    names = set()
    for module in (launcher, tasks, utils):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                of = ast.unparse(node.func.value)
                if of in {"self.ecs", "ecs", "ecs_client", "logs_client"}:
                    names.add(("logs" if "logs" in of else "ecs", node.func.attr))
    asked = {f"{service}:{''.join(part.title() for part in name.split('_'))}" for service, name in names}
    allowed = {each.action for each in of_role("task") if each.used_by == permissions._LAUNCHER}
    assert asked - allowed == set()
    of_ecs = {action for action in allowed if action.startswith(("ecs:", "logs:"))}
    assert of_ecs - asked == {"ecs:TagResource"}, "tags go with RunTask and RegisterTaskDefinition"


def _only(address: str, role: permissions.Role, table: tuple[Permission, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Become a user that may do what a role may, and switch IAM on."""
    iam = AWS.client("iam", endpoint_url=address)
    iam.create_user(UserName="it")
    filled = json.dumps(policy_of(role, table))
    of_account = {"${AWS::Partition}": "aws", "${AWS::Region}": "us-east-1", "${AWS::AccountId}": "123456789012"}
    for name, value in {"${Suffix}": "x", **of_account}.items():
        filled = filled.replace(name, value)
    document = json.loads(filled)
    for item in document["Statement"]:
        on = item["Resource"]["Fn::Sub"] if isinstance(item["Resource"], dict) else item["Resource"]
        item["Resource"] = on if ":s3:::" in on else "*"  # moto knows the resources of S3 alone
    iam.put_user_policy(UserName="it", PolicyName="role", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName="it")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    _post(f"{address}/moto-api/reset-auth", b"0")


def test_the_function_runs_with_its_own_policy_alone(account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make_secret(account)
    _only(account, "function", PERMISSIONS, monkeypatch)
    with recorded(monkeypatch, quicksight(FakeQuickSight())):
        evening(account)


def test_without_one_action_it_stops_with_a_sentence(account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_ATTEMPTS", "1")
    fewer = tuple(each for each in PERMISSIONS if each.action != "s3:PutObject")
    _only(account, "function", fewer, monkeypatch)
    with pytest.raises(
        PizzaAssetsError, match=r"S3 denies access to .*The role or key needs s3:GetObject, s3:PutObject"
    ):
        handler({"from": DAY}, Invocation(900))


def test_planted_faults_are_found_in_any_role() -> None:
    actions = {each.action for each in of_role("operator") if each.used_by == permissions.PRODUCT}
    assert used("operator", actions) == {"missing": [], "too_many": []}
    for each in of_role("operator"):
        if each.used_by == permissions.PRODUCT:
            fewer = [other for other in PERMISSIONS if other.action != each.action]
            assert used("operator", actions, fewer)["missing"] == [each.action]
            assert used("operator", actions - {each.action})["too_many"] == [each.action]
            assert wide([replace(each, on="*")]) == ([] if "know" in each.why else [replace(each, on="*")])
