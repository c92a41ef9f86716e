"""The audit of the locked packages, with a pip-audit that says what the test wants."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCK = """\
sure==1.0 \\
    --hash=sha256:00
elsewhere==3 ; sys_platform == "win32" \\
    --hash=sha256:00
weak==2.0 \\
    --hash=sha256:00
"""
SURE = {"name": "sure", "version": "1.0", "vulns": []}
WEAK = {"name": "weak", "version": "2.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}]}
FINE = {**WEAK, "vulns": []}
SKIPPED = {"name": "weak", "skip_reason": "Dependency not found on PyPI and could not be audited: weak (2.0)"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/audit.py", tmp_path / ".ci")
    (tmp_path / "requirements.lock").write_text(LOCK, encoding="utf-8")
    (tmp_path / "requirements-spark.lock").write_text("", encoding="utf-8")
    return tmp_path


def audit(project: Path, *options: str, says: object = None) -> tuple[int, str]:
    """Run the audit; without `says` no service is reached."""
    (project / "pip_audit.py").write_text(
        f"print({json.dumps(says)!r} if {says is not None} else '')", encoding="utf-8"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(project), *sys.path])}
    command = [sys.executable, str(project / ".ci/audit.py"), *options]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert not done.stderr
    return done.returncode, done.stdout


def test_nothing_known_is_zero(project: Path) -> None:
    code, said = audit(project, says={"dependencies": [SURE, FINE]})
    assert (code, said) == (0, "2 locked packages, 0 vulnerabilities, 0 not looked up (pypi was asked now).\n")


def test_a_vulnerability_is_named_and_fails(project: Path) -> None:
    code, said = audit(project, says={"dependencies": [SURE, WEAK]})
    assert (code, said.splitlines()[0]) == (1, "weak 2.0: PYSEC-1, fixed in 2.1")


def test_a_package_that_the_service_does_not_know_is_not_safe(project: Path) -> None:
    code, said = audit(project, says={"dependencies": [SURE, SKIPPED]})
    assert code == 2
    assert "0 vulnerabilities, 1 not looked up" in said


def test_without_a_service_or_anything_stored_nothing_was_looked_up(project: Path) -> None:
    code, said = audit(project)
    assert code == 2
    assert (
        "2 locked packages, 0 vulnerabilities, 2 not looked up (no service was reached, and nothing is stored" in said
    )


def test_without_a_service_the_stored_answer_counts_for_the_versions_it_is_of(project: Path) -> None:
    assert audit(project, "--update", says={"dependencies": [SURE, WEAK]})[0] == 1
    code, said = audit(project)
    assert code == 1
    assert re.search(r"no service was reached; pypi said so on \d{4}-\d\d-\d\d \d\d:\d\d UTC", said)
    (project / "requirements.lock").write_text(LOCK.replace("weak==2.0", "weak==2.1"), encoding="utf-8")
    assert audit(project)[0] == 2
