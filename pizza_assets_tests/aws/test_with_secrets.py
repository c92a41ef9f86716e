"""The entry point of the image: settings that are secrets become the environment of the command."""

import os
import subprocess
import sys
from typing import Any

import pytest
from moto import mock_aws
from psycopg.conninfo import conninfo_to_dict

from pizza_assets.aws.errors import AwsError
from pizza_assets.aws.with_secrets import fill, read_secret, warehouse_address
from pizza_assets.warehouse.connection import secure_address
from pizza_assets_tests.conftest import AWS

NAME = "pizza-game/x/settings"


@pytest.fixture
def secrets() -> Any:
    with mock_aws():
        yield AWS.client("secretsmanager")


def test_settings_come_from_the_secret_and_the_environment_wins(secrets: Any) -> None:
    secrets.create_secret(Name=NAME, SecretString='{"FOOTBALL_API_KEY": "k1", "dominos_api_key": "k2"}')
    environment = {"FOOTBALL_API_KEY": "mine"}
    fill(environment, read_secret(secrets, NAME))
    assert environment == {"FOOTBALL_API_KEY": "mine", "DOMINOS_API_KEY": "k2"}


@pytest.mark.parametrize("value", ["not json s3cret", '["s3cret"]', '{"A": {"b": "s3cret"}}'])
def test_a_secret_of_another_form_is_one_sentence_without_its_value(secrets: Any, value: str) -> None:
    secrets.create_secret(Name=NAME, SecretString=value)
    with pytest.raises(AwsError, match="expected: a JSON object of texts") as error:
        read_secret(secrets, NAME)
    assert "s3cret" not in str(error.value)


def test_a_secret_that_is_not_there_is_one_sentence(secrets: Any) -> None:
    with pytest.raises(AwsError, match=r"AWS rejects to read the secret pizza-game/x/settings \(ResourceNotFound"):
        read_secret(secrets, NAME)


def test_the_warehouse_shares_dagsters_database_over_tls() -> None:
    given = {
        "DATABASE_CERTIFICATES": "/opt/dagster/rds.pem",
        "DAGSTER_PG_HOST": "db.example.com",
        "DAGSTER_PG_DB": "pizza",
        "DAGSTER_PG_USERNAME": "dagster",
        "DAGSTER_PG_PASSWORD": "p@ss/w:rd?",
    }
    address = warehouse_address(given)
    assert address is not None
    parts = conninfo_to_dict(secure_address(address))
    assert (parts["host"], parts["dbname"], parts["password"]) == ("db.example.com", "pizza", "p@ss/w:rd?")
    assert (parts["sslmode"], parts["sslrootcert"]) == ("verify-full", "/opt/dagster/rds.pem")
    assert warehouse_address({**given, "WAREHOUSE_URL": "mine"}) is None
    assert warehouse_address({**given, "DATABASE_CERTIFICATES": ""}) is None


def test_the_command_runs_in_its_place(s3_server: str) -> None:
    client = AWS.client("secretsmanager", endpoint_url=s3_server)
    client.create_secret(Name=NAME, SecretString='{"FOOTBALL_API_KEY": "k1"}')
    code = "import os; print(os.environ['FOOTBALL_API_KEY'])"
    command = [sys.executable, "-m", "pizza_assets.aws.with_secrets", sys.executable, "-c", code]
    environment = {**os.environ, "SETTINGS_SECRET": NAME, "AWS_ENDPOINT_URL": s3_server}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout) == (0, "k1\n"), done.stderr
    broken = subprocess.run(
        command, capture_output=True, text=True, env={**environment, "SETTINGS_SECRET": "none"}, check=False
    )
    assert broken.returncode == 1
    assert broken.stderr.startswith("Error: AWS rejects to read the secret none")
    assert broken.stderr.count("\n") == 1
