"""Image, compose file, instances and workflow: read as the programs read them that take them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._config import process_config
from dagster._core.instance.config import dagster_instance_config

from pizza_assets.aws.templates import platform
from pizza_assets.aws.templates.serverless import HANDLER

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def document(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8")))


def test_the_instances_differ_from_production_where_they_say() -> None:
    production, ecs, compose = (document(f"dagster-{name}.yaml") for name in ("production", "ecs", "compose"))
    assert {name: value for name, value in ecs.items() if name != "run_launcher"} == production
    assert {name for name in production if production[name] != compose[name]} == {"storage", "compute_logs"}
    assert compose.keys() == production.keys()


@pytest.mark.parametrize("name", ["ecs", "compose"])
def test_dagster_takes_every_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text((DEPLOY / f"dagster-{name}.yaml").read_text(encoding="utf-8"))
    read, _ = dagster_instance_config(str(tmp_path))
    assert read["telemetry"]["enabled"] is False


def test_the_launcher_takes_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster_aws.ecs import EcsRunLauncher

    given = document("dagster-ecs.yaml")["run_launcher"]
    for name in re.findall(r"DAGSTER_[A-Z_]+", str(given)):
        monkeypatch.setenv(name, "there")
    result = process_config(EcsRunLauncher.config_type(), given["config"])
    assert result.success, result.errors


def test_every_variable_that_an_instance_reads_is_given_to_its_tasks() -> None:
    task = platform.template()["Resources"]["DaemonTask"]["Properties"]["ContainerDefinitions"][0]
    given = {item["Name"] for item in (*task["Environment"], *task["Secrets"])}
    text = (DEPLOY / "dagster-ecs.yaml").read_text(encoding="utf-8") + (DEPLOY / "workspace.yaml").read_text()
    assert set(re.findall(r"env: ([A-Z_]+)", text)) <= given


def test_compose_starts_what_the_template_of_ecs_starts() -> None:
    services = document("compose.yaml")["services"]
    for name, (command, _, _) in platform.SERVICES.items():
        assert services[name.lower()]["command"] == command
    for name in ("code", "webserver", "daemon"):
        service = services[name]
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert "healthcheck" in service
    assert services["webserver"]["ports"] == ["127.0.0.1:3000:3000"], "the UI has no log-in"
    text = (DEPLOY / "dagster-compose.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"env: ([A-Z_]+)", text)) <= set(services["daemon"]["environment"])


def test_the_image_is_not_roots_and_holds_locked_packages_alone() -> None:
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER 10001$", lines, re.MULTILINE)
    assert "--require-hashes" in lines
    assert "pizza_assets.aws.with_secrets" in lines
    lock = (ROOT / "requirements-image.lock").read_text(encoding="utf-8")
    names = set(re.findall(r"^([a-z0-9._-]+)==", lock, re.MULTILINE))
    assert {"dagster", "dagster-postgres", "awslambdaric"} <= names
    assert not names & {"pytest", "moto", "ruff", "mypy", "hypothesis"}
    base = [line for line in (DEPLOY / "base-image").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    assert len(base) == 1


def test_locked_versions_of_the_image_are_those_that_tests_run_on() -> None:
    def versions(name: str) -> set[tuple[str, str]]:
        return set(re.findall(r"^([a-z0-9._-]+)==([^ \\;]+)", (ROOT / name).read_text(), re.MULTILINE))

    tested, image = versions("requirements.lock"), versions("requirements-image.lock")
    only = {name for name, _ in image} - {name for name, _ in tested}
    assert {item for item in image if item[0] not in only} <= tested
    assert only <= {"awslambdaric", "snapshot-restore-py", "simplejson", "dagster-postgres", "psycopg2-binary"}


def test_the_workflow_stores_no_key_and_asks_for_little() -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yaml").read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["jobs"]["deploy"]["permissions"] == {"contents": "read", "id-token": "write"}
    assert "secrets." not in text
    assert "AWS_ACCESS_KEY" not in text


def test_the_function_of_the_template_is_there() -> None:
    module, _, name = HANDLER.rpartition(".")
    assert callable(getattr(__import__(module, fromlist=[name]), name))
