"""Code versions: what an asset's code is, so that the UI shows which days were made by other code.

Belongs here: the fingerprint of modules. Does not belong here: which modules make an asset (it names them itself).
Comments, docstrings and formatting do not count.
"""

import ast
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path


def code_version(*modules: str) -> str:
    """Return the fingerprint of modules and of packages with all files in them, by their dotted names.

    Raises
    ------
    ModuleNotFoundError
        When one does not exist.
    """
    files = sorted({file for module in modules for file in _files(module)})
    return hashlib.sha256("".join(_fingerprint(file) for file in files).encode()).hexdigest()[:12]


@cache
def _files(module: str) -> tuple[Path, ...]:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named '{module}': correct what the asset names as its code.")
    if spec.submodule_search_locations:
        found = Path(spec.origin).parent.rglob("*")
        return tuple(file for file in found if file.is_file() and file.suffix != ".pyc")
    return (Path(spec.origin),)


@cache
def _fingerprint(file: Path) -> str:
    if file.suffix != ".py":
        return hashlib.sha256(file.read_bytes()).hexdigest()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not _is_text(part)]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _is_text(node: ast.stmt) -> bool:
    """Tell whether a statement is only a text: a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
