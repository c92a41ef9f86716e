"""The command ``pizza-assets merchants``.

Belongs here: options, progress and what is printed. Does not belong here: what the command does.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from pizza_assets.errors import SettingsError
from pizza_assets.platform.redaction import safe_text
from pizza_assets.settings import Settings

if TYPE_CHECKING:
    import pyarrow

    from pizza_assets.merchants.to_warehouse import Run

#: Kept here too, so that --help is quick; a test holds them equal to those of ``questions``.
TASKS = ("all", "top-merchants", "mean-sales", "top-hours", "popular-merchants", "advice")
#: Who made what the command writes, where assets name their run.
_RUN = "command line"


@contextmanager
def step_progress(steps: int, label: str) -> Iterator[Callable[[str], None]]:
    """Give a function that hears of each step: it moves a bar on a terminal, and prints a line elsewhere."""
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=steps, label=label, file=sys.stderr, hidden=hidden) as bar:

        def on_progress(step: str) -> None:
            bar.label = f"{label} {step:<26}"
            bar.update(1)
            if hidden:
                click.echo(f"{label} {step}", err=True)

        yield on_progress


def _settings(given: dict[str, str | None]) -> Settings:
    """Return the settings with the options that were given in their place; a master asks for Spark."""
    if given["spark_master"] and not given["engine"]:
        given["engine"] = "spark"
    settings = Settings.load(**{f"merchants_{name}": value for name, value in given.items() if value})
    if settings.merchants_transactions is None:
        raise SettingsError(
            "No transactions are named: give --transactions (or MERCHANTS_TRANSACTIONS), or make some with "
            "'pizza-assets simulate merchants'."
        )
    return settings


def _check_places(task: str, settings: Settings, given: Mapping[str, str | None], *, to_warehouse: bool) -> None:
    """Raise an error for what could only fail after the work is done, or would be ignored."""
    from pizza_assets.merchants.inputs import WAREHOUSE
    from pizza_assets.merchants.spark import is_this_machine
    from pizza_assets.warehouse.connection import warehouse

    if settings.merchants_transactions != WAREHOUSE and (given["currency"] or given["data_source"]):
        raise SettingsError(
            "--currency and --data-source choose among the warehouse's sales: --transactions warehouse."
        )
    is_cluster = settings.merchants_engine == "spark" and not is_this_machine(settings.merchants_spark_master)
    if settings.merchants_transactions == WAREHOUSE and is_cluster:
        raise SettingsError(
            f"The workers of {settings.merchants_spark_master} cannot read what is exported from the warehouse to this "
            "machine. Take --engine duckdb, or let Dagster copy it into the lake (MERCHANTS_TRANSACTIONS=warehouse)."
        )
    if to_warehouse:
        if task != "all":
            raise SettingsError(f"--to-warehouse publishes all answers of one run: take the task all, not {task}.")
        with warehouse(settings):
            pass


@click.command()
@click.argument("task", type=click.Choice(TASKS))
@click.option(
    "--transactions",
    help="Parquet file, folder or glob; an address such as s3://... with Spark; or 'warehouse': what it sold.",
)
@click.option("--merchants", "file", help="CSV of merchants; without it the warehouse's stores, or ids alone.")
@click.option("--currency", help="Of a warehouse with sales in several, this one.")
@click.option("--data-source", type=click.Choice(["real", "mock"]), help="Of a warehouse with both, this one.")
@click.option("--engine", type=click.Choice(["duckdb", "spark"]), help="Where it runs.  [default: duckdb]")
@click.option("--master", "spark_master", help="Spark's master: local[*], spark://host:7077 ...")
@click.option("--memory-limit", help="Memory of DuckDB.  [default: 4GB]")
@click.option("--declined-are-sales", is_flag=True, help="Count declined attempts as sales.")
@click.option("--midnight-is-unknown", is_flag=True, help="Leave attempts at exactly 00:00:00 out of the hours.")
@click.option("--output", default="merchant-answers", show_default=True, help="A folder, or s3://bucket[/prefix].")
@click.option("--to-warehouse", is_flag=True, help="Put all answers into the warehouse's schema 'merchants', too.")
def merchants(
    task: str,
    output: str,
    *,
    declined_are_sales: bool,
    midnight_is_unknown: bool,
    to_warehouse: bool,
    **given: str | None,
) -> None:
    """Answer questions about card transactions: one TASK, or all of them with a report.

    Answers are Parquet and CSV, with the engine's plan beside them. Where an option is not given, the setting
    MERCHANTS_... holds.
    """
    from pizza_assets.lake import lake_of
    from pizza_assets.merchants import outputs
    from pizza_assets.merchants.analysis import Study, limits
    from pizza_assets.merchants.engines import open_engine
    from pizza_assets.merchants.inputs import open_inputs
    from pizza_assets.merchants.questions import Rules, answer_names
    from pizza_assets.merchants.report import Findings
    from pizza_assets.merchants.to_warehouse import Run

    settings = _settings(given)
    _check_places(task, settings, given, to_warehouse=to_warehouse)
    store = lake_of(settings, output)
    rules = Rules(declined_are_sales=declined_are_sales, midnight_is_unknown=midnight_is_unknown)
    names, answers = answer_names(task), {}
    with step_progress(len(names) + 3, "merchants:") as on_progress, ExitStack() as opened:
        on_progress("opening transactions")
        inputs = opened.enter_context(open_inputs(settings))
        on_progress(f"starting {settings.merchants_engine}")
        engine = opened.enter_context(open_engine(settings))
        study = Study(engine, inputs.read(engine), inputs.merchants, limits(settings))
        on_progress("quality")
        quality = study.examine()
        facts = {"data-source": quality.data_source, "run-id": _RUN}
        outputs.write_quality(store, "", quality, facts)
        for answer in study.ask(names, rules, quality.data_source, on_progress):
            answers[answer.name] = answer.table
            outputs.write_answer(store, "", answer, engine.name, facts)
    if task == "all":
        findings = Findings(answers, quality, rules, settings.merchants_engine, inputs.currency)
        page = outputs.write_report(store, "", findings, facts)
        click.echo(safe_text(f"{quality.data_source.upper()} DATA. {findings.headline}"))
        click.echo(f"Report: {store.uri(page)}")
    for name, table in answers.items():
        click.echo(f"{name}: {table.num_rows:,} rows in {store.uri(name + '.parquet')}")
    if to_warehouse:
        _publish(settings, answers, Run(_RUN, _RUN, settings.merchants_engine, inputs.currency, quality, rules))


def _publish(settings: Settings, answers: Mapping[str, "pyarrow.Table"], run: "Run") -> None:
    from pizza_assets.merchants.to_warehouse import SCHEMA, publish
    from pizza_assets.warehouse.connection import warehouse

    with warehouse(settings) as connection:
        rows = publish(connection, answers, run)
    click.echo(f"Warehouse: {sum(rows.values()):,} rows in the {len(rows)} tables of answers of schema '{SCHEMA}'")
