"""The rules of the house, held by a test."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pizza_assets"
MODULES = sorted(PACKAGE.rglob("*.py"))
#: Seconds at import, for things that few commands need.
HEAVY = ("scipy.stats", "dagster_aws", "boto3", "pyspark", "ibis", "uvicorn")


def _imports(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_only_definitions_and_defs_import_dagster(path: Path) -> None:
    imports = {name.split(".")[0] for name in _imports(ast.parse(path.read_text(encoding="utf-8")))}
    if not (_name(path) == "definitions.py" or _name(path).startswith("defs/")):
        # dagster_pipes is the protocol of processes outside Dagster; it imports nothing of it.
        assert not {name for name in imports if name.startswith("dagster") and name != "dagster_pipes"}


@pytest.mark.parametrize("path", [path for path in MODULES if "matchday" in path.parts], ids=_name)
def test_the_heart_knows_neither_lake_nor_sources(path: Path) -> None:
    forbidden = ("pizza_assets.lake", "pizza_assets.sources", "pizza_assets.synthetic", "pizza_assets.settings")
    assert not {name for name in _imports(ast.parse(path.read_text(encoding="utf-8"))) if name.startswith(forbidden)}


_CALLED_BY_DAGSTER = {
    "partitioned_asset",
    *map("dg.{}".format, ("asset", "asset_check", "multi_asset", "multi_asset_check", "op", "schedule", "sensor")),
}


@pytest.mark.parametrize("path", [path for path in MODULES if "defs" in path.parts], ids=_name)
def test_what_dagster_calls_lets_no_secret_out_in_an_error(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        decorators = [ast.unparse(item).partition("(")[0] for item in getattr(node, "decorator_list", ())]
        if _CALLED_BY_DAGSTER & set(decorators):
            assert "without_secrets_in_errors" in decorators, ast.unparse(node)[:200]


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_each_exception_from_a_security_rule_gives_its_reason() -> None:
    root = PACKAGE.parent
    lines = [
        f"{path}: {line.strip()}"
        for folder in ("pizza_assets", "pizza_assets_tests", "benchmarks", ".ci")
        for path in sorted((root / folder).rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"# noqa: [A-Z0-9, ]*\bS\d{3}\b", line)
    ]
    assert len(lines) > 10
    assert [line for line in lines if not re.search(r"# noqa: [A-Z]+\d+(, ?[A-Z]+\d+)* \S", line)] == []


def test_the_code_location_loads_without_the_heavy_modules() -> None:
    code = (
        "import sys; from pizza_assets.definitions import build_defs; build_defs(); "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]", loaded.stdout


def test_help_does_not_load_what_it_does_not_need() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from pizza_assets.cli import main; "
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0; "
        "heavy = ('dagster', 'pandas', 'pandera', 'pyarrow', 'starlette', 'uvicorn'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]", loaded.stdout
