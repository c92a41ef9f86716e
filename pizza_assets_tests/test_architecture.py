"""The rules of the code's structure, held by a test."""

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


def _may_import_dagster(name: str) -> bool:
    file = name.rpartition("/")[2]
    return file.endswith("assets.py") or file in {"definitions.py", "schedules.py"} or file.startswith("dagster_")


WITH_DAGSTER = [path for path in MODULES if _may_import_dagster(_name(path))]
#: Modules at the root: more, and a slice is missing.
AT_THE_ROOT = {"__init__.py", "contracts.py", "definitions.py", "errors.py", "settings.py"}


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_only_assets_schedules_definitions_and_dagster_modules_import_dagster(path: Path) -> None:
    imports = {name.split(".")[0] for name in _imports(ast.parse(path.read_text(encoding="utf-8")))}
    if path not in WITH_DAGSTER:
        # dagster_pipes is the protocol of processes outside Dagster; it imports nothing of it.
        assert not {name for name in imports if name.startswith("dagster") and name != "dagster_pipes"}


def test_no_module_stands_outside_the_slices() -> None:
    assert {path.name for path in PACKAGE.glob("*.py")} == AT_THE_ROOT


@pytest.mark.parametrize("path", sorted((PACKAGE / "analysis").glob("*.py")), ids=_name)
def test_the_statistics_know_neither_lake_nor_sources(path: Path) -> None:
    """In `analysis`, only the assets, their windows, transforms and checks read the lake."""
    if path.name in {"assets.py", "transforms.py", "quality.py", "window.py"}:
        return
    forbidden = tuple(f"pizza_assets.{name}" for name in ("lake", "orders", "football", "retail", "settings", "cli"))
    allowed = {"pizza_assets.football.contract", "pizza_assets.orders.contract"}
    imports = _imports(ast.parse(path.read_text(encoding="utf-8")))
    assert not {name for name in imports if name.startswith(forbidden)} - allowed


_CALLED_BY_DAGSTER = {
    "partitioned_asset",
    *map("dg.{}".format, ("asset", "asset_check", "multi_asset", "multi_asset_check", "op", "schedule", "sensor")),
}


@pytest.mark.parametrize("path", WITH_DAGSTER, ids=_name)
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
