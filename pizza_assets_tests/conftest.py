"""Fixtures that tests of several slices share."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from moto import mock_aws
from moto.server import ThreadedMotoServer

from pizza_assets.lake import open_lake
from pizza_assets.lake.store import Store
from pizza_assets.platform import redaction
from pizza_assets.settings import Settings
from pizza_assets_tests.operations.alerts.receivers import MailServer, SlackServer, serving

# Machines differ in speed, and no test is about time; the examples are the same in every run.
hypothesis_settings.register_profile(
    "pizza", deadline=None, max_examples=100, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
# `pytest --hypothesis-profile=many` asks five times as much.
hypothesis_settings.register_profile("many", hypothesis_settings.get_profile("pizza"), max_examples=500)
# Mutation testing runs a test some hundred times.
hypothesis_settings.register_profile("few", hypothesis_settings.get_profile("pizza"), max_examples=15)
hypothesis_settings.load_profile("pizza")

pytest_plugins = [
    "pizza_assets_tests.postgres",
    "pizza_assets_tests.platform.instance",
    "pizza_assets_tests.platform.api_fixture",
]

BUCKET = "pizza-lake"
#: Reads the description of S3 once for all tests: every new session reads it again, and moto makes one a test.
AWS = boto3.Session("testing", "testing", region_name="us-east-1")
_FAKE_AWS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting, key or .env of the machine reaches a test; each test works in a folder of its own."""
    names = {name.upper() for name in Settings.model_fields}
    for name in os.environ:
        if name in names or name.startswith(("AWS_", "DAGSTER_", "PIZZA_")):
            monkeypatch.delenv(name)
    for name, value in _FAKE_AWS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is secret in one test is a word like any other in the next."""
    monkeypatch.setattr(redaction, "_known", {})


@pytest.fixture
def bucket() -> Iterator[Any]:
    """A boto3 client with an empty bucket, in this process."""
    with mock_aws():
        client = AWS.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 server on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty lake: once in a folder, once in a bucket below a prefix."""
    if request.param == "folder":
        return open_lake(str(tmp_path / "lake"))
    return open_lake(f"s3://{BUCKET}/some/prefix", request.getfixturevalue("bucket"))


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    """A Slack webhook on loopback."""
    with serving(SlackServer()) as server:
        yield server


@pytest.fixture
def mail() -> Iterator[MailServer]:
    """A mail server on loopback."""
    with serving(MailServer()) as server:
        yield server
