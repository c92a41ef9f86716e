"""docs/aws.md: its places are there, its commands are ours, and it prints what the design documents ask for of AWS."""

import re
from pathlib import Path

import click
import pytest

from pizza_assets.aws.stacks import TEMPLATES
from pizza_assets.cli import main

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TEXT.partition("## What the two design documents ask for")[2].splitlines()
    if line.startswith("| ") and not line.startswith(("| document", "|---"))
]


def exists(place: str) -> bool:
    """Tell whether ``path`` or ``path::name`` is there."""
    path, _, name = place.partition("::")
    file = ROOT / path
    return file.exists() and (not name or f"def {name}(" in file.read_text(encoding="utf-8"))


def test_each_line_of_the_design_documents_says_where_it_is_met() -> None:
    for document, asked, state, how, where in ROWS:
        print(f"{document:<13} {state:<10} {asked}: {where.strip('`')}{f' ({how})' if how else ''}")  # noqa: T201 its output is a result
        assert state in {"met", "otherwise", "by hand"}
        assert state == "met" or how
        assert exists(where.strip("`")), where
    assert len(ROWS) >= 45
    assert {row[0] for row in ROWS} >= {"architecture", "plan 1", "plan 10", "plan 11", "plan 12", "plan 15"}


def test_a_place_that_is_not_there_is_found() -> None:
    assert not exists("pizza_assets_tests/aws/test_document.py::test_nothing")
    assert not exists("pizza_assets/aws/nothing.py")


def test_every_file_and_test_that_the_document_names_is_there() -> None:
    places = re.findall(r"`((?:pizza_assets|pizza_assets_tests|deploy|docs|benchmarks|\.github)/[\w./*:-]+)`", TEXT)
    assert len(places) > 50
    assert [place for place in places if "*" not in place and not exists(place)] == []


def test_every_command_that_the_document_names_is_ours() -> None:
    commands = set(re.findall(r"pizza-assets ((?:[a-z]+ )*[a-z]+)", TEXT))
    for words in commands:
        group: click.Command | None = main
        for word in words.split():
            if not isinstance(group, click.Group):
                break
            group = group.get_command(click.Context(group), word)
            assert group is not None, words


@pytest.mark.parametrize("name", sorted(set(re.findall(r"^\| `(\w+)`", TEXT, re.MULTILINE))))
def test_every_parameter_that_the_document_names_is_one(name: str) -> None:
    assert any(name in template()["Parameters"] for template in TEMPLATES.values())
