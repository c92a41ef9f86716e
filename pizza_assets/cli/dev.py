"""The command ``pizza-assets dev``: Dagster's UI with schedules and sensors, until Ctrl-C.

Belongs here: starting ``dagster dev`` and ending it. Does not belong here: what it shows (``definitions``).

Ctrl-C at a terminal reaches every process of the command, and those of Dagster that are told twice print tracebacks. So
Dagster runs in a process group of its own, and its first process alone is told; it ends the others.
"""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import click

from pizza_assets.errors import UseError

_MODULE = "pizza_assets.definitions"


@click.command()
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65535), help="Port of the UI.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address that the UI listens on.")
@click.pass_context
def dev(ctx: click.Context, port: int, host: str) -> None:
    """Show Dagster's UI on this machine, with schedules and sensors, until Ctrl-C."""
    from pizza_assets.platform.dagster_runs import local_instance  # noqa: PLC0415 as cli.py

    check_port(host, port)
    with local_instance():
        pass  # its folder is there, and DAGSTER_HOME names it
    workspace = ["--workspace", "workspace.yaml"] if Path("workspace.yaml").exists() else ["--module-name", _MODULE]
    command = [sys.executable, "-m", "dagster", "dev", *workspace, "--port", str(port), "--host", host]
    command += ["--log-level", "warning"]  # what the daemon looks at each minute is no news
    click.echo(f"http://{host}:{port}  (Ctrl-C ends)")
    started: list[subprocess.Popen[bytes]] = []
    received: list[int] = []

    def end(number: int, _: object) -> None:
        received.append(number)
        for process in started:
            process.send_signal(signal.SIGINT)

    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, end)  # before the start: a process inherits what is ignored, and nothing else
    quiet = "ignore:Function `dev_command` is superseded"  # dg needs a project of a form of its own
    environment = {**os.environ, "PYTHONWARNINGS": quiet}
    process = subprocess.Popen(command, env=environment, process_group=0)  # noqa: S603 a list of our own
    started.append(process)
    code = process.wait()
    if received:
        click.echo("Ended.")
        return
    click.echo(f"Error: Dagster ended by itself with exit code {code}; see its output above.", err=True)
    ctx.exit(1)


def check_port(host: str, port: int) -> None:
    """Raise UseError when another program listens there already, or when the address is not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UseError(
                f"--port {port}: expected a free port of {host}, found {error.strerror}. Choose another, such as "
                f"--port {port + 1}, or end what uses it."
            ) from error
