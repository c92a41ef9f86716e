"""The command line: ``pizza-assets``.

Belongs here: commands, progress bars, and errors as one sentence. Does not belong here: what a command
does. Modules that cost seconds to import are imported by the commands that need them.
"""

import shutil
import sys
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from platform import python_version
from typing import Any

import click

from pizza_assets.cli.aws import aws
from pizza_assets.cli.dashboard import dashboard, page_of, quicksight
from pizza_assets.cli.delta import delta
from pizza_assets.cli.dev import dev
from pizza_assets.cli.export import export
from pizza_assets.cli.forecast import forecast
from pizza_assets.cli.lake import athena, lake, restore
from pizza_assets.cli.matches import matches
from pizza_assets.cli.merchants import merchants
from pizza_assets.cli.options import DAY, Main, span
from pizza_assets.cli.orders import PROFILE, inspected, orders, reading_options, reading_progress
from pizza_assets.cli.progress import day_progress
from pizza_assets.cli.quarantine import quarantine
from pizza_assets.cli.roll_up import roll_up
from pizza_assets.cli.serve import serve
from pizza_assets.cli.simulate import simulate
from pizza_assets.cli.warehouse import warehouse
from pizza_assets.errors import PizzaAssetsError, SettingsError, WarehouseError
from pizza_assets.platform import logs
from pizza_assets.platform.printable import counted
from pizza_assets.platform.redaction import safe_text
from pizza_assets.settings import Settings, misspelt

#: Exit code of a run after which some real days are as they were, because their source did not answer.
NOT_REFRESHED = 3


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    """Print the versions of this package, of Python and of Dagster, and end."""
    if value:
        names = {"pizza-assets": version("pizza_assets"), "Python": python_version(), "Dagster": version("dagster")}
        click.echo(", ".join(f"{name} {found}" for name, found in names.items()))
        ctx.exit()


