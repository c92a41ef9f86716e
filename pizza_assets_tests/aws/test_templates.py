"""The templates against the code that they are made for, and against the linters of AWS."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pizza_assets.aws.permissions import PERMISSIONS, ROLES, policy_of
from pizza_assets.aws.stacks import MAX_TEMPLATE_BYTES, TEMPLATES
from pizza_assets.aws.templates import watching
from pizza_assets.cli.documents import templates
from pizza_assets.platform.metrics import UNITS

ROOT = Path(__file__).parents[2]
KINDS = sorted(TEMPLATES)


def resources(kind: str) -> dict[str, Any]:
    return dict(TEMPLATES[kind]()["Resources"])


def walk(value: object) -> list[tuple[str, object]]:
    """Return every key and value of a template."""
    if isinstance(value, dict):
        return [(key, item) for key, item in value.items()] + [pair for item in value.values() for pair in walk(item)]
    return [pair for item in value for pair in walk(item)] if isinstance(value, list) else []


def test_the_files_are_what_the_code_says() -> None:
    found = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "deploy" / "aws").glob("*.yaml")}
    assert found == templates(), "make dictionary"


def test_cloudformations_linter_finds_nothing() -> None:
    files = [str(ROOT / "deploy" / "aws" / f"{kind}.yaml") for kind in KINDS]
    code = "import sys; from cfnlint.runner import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_fits_into_a_request_and_every_resource_that_can_has_our_tags(kind: str) -> None:
    assert len(json.dumps(TEMPLATES[kind](), separators=(",", ":")).encode()) <= MAX_TEMPLATE_BYTES
    without = {item["Type"] for item in resources(kind).values() if "Tags" not in item["Properties"]}
    # These types know no tags, or have those of what they belong to.
    assert without <= {
        "AWS::S3::BucketPolicy", "AWS::IAM::ManagedPolicy", "AWS::Lambda::EventInvokeConfig",
        "AWS::Scheduler::Schedule", "AWS::SNS::TopicPolicy", "AWS::SNS::Subscription", "AWS::CloudWatch::Dashboard",
        "AWS::EC2::SecurityGroupIngress", "AWS::ElasticLoadBalancingV2::Listener",
    }  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_each_rule_of_checkov_that_does_not_apply_says_why(kind: str) -> None:
    for item in resources(kind).values():
        for skipped in item.get("Metadata", {}).get("checkov", {}).get("skip", ()):
            assert re.fullmatch(r"CKV2?_AWS_\d+", skipped["id"])
            assert len(skipped["comment"].split()) >= 4


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_stands_in_a_template(kind: str) -> None:
    found = [(key, value) for key, value in walk(TEMPLATES[kind]()) if re.search("password|secret", key, re.IGNORECASE)]
    for key, value in found:
        assert not isinstance(value, str) or value == "{}", f"{key}: {value}"


def test_alarms_and_widgets_watch_metrics_that_are_emitted() -> None:
    body = json.loads(watching.dashboard())
    shown = [metric[:2] for widget in body["widgets"] for metric in widget["properties"]["metrics"]]
    watched = [
        (item["Namespace"], item["MetricName"])
        for alarm in resources("watching").values()
        if alarm["Type"] == "AWS::CloudWatch::Alarm"
        for item in (
            alarm["Properties"],
            *(query.get("MetricStat", {}).get("Metric", {}) for query in alarm["Properties"].get("Metrics", ())),
        )
        if "MetricName" in item
    ]
    ours = {name for namespace, name in [*map(tuple, shown), *watched] if namespace == watching.NAMESPACE}
    assert len(ours) >= 6
    assert ours <= set(UNITS)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_exactly_what_the_table_says(role: Any) -> None:
    given = {
        (action, json.dumps(item["Resource"])) for item in policy_of(role)["Statement"] for action in item["Action"]
    }
    assert given == {
        (each.action, json.dumps({"Fn::Sub": each.on} if "${" in each.on else each.on))
        for each in PERMISSIONS
        if role in each.roles
    }
