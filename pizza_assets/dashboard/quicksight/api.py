"""QuickSight through boto3: every request checked before it is sent, every rejection as a sentence.

Belongs here: sending, retrying what may pass, explaining rejections. Does not belong here: what is asked.
"""

import re
from collections.abc import Mapping
from typing import Any

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from pizza_assets.dashboard.quicksight import model_check
from pizza_assets.dashboard.quicksight.data_sources import Request
from pizza_assets.dashboard.quicksight.deploy import QuickSightError
from pizza_assets.settings import Settings

#: Rejections that pass by themselves. LimitExceededException does not: it is the budget of refreshes.
_PASSING = frozenset({"ThrottlingException", "InternalFailureException", "ConflictException"})
_WHAT_TO_DO = {
    "AccessDeniedException": "give the role or user quicksight:{operation} on it",
    "UnsupportedUserEditionException": "this needs QuickSight Enterprise",
    "LimitExceededException": "a limit of the account is reached; refreshes are counted over 24 hours",
    "ResourceNotFoundException": "it is not there: run 'pizza-assets quicksight deploy'",
    "ThrottlingException": "QuickSight asks to slow down; run it again in a minute",
}


class BotoApi:
    """QuickSight through a boto3 client.

    The client must not retry by itself: botocore takes LimitExceededException for throttling, and each retry
    of it would be one more rejected refresh.
    """

    def __init__(self, client: Any, attempts: int = 5, wait: float = 1.0) -> None:  # noqa: ANN401 boto3 makes client classes at run time
        self._client = client
        self._retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, QuickSightError) and error.code in _PASSING),
            stop=stop_after_attempt(attempts),
            wait=wait_exponential(multiplier=wait, max=20 * wait),
            reraise=True,
        )

    def call(self, operation: str, request: Request) -> Mapping[str, Any]:
        """Check a request, send it and return the answer.

        Raises
        ------
        QuickSightError
            With QuickSight's own words, and what to do about them.
        """
        model_check.check(operation, request)
        answer: Mapping[str, Any] = self._retrying(self._send, operation, request)
        return answer

    def _send(self, operation: str, request: Request) -> Mapping[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 for QuickSight alone

        method = getattr(self._client, re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower())
        try:
            answer: Mapping[str, Any] = method(**request)
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            raise QuickSightError(code, _sentence(operation, request, code, message)) from error
        except BotoCoreError as error:
            raise QuickSightError(
                type(error).__name__, f"QuickSight could not be reached for {operation}: {error}"
            ) from error
        return answer


def _sentence(operation: str, request: Request, code: str, message: str) -> str:
    what = next((str(request[name]) for name in ("DashboardId", "DataSetId", "DataSourceId") if name in request), "")
    todo = _WHAT_TO_DO.get(code, "correct it and run it again").format(operation=operation)
    return f"QuickSight rejected {operation} of {what} ({code}: {message}): {todo}."


def quicksight_api(settings: Settings) -> BotoApi:
    """Return QuickSight as the settings name it."""
    import boto3
    from botocore.config import Config  # noqa: PLC0415 for QuickSight alone

    session = boto3.Session(profile_name=settings.aws_profile, region_name=settings.aws_region)
    return BotoApi(session.client("quicksight", config=Config(retries={"total_max_attempts": 1})))
