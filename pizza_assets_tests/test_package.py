"""The wheel: what is in it, and that it works without the repository."""

import os
import shutil
import subprocess
import sys
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

import pytest

from pizza_assets.cli import main

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing is left in the repository."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "pizza_assets", source / "pizza_assets", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    subprocess.run([*command, "--wheel-dir", str(target), str(source)], check=True, capture_output=True)
    (found,) = target.glob("*.whl")
    return found


def test_the_wheel_has_all_files_of_the_package_and_says_what_it_is(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        about = message_from_bytes(archive.read(next(name for name in names if name.endswith("/METADATA"))))
    ours = {str(path.relative_to(ROOT)) for path in (ROOT / "pizza_assets").rglob("*") if path.is_file()}
    assert {name for name in ours if "__pycache__" not in name} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert about["License-Expression"] == "MIT"
    assert about["Author"] == "The pizza_assets maintainers"
    assert "Typing :: Typed" in about.get_all("Classifier", [])


def test_the_wheel_makes_the_demo_in_an_empty_folder_without_a_home(
    wheel: Path, tmp_path: Path, warehouse_folder: Path
) -> None:
    installed, empty = tmp_path / "installed", warehouse_folder.parent / "empty"
    empty.mkdir()
    with ZipFile(wheel) as archive:
        archive.extractall(installed)
    environment = {name: value for name, value in os.environ.items() if name not in {"HOME", "DAGSTER_HOME"}}
    environment |= {"PYTHONPATH": str(installed), "MOCK_ORDERS_PER_STORE_DAY": "10", "RETAIL_MOCK_LINES_PER_DAY": "20"}
    run = [sys.executable, "-c", "import pizza_assets.cli as c; print(c.__file__); c.main()", "demo", "--days", "2"]
    done = subprocess.run(run, cwd=empty, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(installed))
    assert "Orders: 2 days" in done.stdout
    assert (empty / "lake/dashboard/index.html").exists()


def test_the_version_names_python_and_dagster() -> None:
    from click.testing import CliRunner

    said = CliRunner().invoke(main, ["--version"]).stdout
    assert said.startswith("pizza-assets 0.")
    assert f"Python {sys.version_info.major}.{sys.version_info.minor}" in said
    assert "Dagster 1." in said


#: What documented commands write where they are run.
WRITTEN = (
    ".env", ".dagster/storage/runs.db", "history/runs.db", "lake/dashboard/index.html",
    "lake-warehouse/data/base",
    "demo-lake/demo.json", "answer-lake/dashboard/index.html", "answer-lake-warehouse/data", "orders.toml", "shops.csv",
    "exports/till.csv", "merchant-answers/report.html", "mock-merchants/merchants.csv", "order_volume.parquet",
    ".telemetry/id", "build/lib", "dist/pizza_assets.whl", "pizza_assets.egg-info/PKG-INFO",
)  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_git_ignores_what_documented_commands_write(name: str) -> None:
    git = shutil.which("git")
    if not (ROOT / ".git").exists() or git is None:
        pytest.skip("no git repository")
    ignored = subprocess.run([git, "check-ignore", "--no-index", "--quiet", name], cwd=ROOT, check=False)
    assert ignored.returncode == 0
