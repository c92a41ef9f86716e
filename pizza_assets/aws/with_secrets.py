"""The entry point of the image: settings that are secrets come from Secrets Manager, then the command runs.

``python -m pizza_assets.aws.with_secrets COMMAND...``: the JSON object in the secret SETTINGS_SECRET becomes variables
of the environment, where they are not set already; and where DATABASE_CERTIFICATES is set, WAREHOUSE_URL becomes the
address of Dagster's database, which the warehouse shares in schemas of its own. Does not belong here: which settings
there are.
"""

import json
import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any
from urllib.parse import quote

from pizza_assets.aws.errors import AwsError, as_sentences

NAME = "SETTINGS_SECRET"


def read_secret(client: Any, name: str) -> Mapping[str, str]:  # noqa: ANN401 boto3 makes client classes at run time
    """Return the settings in a secret.

    Raises
    ------
    AwsError
        When it cannot be read, or is no JSON object of texts; its value is not repeated.
    """
    with as_sentences(f"read the secret {name}"):
        value = client.get_secret_value(SecretId=name)["SecretString"]
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise AwsError(
            f"The secret {name} holds something else than expected: a JSON object of texts, such as "
            '{"FOOTBALL_API_KEY": "..."}. Correct it: aws secretsmanager put-secret-value.'
        )
    return found


def fill(environment: MutableMapping[str, str], secret: Mapping[str, str]) -> None:
    """Add the settings of a secret to an environment; what is set there stays."""
    for name, value in secret.items():
        environment.setdefault(name.upper(), value)


def warehouse_address(environment: Mapping[str, str]) -> str | None:
    """Return the address of Dagster's database for the warehouse; None where it is not to be used, or set already."""
    certificates = environment.get("DATABASE_CERTIFICATES")
    if not certificates or environment.get("WAREHOUSE_URL"):
        return None
    user, password = (quote(environment[f"DAGSTER_PG_{name}"], safe="") for name in ("USERNAME", "PASSWORD"))
    where = f"{environment['DAGSTER_PG_HOST']}/{environment['DAGSTER_PG_DB']}"
    return f"postgresql://{user}:{password}@{where}?sslmode=verify-full&sslrootcert={quote(certificates, safe='')}"


def main() -> None:
    """Fill in the environment and become the command."""
    if name := os.environ.get(NAME):
        import boto3

        try:
            fill(os.environ, read_secret(boto3.client("secretsmanager"), name))
        except AwsError as error:
            sys.exit(f"Error: {error}")
    if address := warehouse_address(os.environ):
        os.environ["WAREHOUSE_URL"] = address
    if len(sys.argv) < 2:
        sys.exit("Error: expected a command after pizza_assets.aws.with_secrets, such as dagster-daemon run.")
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 it becomes the command that it was given


if __name__ == "__main__":
    main()
