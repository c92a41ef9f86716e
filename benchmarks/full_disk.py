"""A file system of 60 MB that is full at random points of ``demo`` and ``backfill``: what the commands say and leave.

Belongs here: the table, and nothing that the product needs. Each case mounts a small tmpfs (this needs root), puts the
lake, DAGSTER_HOME, TMPDIR, the warehouse's folder or all of them on it, leaves a random amount free, and runs the
command line. Then it makes room, runs the same command again, and ``pizza-assets verify``.

A case holds when the first command ends with 0, or with another code and one sentence, or when the demo ends with 0
and says in one sentence that it goes on without sales; when no half-written file is left; and when, with room, the
command ends with 0 and ``verify`` finds no problem.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_SIZE_MB, _ROOMY_MB = 60, 400
_PLACES = ("lake", "home", "tmp", "warehouse", "all")
#: Roughly what a run of two days writes to each place, in kB: what is left free is below it.
_NEEDS_KB = {"lake": 9_000, "home": 6_000, "tmp": 60, "warehouse": 60_000, "all": 60_000}
_BACKFILL_NEEDS_KB = {"lake": 2_500, "home": 3_500, "tmp": 60, "all": 6_000}
_COMMANDS = {
    "demo": ("demo", "--days", "2"),
    "backfill": ("backfill", "--from", "2025-08-01", "--to", "2025-08-04"),
}
#: What no message for people may have in it.
_RAW = re.compile(r"Traceback|sqlalchemy|sqlite3\.|psycopg\.|initdb[: ]|\(unexpected;|File \"")
#: Football is the demo's subject; a warehouse that cannot be used costs it one line, and is no failure.
_WITHOUT_SALES = "The demo goes on without sales. "


@dataclass(frozen=True)
class Outcome:
    """What one case did: exit codes, the sentence, and what is wrong (empty when nothing is)."""

    case: str
    first_exit: int
    sentence: str
    then_exit: int
    verify: str
    wrong: str


def main(arguments: list[str] | None = None) -> int:
    """Run the cases, print the table, and return how many do not hold."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--points", type=int, default=20)
    parser.add_argument("--seed", type=int, default=25)
    parser.add_argument("--only", type=int, help="run this case only")
    options = parser.parse_args(arguments)
    if os.geteuid() != 0:
        print("make full-disk mounts small file systems and needs root: sudo make full-disk", file=sys.stderr)
        return 1
    dice = random.Random(options.seed)
    failed = 0
    print("| case | exit | sentence | exit with room | verify | holds |\n|---|---|---|---|---|---|", flush=True)
    for number in range(options.points):
        command = "demo" if number % 2 == 0 else "backfill"
        places = _PLACES if command == "demo" else tuple(_BACKFILL_NEEDS_KB)
        place = places[number // 2 % len(places)]
        needs = (_NEEDS_KB if command == "demo" else _BACKFILL_NEEDS_KB)[place]
        free = dice.randrange(needs)
        if options.only is not None and options.only != number:
            continue
        outcome = _case(number, command, place, free)
        failed += bool(outcome.wrong)
        cells = (outcome.case, outcome.first_exit, outcome.sentence, outcome.then_exit, outcome.verify)
        print(f"| {' | '.join(str(cell) for cell in cells)} | {outcome.wrong or 'yes'} |", flush=True)
    print(f"{failed} cases do not hold.")
    return failed


def _case(number: int, command: str, place: str, free_kb: int) -> Outcome:
    with _small_file_system() as (folder, disk):
        places = {name: disk / name if place in {name, "all"} else folder / name for name in _PLACES[:-1]}
        for path in (places["home"], places["tmp"]):
            path.mkdir()
        environment = os.environ | {
            "PIZZA_LAKE": str(places["lake"]),
            "DAGSTER_HOME": str(places["home"]),
            "TMPDIR": str(places["tmp"]),
            "WAREHOUSE_DIR": str(places["warehouse"]),
        }
        filler = disk / "filler"
        _fill(filler, disk, free_kb)
        first = _run(environment, *_COMMANDS[command])
        wrong = _faults(first, places)
        filler.unlink()
        _system("mount", "-o", f"remount,size={_ROOMY_MB}m", str(disk))
        then = _run(environment, *_COMMANDS[command])
        verified = _run(environment, "verify")
        if then.returncode:
            wrong.append(f"with room: {then.stderr.strip()[-600:]}")
        left = [path for path in places["lake"].rglob("tmp*") if path.is_file()]
        if left:
            wrong.append(f"{len(left)} temporary files at the end")
        summary = (verified.stdout.strip().splitlines() or ["nothing"])[-1]
        if verified.returncode:
            wrong.append(verified.stderr.strip()[-600:])
        case = f"{number}: {command}, {place}, {free_kb} kB free"
        return Outcome(
            case, first.returncode, _sentence(first), then.returncode, summary, "; ".join(wrong).replace("\n", " / ")
        )


@contextmanager
def _small_file_system() -> Iterator[tuple[Path, Path]]:
    folder = Path(tempfile.mkdtemp(prefix="full-disk-"))
    folder.chmod(0o755)
    disk = folder / "disk"
    disk.mkdir()
    _system("mount", "-t", "tmpfs", "-o", f"size={_SIZE_MB}m", "tmpfs", str(disk))
    try:
        yield folder, disk
    finally:
        _system("umount", "--lazy", str(disk))
        shutil.rmtree(folder, ignore_errors=True)


def _fill(filler: Path, disk: Path, free_kb: int) -> None:
    size = shutil.disk_usage(disk).free - free_kb * 1024
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(size, 1))


def _system(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603 mount and umount, with paths of our own


def _run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("pizza-assets")
    return subprocess.run(  # noqa: S603 our own program
        [program, *arguments], env=environment, capture_output=True, text=True, timeout=3600, check=False
    )


def _errors(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the lines of stderr that are neither progress nor JSON lines of the log."""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return [line for line in lines if not line.startswith(("{", "stored "))]


def _sentence(done: subprocess.CompletedProcess[str]) -> str:
    return " / ".join(_errors(done))[:900].replace("|", "¦") or "-"


def _faults(done: subprocess.CompletedProcess[str], places: dict[str, Path]) -> list[str]:
    wrong = []
    errors = _errors(done)
    if done.returncode and len(errors) != 1:
        wrong.append(f"{len(errors)} lines instead of one sentence")
    if not done.returncode and errors and not (len(errors) == 1 and errors[0].startswith(_WITHOUT_SALES)):
        wrong.append("exit 0 with an error")
    if raw := _RAW.search(done.stderr):
        wrong.append(f"raw: {raw[0]}")
    left = [path for path in places["lake"].rglob("tmp*") if path.is_file()]
    if left:
        wrong.append(f"{len(left)} temporary files")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
