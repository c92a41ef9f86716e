import importlib
from pathlib import Path

import pytest

from pizza_assets.platform import dagster_versions as versions


@pytest.fixture
def version_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """The version of a package of one module and one table with these contents."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "versioned").mkdir()
    (tmp_path / "versioned" / "__init__.py").write_text('"""A package."""\n', encoding="utf-8")

    def of(code: str, table: str = "a,b\n", module: str = "versioned") -> str:
        (tmp_path / "versioned" / "code.py").write_text(code, encoding="utf-8")
        (tmp_path / "versioned" / "table.csv").write_text(table, encoding="utf-8")
        importlib.invalidate_caches()
        versions._files.cache_clear()
        versions._fingerprint.cache_clear()
        return versions.code_version(module)

    return of


BEFORE = 'def double(x):\n    """Twice."""\n    return 2 * x\n'


def test_words_and_formatting_do_not_count(version_of: object) -> None:
    before = version_of(BEFORE)  # type: ignore[operator]
    assert version_of('def double(x):\n    """Two times."""\n\n    # simple\n    return 2*x\n') == before  # type: ignore[operator]


def test_code_and_tables_do(version_of: object) -> None:
    before = version_of(BEFORE)  # type: ignore[operator]
    assert version_of(BEFORE.replace("2 *", "3 *")) != before  # type: ignore[operator]
    assert version_of(BEFORE, "a,c\n") != before  # type: ignore[operator]


def test_a_module_alone_does_not_see_its_neighbours(version_of: object) -> None:
    before = version_of(BEFORE, module="versioned.code")  # type: ignore[operator]
    assert version_of(BEFORE, "a,c\n", "versioned.code") == before  # type: ignore[operator]


def test_a_module_that_does_not_exist_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'pizza_assets\.nothing'"):
        versions.code_version("pizza_assets.nothing")
