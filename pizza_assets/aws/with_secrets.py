"""The entry point of the image: settings that are secrets come from Secrets Manager, then the command runs.

``python -m pizza_assets.aws.with_secrets COMMAND...``: the JSON object in the secret SETTINGS_SECRET becomes variables
of the environment, where they are not set already. Does not belong here: which settings there are.
"""

import json
import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

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


def main() -> None:
    """Fill in the environment and become the command."""
    if name := os.environ.get(NAME):
        import boto3

        try:
            fill(os.environ, read_secret(boto3.client("secretsmanager"), name))
        except AwsError as error:
            sys.exit(f"Error: {error}")
    if len(sys.argv) < 2:
        sys.exit("Error: expected a command after pizza_assets.aws.with_secrets, such as dagster-daemon run.")
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 it becomes the command that it was given


if __name__ == "__main__":
    main()
