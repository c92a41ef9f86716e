"""What runs on Spark's driver: ``python -m pizza_assets.merchants.spark_job``, started through Dagster Pipes.

Belongs here: reading what it is told to do, and reporting progress, results and the error as one sentence. Does
not belong here: Dagster itself; dagster_pipes is its protocol for processes outside it. Settings come from the
environment. Without Dagster it runs too, and reports to nobody.
"""

import argparse
import logging
from collections.abc import Sequence
from typing import Any

from pizza_assets.errors import PizzaAssetsError
from pizza_assets.lake import lake_of, s3_client
from pizza_assets.merchants.analysis import limits
from pizza_assets.merchants.contract import ANSWERS
from pizza_assets.merchants.lake_answers import answer
from pizza_assets.merchants.spark import SparkEngine
from pizza_assets.settings import Settings

#: The name under which a failure's sentence is reported.
ERROR = "error"


def arguments(names: Sequence[str], master: str | None) -> list[str]:
    """Return the arguments with which `main` answers these names."""
    return ["--answers", ",".join(names), *(["--master", master] if master else [])]


def _pipes(settings: Settings) -> Any:  # noqa: ANN401 PipesContext, or its stand-in without Dagster
    """Open Pipes; where messages are to go to a bucket, Dagster has named it in the environment."""
    from dagster_pipes import PipesEnvVarParamsLoader, PipesS3MessageWriter, open_dagster_pipes  # noqa: PLC0415 only here

    params = PipesEnvVarParamsLoader()  # type: ignore[no-untyped-call] # as dagster_pipes has it
    writer = None
    if params.is_dagster_pipes_process() and "bucket" in params.load_messages_params():
        writer = PipesS3MessageWriter(s3_client(settings))
    return open_dagster_pipes(params_loader=params, message_writer=writer)


def main(given: Sequence[str] | None = None) -> None:
    """Answer questions about the lake's transactions on Spark. Raises PizzaAssetsError when that fails."""
    parser = argparse.ArgumentParser(prog="spark_job", description=__doc__)
    parser.add_argument("--answers", default=",".join(ANSWERS), help="names of answers, separated by commas")
    parser.add_argument("--master", help="Spark's master; without it, whoever started this process has set it")
    options = parser.parse_args(given)
    settings = Settings.load()
    with _pipes(settings) as pipes:
        try:
            _answer(pipes, settings, options.answers.split(","), options.master)
        except PizzaAssetsError as error:
            pipes.report_custom_message({ERROR: str(error)})
            raise


def _answer(pipes: Any, settings: Settings, names: Sequence[str], master: str | None) -> None:  # noqa: ANN401 as above
    store = lake_of(settings)
    pipes.log.info(f"starting Spark on {master or 'the given master'}")
    with SparkEngine(master) as engine:
        done = answer(engine, store, names, limits(settings), str(pipes.run_id), pipes.log.info)
        for stored in done:
            facts = {name.replace("-", "_"): value for name, value in stored.facts.items()}
            pipes.report_asset_materialization(
                asset_key=stored.answer.name,
                metadata={**facts, "path": {"raw_value": stored.address, "type": "path"}},
            )


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    main()
