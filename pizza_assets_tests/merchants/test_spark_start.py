"""What Spark cannot start on is one sentence that says what to do. No test here starts it."""

import socket
import sys
from pathlib import Path

import pytest

from pizza_assets.errors import EngineError
from pizza_assets.merchants.spark import SparkEngine, check_java, check_master


@pytest.fixture
def java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Java of the tests' own."""
    path = tmp_path / "jdk" / "bin" / "java"
    path.parent.mkdir(parents=True)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    return path


def says(java: Path, version: str) -> None:
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    java.chmod(0o755)


@pytest.mark.parametrize("version", ["17.0.15", "21", "21.0.2"])
def test_java_17_and_21_will_do(java: Path, version: str) -> None:
    says(java, version)
    check_java()


@pytest.mark.parametrize(
    ("version", "named"), [("1.8.0_402", "8"), ("11.0.2", "11"), ("banana", "of no known version")]
)
def test_an_older_java_is_too_old(java: Path, version: str, named: str) -> None:
    says(java, version)
    with pytest.raises(EngineError, match=rf"Java {named} at .*java is too old\. Spark needs Java 17 or 21: on Debian"):
        check_java()


def test_java_may_be_missing(java: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError, match=r"Java is missing at JAVA_HOME=.*openjdk-17-jre-headless"):
        check_java()
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EngineError, match=r"^Java is missing\. Spark needs"):
        check_java()


def test_a_master_that_listens_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_master(f"spark://127.0.0.1:{server.getsockname()[1]}")
    check_master("local[*]")
    check_master("yarn")


@pytest.mark.parametrize("master", ["spark://127.0.0.1:1", "spark://127.0.0.1:port", "spark://no-such-host.invalid"])
def test_a_master_that_is_not_there(master: str) -> None:
    with pytest.raises(EngineError, match=rf"No Spark master answers at {master} .*take local\[\*\]"):
        check_master(master)


def test_pyspark_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(
        EngineError, match=r"pyspark is not installed\. Install the extra: pip install 'pizza_assets\[spark\]'"
    ):
        SparkEngine()
