"""Code versions: what an asset's code is, so that the UI shows which days were made by other code.

Belongs here: the fingerprint of modules. Does not belong here: which modules make an asset (it names them itself).
Comments, docstrings and formatting do not count.
"""

import hashlib
import marshal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import CodeType


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
    # Optimised code has no docstrings; every start of Dagster compiles what 30 assets name, so it has to be quick.
    code = compile(file.read_text(encoding="utf-8"), "", "exec", dont_inherit=True, optimize=2)
    return hashlib.sha256(marshal.dumps(_without_lines(code), 2)).hexdigest()  # version 2: no references, always alike


def _without_lines(code: CodeType) -> CodeType:
    """Return code that does not tell where in its file it stands."""
    parts = tuple(_without_lines(part) if isinstance(part, CodeType) else part for part in code.co_consts)
    return code.replace(co_consts=parts, co_linetable=b"", co_firstlineno=1)
