"""Mutation testing with mutmut: which small changes of the code does no test notice? ``make mutate``.

    python -m benchmarks.mutation [--subject analysis] [--only 'pizza_assets/analysis/verdicts.py'] [--sample 300]

Each subject is modules and the tests that are about them. mutmut copies both, makes all mutants, and learns which test
runs which function; then a sample of the mutants, drawn with ``--seed``, is run against those tests, each in a fork.
Hypothesis draws few examples (profile ``few``), so that a run ends: a survivor may be killed by the full suite. What
runs while modules are imported, such as the contracts and their column builders, is not mutated: a fork
is too late for it.
"""

import json
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

ROOT = Path(__file__).parents[1]
#: mutmut's exit codes of a mutant's tests: 0 survived, 33 no test runs the function; all others noticed it.
SURVIVED, UNTESTED = 0, 33


@dataclass(frozen=True)
class Subject:
    """Patterns of the modules to mutate, and the tests that are about them."""

    modules: Sequence[str]
    tests: Sequence[str]


_PROPERTIES = "pizza_assets_tests/properties/test_p"
SUBJECTS: Mapping[str, Subject] = {
    "analysis": Subject(
        ["pizza_assets/analysis/*.py"],
        ["pizza_assets_tests/analysis", *(f"{_PROPERTIES}{number}_*.py" for number in ("08", *range(12, 20)))],
    ),
    "contracts": Subject(
        [
            "pizza_assets/platform/schemas.py",
            "pizza_assets/platform/upgrades.py",
        ],
        ["pizza_assets_tests/platform/test_schemas.py", "pizza_assets_tests/lake/test_upgrades.py"],
    ),
    "sources": Subject(
        ["pizza_assets/football/*.py", "pizza_assets/orders/*.py", "pizza_assets/platform/records.py"],
        [
            "pizza_assets_tests/football",
            "pizza_assets_tests/orders",
            "pizza_assets_tests/platform/test_records.py",
            *(f"{_PROPERTIES}{number}_*.py" for number in ("01", "02", "03", "05", "06")),
        ],
    ),
    "lake": Subject(
        ["pizza_assets/lake/*.py"],
        ["pizza_assets_tests/lake", *(f"{_PROPERTIES}{number}_*.py" for number in ("10", "11"))],
    ),
}


def prepare(subject: Subject, only: str, folder: Path) -> None:
    """Copy what mutmut works on into a folder of its own, with its configuration."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("pizza_assets", "pizza_assets_tests", "benchmarks", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", ".env.example"):
        shutil.copy(ROOT / name, folder / name)
    tests = [str(path.relative_to(ROOT)) for pattern in subject.tests for path in sorted(ROOT.glob(pattern))]
    options = {
        "source_paths": ["pizza_assets"],
        "only_mutate": [only] if only else subject.modules,
        "also_copy": ["pizza_assets_tests", "benchmarks", "docs", ".env.example"],
        "pytest_add_cli_args": ["-q", "-p", "no:cacheprovider", "--hypothesis-profile=few", "-W", "ignore"],
        "pytest_add_cli_args_test_selection": tests,
    }
    lines = [f"{name} =\n" + "".join(f"    {value}\n" for value in values) for name, values in options.items()]
    (folder / "setup.cfg").write_text("[mutmut]\n" + "".join(lines), encoding="utf-8")


def mutmut(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run mutmut in a folder."""
    command = [sys.executable, "-m", "mutmut", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 our own words


def outcomes(folder: Path) -> dict[str, int | None]:
    """Return the exit code of each mutant's tests, None where they were not run."""
    found: dict[str, int | None] = {}
    for path in sorted((folder / "mutants").rglob("*.py.meta")):
        found |= json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
    return found


@click.command(help=__doc__)
@click.option("--subject", "names", type=click.Choice([*SUBJECTS]), multiple=True, help="By default all.")
@click.option("--only", default="", help="A pattern of modules, instead of all of the subject.")
@click.option("--sample", default=300, show_default=True, help="Mutants of each subject; 0: all of them.")
@click.option("--seed", default=0, show_default=True)
@click.option("--processes", default=2, show_default=True)
@click.option("--folder", default="build/mutation", show_default=True, type=click.Path(path_type=Path))
def main(names: Sequence[str], only: str, sample: int, seed: int, processes: int, folder: Path) -> None:
    """Mutate, test, and print the score and the survivors."""
    totals, survivors = dict[str, Counter[str]](), list[tuple[Path, str]]()
    for name in names or SUBJECTS:
        where = folder.resolve() / name
        prepare(SUBJECTS[name], only, where)
        click.echo(f"{name}: making mutants, learning which test runs which function", err=True)
        learned = mutmut(where, "run", "no such mutant")  # it stops when it has learned, for no mutant has that name
        mutants = sorted(outcomes(where))
        if not mutants or not (where / "mutants" / "mutmut-stats.json").exists():
            raise click.ClickException(f"mutmut did not come so far:\n{learned.stdout[-3000:]}{learned.stderr[-3000:]}")
        drawn = random.Random(seed).sample(mutants, min(sample or len(mutants), len(mutants)))
        click.echo(f"{name}: running {len(drawn)} of {len(mutants)} mutants", err=True)
        ran = mutmut(where, "run", "--max-children", str(processes), *drawn)
        codes = outcomes(where)
        if any(codes[mutant] is None for mutant in drawn):
            raise click.ClickException(f"mutmut did not run all:\n{ran.stdout[-3000:]}{ran.stderr[-3000:]}")
        kinds = {SURVIVED: "survived", UNTESTED: "untested"}
        totals[name] = Counter(kinds.get(codes[mutant] or 0, "killed") for mutant in drawn)
        totals[name]["made"] = len(mutants)
        survivors += [(where, mutant) for mutant in sorted(drawn) if codes[mutant] in (SURVIVED, UNTESTED)]
    click.echo("| subject | mutants | run | killed | survived | no test | score |\n|---|---|---|---|---|---|---|")
    for name, count in totals.items():
        run = count["killed"] + count["survived"] + count["untested"]
        figures = [count["made"], run, count["killed"], count["survived"], count["untested"]]
        click.echo(f"| {name} | {' | '.join(map(str, figures))} | {count['killed'] / run:.1%} |")
    for where, mutant in survivors:
        click.echo(f"\n{mutant}\n{mutmut(where, 'show', mutant).stdout}")


if __name__ == "__main__":
    main()
