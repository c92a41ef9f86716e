"""Every code block of the documents is run, and every link leads somewhere.

Blocks of ``sh`` and ``console`` (there the lines that start with ``$``) are run by bash, those of ``python`` by Python,
those of ``sql`` in a warehouse. They run in a folder with a mock lake of three days, 2025-09-04 to 2025-09-06, a till's
export and a file of fixtures. Blocks of other languages are output, files or pictures, and are not run.

A command that ``NOT_RUN`` names, and a block below ``<!-- not run: REASON -->``, is not run. Its options are looked up,
and ``pytest -s`` lists it.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import click
import pytest

from pizza_assets.cli import main
from pizza_assets.warehouse.connection import Connection
from pizza_assets_tests.postgres import server_folder

ROOT = Path(__file__).parents[1]
DOCUMENTS = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")), *ROOT.glob("docs/*.md")]
}
RUN = {"sh", "console", "python", "sql"}
SHOWN = {"", "text", "csv", "mermaid", "json", "toml", "yaml", "ini"}
#: Commands that no test can run, and why.
NOT_RUN = {
    r"^make ": "installs packages, or takes minutes",
    r"\bpip install\b|\bgit clone\b|\bcurl\b": "needs the internet",
    r"s3://|\brestore\b|\bquicksight (deploy|status|teardown|backup)\b|^(aws|terraform) ": "needs AWS",
    r"\bpizza-assets aws ": "needs AWS",
    r"\bpizza-assets answer (?!.*--matches)": "needs a key of football-data.org",
    r"\bpytest\b": "runs tests",
    r"^docker ": "needs Docker",
    r"\bspark\b": "needs a Spark cluster",
    r"pizza-assets (dev|serve)\b|--serve\b|\bsimulate retailers\b|\bwarehouse serve\b|^dagster": "runs until stopped",
}
#: A document's figures that take a test too long, and those that the test takes.
SMALLER = {"--rows 1000000": "--rows 1000"}
FIRST, LAST = "2025-09-04", "2025-09-06"
BASH, MAKE = (shutil.which(name) or name for name in ("bash", "make"))


@dataclass(frozen=True)
class Block:
    document: str
    line: int
    language: str
    text: str
    reason: str | None

    @property
    def commands(self) -> list[str]:
        """The commands of a shell block, without comments; a line that ends with a backslash goes on."""
        lines = self.text.replace("\\\n", " ").splitlines()
        if self.language == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        return [line for line in (re.sub(r"(^|\s)#.*", "", line).strip() for line in lines) if line]

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def blocks() -> list[Block]:
    fence = re.compile(r"^( *)```(\S*)[^\n]*\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
    return [
        Block(name, text[: found.start()].count("\n") + 1, found[2], found[3], reason[1] if reason else None)
        for name, text in DOCUMENTS.items()
        for found in fence.finditer(text)
        for reason in [re.search(r"<!-- not run: (.+?) -->\s*\Z", text[: found.start()])]
    ]


BLOCKS = blocks()
SHELL = [block for block in BLOCKS if block.language in {"sh", "console"}]


def why_not(block: Block, command: str) -> str | None:
    return block.reason or next((why for pattern, why in NOT_RUN.items() if re.search(pattern, command)), None)


def script(block: Block) -> str:
    """Return the block's commands that can be run, small enough for a test."""
    text = "\n".join(command for command in block.commands if why_not(block, command) is None)
    for large, small in SMALLER.items():
        text = text.replace(large, small)
    return text


