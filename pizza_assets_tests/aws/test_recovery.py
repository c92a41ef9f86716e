"""Recovery, played against moto's server: the function is lost, the bucket is emptied."""

from typing import Any

import pytest

from pizza_assets_tests.aws.moto_types import client
from pizza_assets_tests.aws.test_commands import BUCKET, FUNCTION, SUFFIX, allow_requests, aws, deploy, run

__all__ = ["aws"]


def test_a_function_that_is_lost_is_there_again(aws: str) -> None:
    deploy()
    client("cloudformation").delete_stack(StackName=f"pizza-game-serverless-{SUFFIX}")
    assert client("lambda").list_functions()["Functions"] == []
    assert "serverless   not deployed" in run("status", "--suffix", SUFFIX)
    shown = deploy()
    assert "is new" in shown
    assert client("lambda").get_function(FunctionName=FUNCTION)["Configuration"]["FunctionName"] == FUNCTION
    assert client("s3").head_bucket(Bucket=BUCKET)["ResponseMetadata"]["HTTPStatusCode"] == 200, "data stays"


def contents() -> dict[str, bytes]:
    s3 = client("s3")
    found: Any = s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {item["Key"]: s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read() for item in found}


def test_a_bucket_that_was_emptied_has_its_objects_again(aws: str) -> None:
    deploy("--stack", "storage")
    allow_requests()
    s3 = client("s3")
    for body in (b"old", b"new"):
        s3.put_object(Bucket=BUCKET, Key="raw/a", Body=body)
    s3.put_object(Bucket=BUCKET, Key="raw/b", Body=b"b")
    before = contents()
    for key in before:
        s3.delete_object(Bucket=BUCKET, Key=key)
    assert contents() == {}
    assert "Nothing was changed." in run("undelete", "--suffix", SUFFIX, "--dry-run")
    assert contents() == {}
    assert "2 objects are there again" in run("undelete", "--suffix", SUFFIX, "--yes")
    assert contents() == before
    assert "0 objects are there again" in run("undelete", "--suffix", SUFFIX, "--yes")


def test_nothing_comes_back_without_a_yes(aws: str) -> None:
    deploy("--stack", "storage")
    allow_requests()
    client("s3").put_object(Bucket=BUCKET, Key="raw/a", Body=b"1")
    client("s3").delete_object(Bucket=BUCKET, Key="raw/a")
    run("undelete", "--suffix", SUFFIX, answer="n\n", code=1)
    assert contents() == {}


@pytest.mark.parametrize("command", ["status", "undelete", "teardown"])
def test_where_nothing_was_deployed_commands_say_so(aws: str, command: str) -> None:
    shown = run(command, "--suffix", SUFFIX, *([] if command == "status" else ["--yes"]))
    assert {"status": "not deployed", "undelete": "0 objects", "teardown": "Nothing is left."}[command] in shown
