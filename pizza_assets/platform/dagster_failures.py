"""Our errors as the UI shows them: the sentence first, before any stack trace.

Belongs here: how an error leaves an asset. Does not belong here: what it says (``errors``), who is told (``alerts``).
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

import dagster as dg

from pizza_assets.errors import PizzaAssetsError
from pizza_assets.platform.redaction import redacted_errors

#: A run that somebody waits for: a failure is told at once, and not tried again minutes later.
AT_ONCE_TAG = "pizza_assets/at_once"

Given = ParamSpec("Given")
Made = TypeVar("Made")


def without_secrets_in_errors(function: Callable[Given, Made]) -> Callable[Given, Made]:
    """Return a function that Dagster calls, whose errors hold no secret: Dagster stores each with all its causes."""
    if inspect.isgeneratorfunction(function):

        @wraps(function)
        def generate(*args: Given.args, **kwargs: Given.kwargs) -> Iterator[Any]:
            with redacted_errors():
                yield from function(*args, **kwargs)

        return cast("Callable[Given, Made]", generate)

    @wraps(function)
    def call(*args: Given.args, **kwargs: Given.kwargs) -> Made:
        with redacted_errors():
            return function(*args, **kwargs)

    return call


def may_retry(context: dg.AssetExecutionContext) -> bool:
    """Tell whether the asset's retry policy has tries left, in a run that may be tried again."""
    policy = context.op_execution_context.op_def.retry_policy
    is_left = policy is not None and context.op_execution_context.retry_number < policy.max_retries
    return is_left and AT_ONCE_TAG not in context.run.tags


@contextmanager
def as_failure(*, may_retry: bool = False) -> Iterator[None]:
    """Raise an error of ours as Dagster's Failure.

    Dagster puts any other error below two screens of its own stack, and one that was retried to the end below
    'Exceeded max_retries'; a run's page opens at the first line of that.

    Parameters
    ----------
    may_retry
        Whether the asset's policy has tries left.

    Raises
    ------
    Failure
        With the error's sentence. It is tried again where `may_retry` says so and the error is not final.
    """
    try:
        with redacted_errors():
            yield
    except PizzaAssetsError as error:
        raise dg.Failure(str(error), allow_retries=may_retry and not error.final) from error
