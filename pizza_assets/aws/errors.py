"""What AWS rejects, as sentences: what was asked, what it said, and what to do.

Belongs here: words for errors. Does not belong here: requests.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from pizza_assets.errors import PizzaAssetsError


class AwsError(PizzaAssetsError):
    """AWS rejected a request, or a stack failed."""


#: What a reason says, and what to do about it; the first that fits counts.
_ADVICE: tuple[tuple[str, str], ...] = (
    (
        r"UnreservedConcurrentExecution",
        (
            "The account's quota of concurrent executions is too low to reserve one: deploy with --set "
            "OneAtATime=false, or ask for a higher quota in Service Quotas"
        ),
    ),
    (
        (
            r"not authorized to perform:? (?P<action>[a-z0-9-]+:[A-Za-z*]+)"
            r"|AccessDenied|Access Denied|UnauthorizedOperation"
        ),
        "Give whoever deploys {action}, or deploy with a role that may, then deploy again",
    ),
    (
        r"already exists|AlreadyExists|AlreadyOwnedByYou|BucketAlreadyExists",
        "The name is taken: choose another --suffix, or remove what has it",
    ),
    (
        r"[Ll]imit ?[Ee]xceeded|quota|QuotaExceeded|maximum (number|limit)",
        (
            "A quota of the account is reached: remove what is not used, or ask for more in Service Quotas, then "
            "deploy again"
        ),
    ),
    (r"not empty|BucketNotEmpty", "Something still writes there: end it, then run it again"),
    (r"image .*(does not exist|not found)|ImageNotFound|Source image", "Push the image first, then deploy again"),
)


def advice(reason: str) -> str:
    """Return what to do about a reason that AWS gives."""
    for pattern, what in _ADVICE:
        if found := re.search(pattern, reason):
            return what.format(action=found.groupdict().get("action") or "the action that it names")
    return "Correct it, then run it again"


@contextmanager
def as_sentences(what: str) -> Iterator[None]:
    """Raise what boto3 raises inside as AwsError; `what` is what was done, such as 'describe the stack x'."""
    from botocore.exceptions import (  # noqa: PLC0415 for AWS alone
        BotoCoreError,
        ClientError,
        EndpointConnectionError,
        NoCredentialsError,
        NoRegionError,
        PartialCredentialsError,
        ProfileNotFound,
    )

    try:
        yield
    except (NoCredentialsError, PartialCredentialsError, ProfileNotFound) as error:
        raise AwsError(
            f"There are no credentials of AWS to {what} with ({error}). Log in ('aws sso login' or 'aws configure'), "
            "or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        ) from error
    except NoRegionError as error:
        raise AwsError(f"No region is set to {what} in. Set AWS_REGION, for example eu-west-2.") from error
    except EndpointConnectionError as error:
        raise AwsError(
            f"AWS could not be reached to {what}: {error} Is AWS_REGION a region of AWS, and is there a network?"
        ) from error
    except ClientError as error:
        raise _of_answer(what, error.response["Error"]) from error
    except BotoCoreError as error:
        raise AwsError(f"AWS could not {what}: {error}") from error


def _of_answer(what: str, answer: dict[str, str]) -> AwsError:
    code, message = answer.get("Code", ""), answer.get("Message", "")
    if code in {"InvalidClientTokenId", "UnrecognizedClientException", "ExpiredToken", "ExpiredTokenException"}:
        return AwsError(
            f"The credentials of AWS are not valid (any more) to {what} ({code}). Log in again ('aws sso login'), or "
            "correct AWS_PROFILE."
        )
    if code == "AuthFailure":
        return AwsError(f"AWS did not take the credentials to {what}. Is the region switched on for this account?")
    return AwsError(f"AWS rejects to {what} ({code}): {message.rstrip('.')}. {advice(f'{code} {message}')}.")
