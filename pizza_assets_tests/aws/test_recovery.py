"""Recovery, played against moto's server: the function is lost, the bucket is emptied, the region is gone."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pandas.testing import assert_frame_equal

from pizza_assets.lake import layout, open_lake
from pizza_assets.lake.tables import DailyTable, Day
from pizza_assets.lake.verify import verify
from pizza_assets_tests.aws.moto_types import client
from pizza_assets_tests.aws.test_commands import BUCKET, FUNCTION, IMAGE, SUFFIX, allow_requests, aws, deploy, run
from pizza_assets_tests.frames import match_row, matches_frame

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


def contents(bucket: str = BUCKET) -> dict[str, bytes]:
    s3 = client("s3")
    found: Any = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {item["Key"]: s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in found}


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


def sync(source: str, target: str) -> None:
    """Copy all objects with their metadata, as replication and `aws s3 sync` do."""
    s3 = client("s3")
    for key in contents(source):
        s3.copy_object(Bucket=target, Key=key, CopySource={"Bucket": source, "Key": key})


def test_a_lost_region_is_made_again_elsewhere_from_the_replica(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy("--stack", "storage")
    allow_requests()
    day = date(2025, 9, 6)
    matches = matches_frame([match_row("1", datetime(2025, 9, 6, 14, tzinfo=UTC))])
    DailyTable(open_lake(f"s3://{BUCKET}", client("s3")), layout.RAW_MATCHES).put(day, Day(matches, "real"), "run")
    client("s3").create_bucket(Bucket="replica")
    sync(BUCKET, "replica")
    before = contents()
    for key in before:
        client("s3").delete_object(Bucket=BUCKET, Key=key)

    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    suffix, bucket = "test-2", "pizza-game-analytics-test-2"
    run("deploy", "--suffix", suffix, "--image", IMAGE, "--email", "a@example.com", "--yes", "--stack", "storage")
    client("s3").delete_bucket_policy(Bucket=bucket)
    sync("replica", bucket)
    store = open_lake(f"s3://{bucket}", client("s3"))
    assert contents(bucket) == before
    assert verify(store).problems == []
    table = DailyTable(store, layout.RAW_MATCHES)
    assert table.stored[day].source == "real"
    assert_frame_equal(table[day], matches)


@pytest.mark.parametrize("command", ["status", "undelete", "teardown"])
def test_where_nothing_was_deployed_commands_say_so(aws: str, command: str) -> None:
    shown = run(command, "--suffix", SUFFIX, *([] if command == "status" else ["--yes"]))
    assert {"status": "not deployed", "undelete": "0 objects", "teardown": "Nothing is left."}[command] in shown
