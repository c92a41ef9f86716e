"""Our errors as the UI shows them: the sentence first, before any stack trace.

Belongs here: how an error leaves an asset. Does not belong here: what it says (``errors``), who is told (``alerts``).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from pizza_assets.errors import PizzaAssetsError
from pizza_assets.redaction import redacted_errors


def may_retry(context: dg.AssetExecutionContext) -> bool:
    """Tell whether the asset's retry policy has tries left."""
    policy = context.op_execution_context.op_def.retry_policy
    return policy is not None and context.op_execution_context.retry_number < policy.max_retries


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
