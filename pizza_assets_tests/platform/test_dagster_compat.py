"""Private parts of Dagster are imported in one module, each with its reason, and are still there."""

import ast
from importlib import import_module
from pathlib import Path

import dagster as dg
import pytest

PACKAGE = Path(__file__).parents[2] / "pizza_assets"
COMPAT = PACKAGE / "platform" / "dagster_compat.py"


def _private(path: Path) -> list[tuple[str, str]]:
    """Return the modules and names that a file imports from Dagster's private parts."""
    return [
        (node.module, name.name)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(("dagster._", "dagster_aws._"))
        for name in node.names
    ]


PRIVATE = _private(COMPAT)


def test_no_other_module_imports_private_parts() -> None:
    others = [path for path in PACKAGE.rglob("*.py") if path != COMPAT]
    assert {str(path): found for path in others if (found := _private(path))} == {}


@pytest.mark.parametrize(("module", "name"), PRIVATE, ids=[name for _, name in PRIVATE])
def test_a_private_name_is_where_it_was(module: str, name: str) -> None:
    try:
        assert hasattr(import_module(module), name)
    except (AssertionError, ModuleNotFoundError):
        pytest.fail(
            f"Dagster {dg.__version__} has no {name} in {module}. Find where it is now, or do without it, in "
            "pizza_assets/platform/dagster_compat.py; what it is used for stands in REASONS."
        )


def test_each_name_has_its_reason() -> None:
    from pizza_assets.platform.dagster_compat import REASONS

    assert set(REASONS) == {name for _, name in PRIVATE}


def test_private_members_of_base_classes_are_there() -> None:
    from pizza_assets.platform.dagster_compat import MEMBERS

    missing = [
        f"{base.__name__}.{name}" for base, names in MEMBERS.items() for name in names if not hasattr(base, name)
    ]
    assert missing == [], f"Dagster {dg.__version__} has moved them; see pizza_assets/platform/dagster_event_log.py."
