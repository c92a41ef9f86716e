"""What all commands share: errors in one form, exit codes, help in whole sentences, days as options.

Belongs here: how ``pizza-assets`` speaks. Does not belong here: any one command.

Exit codes: 0 done; 1 failed; 2 wrong use (an option, a setting, a lake that is not there); 130 after Ctrl-C. Some
commands have one more, which their help tells.
"""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import click

from pizza_assets.errors import PizzaAssetsError, UseError, machine_fault
from pizza_assets.platform.redaction import safe_text

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130


class Group(click.Group):
    """A group whose help shows the first sentence of each command, whole."""

    group_class = type

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands and what they do."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, command.get_short_help_str(1000)) for name, command in commands if command is not None]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class Main(Group):
    """The group of all commands: shows an error as one sentence; the traceback only with --debug."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:  # noqa: ANN401 as click has it
        """Read the options."""
        with one_sentence(lambda: False):
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 as click has it
        """Run the command."""
        with one_sentence(lambda: bool(ctx.params.get("debug"))):
            return super().invoke(ctx)


@contextmanager
def one_sentence(shows_traceback: Callable[[], bool]) -> Iterator[None]:
    """End with one sentence and the error's exit code what is raised inside."""
    try:
        yield
    except (click.exceptions.Exit, click.Abort, click.exceptions.NoArgsIsHelpError, BrokenPipeError):
        raise  # click ends these by itself: help, --version, a question that was declined, a reader that has enough
    except KeyboardInterrupt:
        _say("Stopped by Ctrl-C. Finished days are kept.")
        raise click.exceptions.Exit(INTERRUPTED) from None
    except click.ClickException as error:
        _say(_of_click(error))
        raise click.exceptions.Exit(error.exit_code) from None
    except Exception as error:  # noqa: BLE001 the last place to turn an error into a sentence
        if shows_traceback():
            click.echo(safe_text(traceback.format_exc()), err=True, nl=False)
        _say(_sentence(error))
        raise click.exceptions.Exit(WRONG_USE if isinstance(error, UseError) else FAILED) from None


def _say(text: str) -> None:
    click.secho(f"Error: {safe_text(text)}", fg="red", err=True)


def _of_click(error: click.ClickException) -> str:
    text = error.format_message()
    text = text if text.endswith((".", "?", ")")) else f"{text}."
    command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "pizza-assets"
    return f"{text} See '{command} --help'."


def _sentence(error: Exception) -> str:
    if isinstance(error, PizzaAssetsError):
        return str(error)
    fault = machine_fault(f"{type(error).__name__}: {error}", "A file or the memory of this machine")
    return fault or f"{type(error).__name__}: {error} (unexpected; pizza-assets --debug ... shows where)"


class _Day(click.ParamType[datetime]):
    """A day, YYYY-MM-DD."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401 as click has it
        """Return midnight of the day."""
        if isinstance(value, datetime):
            return value
        try:
            return datetime.strptime(value, "%Y-%m-%d")  # noqa: DTZ007 a day has no time zone
        except ValueError:
            self.fail(f"expected a day of the calendar such as 2025-08-31, found '{value}'", param, ctx)


#: A day as an option takes it: ``@click.option("--from", "first", **DAY)``.
DAY: Any = {"type": _Day(), "metavar": "YYYY-MM-DD"}


def span(
    first: datetime | None, last: datetime | None, *, default: tuple[date, date] = (date.min, date.max)
) -> tuple[date, date]:
    """Return a range of days as options gave it; the default's ends, or those of the calendar, where they did not.

    Raises
    ------
    UseError
        When it is reversed, or begins in the future.
    """
    found = first.date() if first else default[0], last.date() if last else default[1]
    today = datetime.now(UTC).date()
    if first and found[0] > today:
        raise UseError(f"--from {found[0]} is in the future: expected a day up to today, {today} (UTC).")
    if found[0] > found[1]:
        until = f"--to {found[1]}" if last else f"the last day, {found[1]}"
        raise UseError(f"--from {found[0]} is after {until}: expected the earlier day first. Swap them.")
    return found