@pytest.fixture(scope="module")
def lake_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder in which the documents' commands work, and the environment that they work in."""
    folder = tmp_path_factory.mktemp("documents")
    for name, code in (("pizza-assets", " -c 'from pizza_assets.cli import main; main()'"), ("python", "")):
        program = folder / ".venv/bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)}{code} "$@"\n')
        program.chmod(0o755)
    (folder / "exports").mkdir()
    days = [date(2024, 8, 16) + timedelta(days=number) for number in range(14)]
    rows = [
        f'{n},{day:%d/%m/%Y},{12 + n}:15,"12 Bold Street, Liverpool L1 4DS",£12.{n}0' for day in days for n in range(9)
    ]
    export = "\n".join(["Receipt,Date,Time,Shop,Total", *rows]) + "\n"
    (folder / "season.csv").write_text(export, encoding="utf-8")
    (folder / "exports/season.csv").write_text(export, encoding="utf-8")
    (folder / "E0.csv").write_text(
        "Div,Date,Time,HomeTeam,AwayTeam,FTHG,FTAG\nE0,17/08/2024,15:00,Everton,Brighton,0,3\n"
        "E0,25/08/2024,16:30,Liverpool,Brentford,2,0\n"
    )
    match = {
        "round": "Matchday 2",
        "date": "2024-08-25",
        "time": "16:30",
        "team1": "Liverpool FC",
        "team2": "Brentford FC",
    }
    book = {"name": "English Premier League 2024/25", "matches": [{**match, "score": {"ft": [2, 0]}}]}
    (folder / "en.1.json").write_text(json.dumps(book))
    with server_folder() as warehouse:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PIZZA_", "AWS_", "DAGSTER_"))
        } | {
            "PATH": f"{folder / '.venv/bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "BROWSER": "true",
            "WAREHOUSE_DIR": str(warehouse),
            "MOCK_ORDERS_PER_STORE_DAY": "10",
            "RETAIL_MOCK_LINES_PER_DAY": "20",
        }
        days_of_lake = f"--from {FIRST} --to {LAST}"
        run(f"pizza-assets backfill {days_of_lake}\npizza-assets backfill --retail {days_of_lake}", folder, environment)
        yield folder, environment


def run(text: str, folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [BASH, "-euo", "pipefail", "-c", text], cwd=folder, env=environment, input="y\n", text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{text}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"


@pytest.mark.parametrize("block", [block for block in SHELL if script(block)], ids=str)
def test_commands_work(block: Block, lake_folder: tuple[Path, dict[str, str]]) -> None:
    run(script(block), *lake_folder)


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "python"], ids=str)
def test_python_works(block: Block, lake_folder: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(lake_folder[0])
    exec(compile(block.text, str(block), "exec"), {})  # noqa: S102 a block of our own documents


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "sql" and b.reason is None], ids=str)
def test_sql_works(block: Block, connection: Connection) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute(block.text.encode())


def test_commands_that_are_not_run_have_known_options() -> None:
    left = [(block, command, why) for block in SHELL for command in block.commands if (why := why_not(block, command))]
    print(f"\n{len(left)} commands are not run:")  # noqa: T201
    for block, command, why in left:
        print(f"  {block}: {command} ({why})")  # noqa: T201
        if command.startswith("make "):
            subprocess.run([MAKE, "--dry-run", *shlex.split(command)[1:]], cwd=ROOT, check=True, capture_output=True)
        elif "pizza-assets" in command:
            check_options(shlex.split(command.partition("pizza-assets ")[2]), str(block))
    assert len(left) < sum(len(block.commands) for block in SHELL)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_in_sentences_exist(name: str) -> None:
    for command in re.findall(r"`pizza-assets ([^`]+)`", DOCUMENTS[name]):
        check_options(shlex.split(command), name)


def check_options(words: list[str], where: str) -> None:
    command: click.Command = main
    for word in words:
        if word == "...":
            return
        if isinstance(command, click.Group) and not word.startswith("-"):
            found = command.get_command(click.Context(command), word)
            assert found is not None, f"{where}: {word} is no command"
            command = found
        elif word.startswith("--"):
            known = {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}
            assert word.partition("=")[0] in known | {"--help"}, f"{where}: {word}"


def test_blocks_name_their_language() -> None:
    wrong = [f"{block}: {block.language}" for block in BLOCKS if block.language not in RUN | SHOWN]
    assert wrong == []
    assert all(block.commands for block in SHELL)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", DOCUMENTS[name])
    for target, anchor in links:
        path = (ROOT / name).parent / target if target else ROOT / name
        assert path.exists(), f"{name} links to {target}"
        if anchor and path.suffix == ".md":
            heads = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}, (
                f"{name}: #{anchor}"
            )