@click.group(cls=Main, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show versions.")
@click.option("--debug", is_flag=True, help="Show Dagster's log and tracebacks.")
@click.pass_context
def main(ctx: click.Context, *, debug: bool) -> None:
    """Does football sell pizza? Settings come from the environment and .env (see .env.example)."""
    ctx.obj = debug
    logs.configure()
    for line in misspelt():
        click.secho(f"Warning: {safe_text(line)}", fg="yellow", err=True)


main.add_command(aws)
main.add_command(dashboard)
main.add_command(delta)
main.add_command(dev)
main.add_command(quicksight)
main.add_command(export)
main.add_command(quarantine)
main.add_command(athena)
main.add_command(forecast)
main.add_command(lake)
main.add_command(matches)
main.add_command(orders)
main.add_command(restore)
main.add_command(serve)
main.add_command(simulate)
main.add_command(warehouse)
main.add_command(merchants)
main.add_command(roll_up)


def _materialize(
    settings: Settings, first: date, last: date, select: str, *, job: str | None = None, debug: bool
) -> bool:
    """Run days, and tell whether each was refreshed: some may have been kept."""
    from pizza_assets.definitions import MATCH_DAY_JOB
    from pizza_assets.platform.dagster_runs import plan_days, run

    plan = plan_days(settings, first, last, select, job=job or MATCH_DAY_JOB)
    with day_progress((last - first).days + 1) as kept:
        run(plan, verbose=debug)
    return not kept


def _store(settings: Settings, *, writes: bool = False) -> Any:  # noqa: ANN401 a Store; named in lake, which costs a second to import
    from pizza_assets.lake import lake_to_read, lake_to_write

    return lake_to_write(settings) if writes else lake_to_read(settings)


@main.command()
@click.option("--from", "first", **DAY, required=True, help="First day (UTC).")
@click.option("--to", "last", **DAY, help="Last day; yesterday by default.")
@click.option("--select", default="*", show_default=True, help="Assets, as in Dagster: order_volume+, group:raw ...")
@click.option("--retail", is_flag=True, help="The retailers' days instead: their sales, loaded into the warehouse.")
@click.pass_context
def backfill(ctx: click.Context, first: datetime, last: datetime | None, select: str, *, retail: bool) -> None:
    """Collect, merge, analyse and publish a range of days. Days that are there are replaced.

    Mock never replaces real: a real day whose source does not answer is kept, and the command ends with exit code 3.
    """
    settings = Settings.load()
    today = datetime.now(UTC).date()
    since, until = span(first, last, default=(date.min, today - timedelta(days=1)))
    _store(settings, writes=True)
    if until == today:
        click.secho(
            f"Warning: {today} (UTC) has not ended: its later orders are missing. Run it again tomorrow.",
            fg="yellow",
            err=True,
        )
    from pizza_assets.retail.schedules import RETAIL_JOB

    job = RETAIL_JOB if retail else None
    is_refreshed = _materialize(settings, since, until, select, job=job, debug=ctx.obj)
    _print_status(settings)
    ctx.exit(0 if is_refreshed else NOT_REFRESHED)


@main.command()
@click.option("--days", default=300, show_default=True, type=click.IntRange(1, 366), help="Length of the season.")
@click.pass_obj
def demo(debug: bool, days: int) -> None:
    """Make a mock season that ends yesterday, run everything on it, and say what was planted and what was found.

    A second run makes what is missing by then.
    """
    from pizza_assets.cli import demo as season

    logs.keep_out("pizza_assets.sources")  # that everything is mock is no warning here
    now = datetime.now(UTC)
    first, last = season.span(days, now)
    settings = season.settings(first)
    store = _store(settings, writes=True)
    season.check_no_real_days(store, first, last)
    missing = season.to_make(store, settings, first, last, now)
    season.mark(store)
    if missing:
        to_make = counted((last - missing[0]).days + 1, "day")
        click.echo(f"Making {to_make} of mock orders and matches in {settings.pizza_lake} ...")
        _materialize(settings, *missing, f"{_OF_A_DAY} or correlation_results", debug=debug)
        ahead = max(missing[0], last - timedelta(days=season.FORECAST_DAYS - 1)), last
        _materialize(settings, *ahead, "fixtures_ahead or order_forecast", debug=debug)
    else:
        click.echo(season.already(store, first, last))
    sold, line = _sell(settings, store, season.sales_span(settings, first, last), debug=debug)
    due = season.to_show(store, first, last) or ((last, last) if missing or sold else None)
    if due:
        from pizza_assets.platform.dagster_checks import FRESHNESS_JOB
        from pizza_assets.platform.dagster_runs import run_once

        _materialize(settings, *due, "dashboard_data", debug=debug)
        _materialize(settings, last, last, "insights_report or dashboard_page", debug=debug)
        run_once(settings, FRESHNESS_JOB, verbose=debug)
    for text in (line, *season.findings(store, settings)):
        click.echo(safe_text(text))


def _sell(settings: Settings, store: Any, days: tuple[date, date], *, debug: bool) -> tuple[bool, str]:  # noqa: ANN401 as above
    """Make the demo's sales, load them into the embedded warehouse, and ask the merchants' questions.

    Return whether there was something to make, and one line about the sales.
    """
    from pizza_assets.cli import demo as season
    from pizza_assets.merchants.assets import MONTHLY_JOB
    from pizza_assets.platform.dagster_runs import RunFailedError, run_once
    from pizza_assets.retail.schedules import RETAIL_JOB, VIEWS_JOB
    from pizza_assets.warehouse.connection import warehouse as opened

    try:
        with opened(settings) as connection:
            missing = season.sales_to_make(connection, store, *days)
            if missing:
                click.echo(f"Making {counted((missing[1] - missing[0]).days + 1, 'day')} of mock sales ...")
                _materialize(settings, *missing, season.SALES, job=RETAIL_JOB, debug=debug)
            is_new = missing is not None or not season.shows_sales(store, days[1])
            if is_new:
                run_once(settings, VIEWS_JOB, verbose=debug)
            if not season.has_merchants(store):
                click.echo("Asking the merchants' questions of mock card transactions ...")
                run_once(settings, MONTHLY_JOB, verbose=debug)
            return is_new, season.sales_finding(connection)
    except (WarehouseError, RunFailedError) as error:
        if isinstance(error, RunFailedError) and error.cause != WarehouseError.__name__:
            raise
        return False, f"The demo goes on without sales. {error}"


@main.command()
@click.option(
    "--orders",
    "files",
    required=True,
    help="Exports: files, folders or patterns, with commas between.",
)
@click.option("--profile", "name", default=PROFILE, show_default=True, help="What they mean; written where it is new.")
@click.option(
    "--matches", "fixtures", help="Fixtures: files, folders or patterns, separated by commas. No key is needed then."
)
@click.option("--lake", default="answer-lake", show_default=True, help="Folder that everything is written to.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.option("--open/--no-open", "opens", default=True, help="Open the page in a browser.")
@reading_options
@click.pass_context
def answer(
    ctx: click.Context,
    /,
    files: str,
    name: str,
    lake: str,
    fixtures: str | None,
    **said: Any,  # noqa: ANN401  # options
) -> None:
    """Say whether football sells pizza in your shops: from the exports of your till to the answer.

    Without a profile the exports are inspected first. Matches come from the files of --matches, else of MATCHES_FILES,
    and from football-data.org where FOOTBALL_API_KEY is set.
    """
    from pizza_assets.orders.till import answers
    from pizza_assets.orders.till.book import Book
    from pizza_assets.reference import cities

    asks, opens = not said.pop("yes"), said.pop("opens")
    profile, findings = inspected(ctx, files, name, said, asks=asks)
    settings = _answer_settings(files, profile, lake, fixtures)
    with reading_progress() as on_progress, Book(findings.tables, findings.profile, on_progress) as book:
        for line in answers.intake(book):
            click.echo(line)
        if not any(place.city in cities() for place in book.places.values()):
            raise PizzaAssetsError(
                "No shop has a city, so there is no answer. Write the cities into shops.csv, then run again."
            )
        blocks = answers.covered_blocks(book)
        if settings.matches_files and settings.football_api_key is None:
            from pizza_assets.football.match_files import MatchFiles

            blocks, left_out = answers.days_with_matches(blocks, MatchFiles(settings).knows)
            for line in left_out:
                click.echo(line)
        settings = settings.model_copy(update={"pizza_start_date": min(settings.pizza_start_date, blocks[0][0])})
        for first, last in blocks:
            _materialize(settings, first, last, _FOR_ANSWER, debug=ctx.obj)
        _materialize(settings, blocks[-1][1], blocks[-1][1], "correlation_results+", debug=ctx.obj)
        store = _store(settings)
        for line in answers.answer(store, book):
            click.echo(line)
    page = page_of(store)
    click.echo(f"The page: {page}")
    if opens:
        import webbrowser

        webbrowser.open(page.as_uri())


#: What an answer needs of each day; the others are for other readers.
_FOR_ANSWER = "raw_matches or raw_orders or order_volume"
#: What the demo makes of each day before the analysis as of the last one.
_OF_A_DAY = "raw_matches or raw_orders or match_events or order_volume or merged_orders"


def _answer_settings(files: str, profile: str, lake: str, fixtures: str | None) -> Settings:
    """Return the settings of an answer: real data only, in a lake of its own."""
    given = {"matches_files": fixtures} if fixtures else {}
    settings = Settings.load(
        orders_files=files,
        orders_profile=profile,
        pizza_lake=lake,
        dominos_api_key=None,
        pizza_allow_mock=False,
        **given,
    )
    if settings.football_api_key is None and not settings.matches_files:
        raise SettingsError(
            "The matches are missing. Name files of fixtures by --matches (free at football-data.co.uk), or set "
            "FOOTBALL_API_KEY (free at football-data.org)."
        )
    return settings


#: Columns of a terminal that the table of layers needs.
_STATUS_WIDTH = 73


@main.command()
def status() -> None:
    """Show what days each layer of the lake has, real or mock."""
    _print_status(Settings.load())


def _print_status(settings: Settings) -> None:
    from pizza_assets.dashboard.publish import current_as_of
    from pizza_assets.lake.status import layers, notes

    store = _store(settings)
    click.echo(f"Lake: {settings.pizza_lake}")
    is_wide = shutil.get_terminal_size().columns >= _STATUS_WIDTH
    if is_wide:
        click.echo(f"{'layer':<22}{'days':>6}{'real':>6}{'mock':>6}{'gaps':>6}  first to last")
    for layer in layers(store):
        span = f"{layer.days[0]} to {layer.days[-1]}" if layer.days else "-"
        real, mock = ("" if count is None else str(count) for count in (layer.real, layer.mock))
        if is_wide:
            click.echo(f"{layer.name:<22}{len(layer.days):>6}{real:>6}{mock:>6}{layer.gaps:>6}  {span}")
            continue
        sources = f", {real} real, {mock} mock" if real else ""
        click.echo(f"{layer.name}\n  {counted(len(layer.days), 'day')}{sources}, {counted(layer.gaps, 'gap')}")
        click.echo(f"  {span}")
    for line in notes(store):
        click.echo(safe_text(line))
    click.echo(f"Dashboard data: as of {current_as_of(store) or '- (none yet)'}")


@main.command()
@click.pass_context
def verify(ctx: click.Context) -> None:
    """Re-read the lake: checksums, schemas, counts, sources, and whether the manifests are true."""
    from pizza_assets.lake.verify import verify as check

    store = _store(Settings.load())
    total = sum(1 for _ in store.list(""))
    with click.progressbar(length=total, label="reading", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        report = check(store, lambda _: bar.update(1))
    for problem in report.problems:
        click.secho(safe_text(problem), fg="red", err=True)
    click.echo(f"{report.objects} objects read, {len(report.problems)} problems.")
    ctx.exit(1 if report.problems else 0)
