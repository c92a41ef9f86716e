"""The threat model names tests, and they are there."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
DOCUMENT = (HERE.parent / "docs/security.md").read_text(encoding="utf-8")
#: In the table of the local servers the file stands in the head.
NAMED = re.findall(r"`([\w/]+\.py)::(test_\w+)`", DOCUMENT) + [
    ("platform/test_web.py", name) for name in re.findall(r"`(test_\w+)`", DOCUMENT)
]


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[f"{file}::{name}" for file, name in NAMED])
def test_a_test_that_the_threat_model_names_is_there(file: str, name: str) -> None:
    assert f"def {name}(" in (HERE / file).read_text(encoding="utf-8")


def test_the_threat_model_names_many() -> None:
    assert len(NAMED) >= 30
