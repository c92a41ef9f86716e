"""Metrics: what CloudWatch is handed, and that nothing it answers can fail a run."""

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from moto import mock_aws

from pizza_assets.platform.metrics import UNITS, CloudWatch, Emf, Measured, emitter
from pizza_assets.settings import Settings

AT = datetime(2026, 6, 10, 18, 1, tzinfo=UTC)
FIGURES = {"Days": 2, "Rows": 310, "Bytes": 12_000, "Seconds": 1.5, "RealShare": 50.0, "Failures": 0}
BATCH = [Measured("raw_orders", "r1", AT, FIGURES), Measured("order_volume", "r1", AT, {"Days": 2, "Rows": 96})]


def lines(file: Path) -> Sequence[Mapping[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_off_is_off() -> None:
    assert emitter(Settings.load()) is None


def test_an_emf_line_says_what_its_figures_are(tmp_path: Path) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html"""
    file = tmp_path / "logs" / "metrics.log"
    chosen = emitter(Settings.load(metrics="emf", metrics_file=str(file)))
    assert isinstance(chosen, Emf)
    chosen.emit(BATCH)
    chosen.emit(BATCH[:1])
    first, *rest = lines(file)
    assert len(rest) == 2
    assert first["_aws"]["Timestamp"] == int(AT.timestamp() * 1000)
    (directive,) = first["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "PizzaAssets"
    assert directive["Dimensions"] == [["Asset"]]
    assert {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]} == {
        name: UNITS[name] for name in FIGURES
    }
    assert {name: first[name] for name in FIGURES} == FIGURES
    assert (first["Asset"], first["RunId"]) == ("raw_orders", "r1")


def test_without_a_file_the_lines_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    Emf("Pizza").emit(BATCH)
    assert [json.loads(line)["Asset"] for line in capsys.readouterr().err.splitlines()] == [
        "raw_orders",
        "order_volume",
    ]


def test_a_file_that_cannot_be_written_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    Emf("Pizza", tmp_path / "file" / "metrics.log").emit(BATCH)
    assert "METRICS_FILE" in caplog.text


def test_cloudwatch_has_the_figures_by_asset() -> None:
    with mock_aws():
        chosen = emitter(Settings.load(metrics="cloudwatch", aws_region="eu-west-2"))
        assert chosen is not None
        chosen.emit(BATCH)
        client = boto3.client("cloudwatch", region_name="eu-west-2")
        found = client.list_metrics(Namespace="PizzaAssets")["Metrics"]
        assert {(metric["MetricName"], metric["Dimensions"][0]["Value"]) for metric in found} == {
            (name, measured.asset) for measured in BATCH for name in measured.figures
        }
        (rows,) = client.get_metric_statistics(
            Namespace="PizzaAssets",
            MetricName="Rows",
            Dimensions=[{"Name": "Asset", "Value": "raw_orders"}],
            StartTime=AT.replace(minute=0),
            EndTime=AT.replace(minute=5),
            Period=300,
            Statistics=["Sum"],
        )["Datapoints"]
        assert rows["Sum"] == 310


def stubbed() -> tuple[Any, Stubber]:
    client = boto3.client("cloudwatch", region_name="eu-west-2")
    return client, Stubber(client)


def test_a_run_is_one_request_that_cloudwatch_accepts() -> None:
    client, stub = stubbed()
    stub.add_response("put_metric_data", {}, {"Namespace": "Pizza", "MetricData": ANY})
    with stub:  # validates the request against the service's own model
        CloudWatch(client, "Pizza").emit(BATCH)
        stub.assert_no_pending_responses()


def test_a_denial_is_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    client, stub = stubbed()
    stub.add_client_error("put_metric_data", "AccessDenied", "not authorized to perform cloudwatch:PutMetricData", 403)
    many = [Measured(f"asset_{n}", "r1", AT, FIGURES) for n in range(400)]
    with stub, caplog.at_level(logging.WARNING):
        CloudWatch(client, "Pizza").emit(many)
    (record,) = caplog.records
    assert "AccessDenied" in record.getMessage()
    assert "METRICS=off" in record.getMessage()


def test_very_many_figures_are_split_at_cloudwatchs_limit() -> None:
    client, stub = stubbed()
    many = [Measured(f"asset_{n}", "r1", AT, {"Rows": n}) for n in range(1001)]
    for _ in range(2):
        stub.add_response("put_metric_data", {}, {"Namespace": "Pizza", "MetricData": ANY})
    with stub:
        CloudWatch(client, "Pizza").emit(many)
        stub.assert_no_pending_responses()
