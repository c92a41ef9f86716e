"""The Lambda function: the job that the schedule runs, in this process, on an instance that ends with it.

Belongs here: from an event to runs, and back. Does not belong here: what an event may be (``events``), settings that
are secrets (``with_secrets`` puts them into the environment first).
"""

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

from pizza_assets.aws.events import Asked, asked, next_block
from pizza_assets.dashboard.quicksight.assets import REFRESH_JOB
from pizza_assets.errors import PizzaAssetsError
from pizza_assets.platform import logs
from pizza_assets.platform.dagster_in_process import ephemeral_instance
from pizza_assets.platform.dagster_runs import plan_days, run, run_once
from pizza_assets.platform.printable import counted
from pizza_assets.settings import Settings

_LOGGER = logging.getLogger("pizza_assets.aws")


class Context(Protocol):
    """What Lambda says of an invocation, as far as we read it."""

    aws_request_id: str
    function_name: str

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends the function."""


def handler(event: object, context: Context) -> dict[str, Any]:
    """Run the days that an event asks for, and say what was done.

    Returns
    -------
    dict
        ``status``: "done", or "stopped" when the time did not suffice; ``days``: those that were made; ``left``: the
        event that asks for the others, or null; ``message``: a sentence.

    Raises
    ------
    PizzaAssetsError
        When the event is of the wrong shape or a run failed. Lambda then tries again, twice.
    """
    logs.configure(logging.INFO)
    with logs.bound(request_id=context.aws_request_id):
        try:
            return _handle(event, context)
        except PizzaAssetsError as error:
            _LOGGER.error("%s", error)
            raise


def _handle(
    event: object,
    context: Context,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> dict[str, Any]:
    settings = Settings.load(range_processes=1)  # Lambda has no shared memory, which other processes need
    wanted = asked(event, now(), settings.pizza_start_date)
    _LOGGER.info("Asked for %s to %s (%s).", wanted.first, wanted.last, wanted.select)
    done: list[str] = []
    left: Asked | None = wanted
    slowest: float | None = None
    while left is not None:
        count = next_block(left.days, context.get_remaining_time_in_millis() / 1000, slowest)
        if count == 0:
            return _stopped(context, left, done)
        last = left.first + timedelta(days=count - 1)
        started = time.monotonic()
        _run(settings, left.first, last, left.select)
        slowest = max(slowest or 0.0, (time.monotonic() - started) / count)
        done += [str(left.first + timedelta(days=n)) for n in range(count)]
        _LOGGER.info("Made %s to %s in %.1f s a day.", left.first, last, slowest)
        left = left.after(last)
    if settings.quicksight_account_id:
        run_once(settings, REFRESH_JOB, opened=ephemeral_instance, level="INFO")
    return {"status": "done", "days": done, "left": None, "message": f"Made {counted(len(done), 'day')}."}


def _run(settings: Settings, first: date, last: date, select: str) -> None:
    plan = plan_days(settings, first, last, select)
    run(plan, opened=ephemeral_instance, level="INFO")


def _stopped(context: Context, left: Asked, done: list[str]) -> dict[str, Any]:
    event = left.as_event()
    message = (
        f"Made {counted(len(done), 'day')}. The time of the function does not suffice for {left.first} to "
        f"{left.last}. Go on with: aws lambda invoke --function-name {context.function_name} --invocation-type Event "
        f"--cli-binary-format raw-in-base64-out --payload '{json.dumps(event)}' /dev/stdout"
    )
    _LOGGER.warning("%s", message)
    return {"status": "stopped", "days": done, "left": event, "message": message}
