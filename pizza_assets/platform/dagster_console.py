"""The console logger of runs: plain on a terminal, JSON lines elsewhere.

Belongs here: handing Dagster our lines. Does not belong here: how they look (``logs.py``). Dagster uses it for runs
whose configuration names ``console``; deploy/dagster-production.yaml gives the same lines to all runs.
"""

import logging
import sys

import dagster as dg

from pizza_assets.platform import logs


def console_logger() -> dg.LoggerDefinition:
    """Return the logger; its configuration has one field, ``log_level``."""

    @dg.logger(
        {"log_level": dg.Field(str, default_value="INFO", is_required=False)},
        description="Plain lines on a terminal, JSON lines elsewhere; each names its run, asset and day.",
    )
    def console(context: dg.InitLoggerContext) -> logging.Logger:
        made = logging.Logger("dagster", context.logger_config["log_level"])
        made.addHandler(logs.handler(sys.stderr))
        return made

    return console
