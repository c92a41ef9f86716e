"""Metrics: what a run did, as figures for CloudWatch.

Belongs here: the figures' names and units, and handing a batch of them over: as PutMetricData, or as lines in the
Embedded Metric Format (EMF) that CloudWatch Logs makes metrics of. Does not belong here: measuring. Metrics never fail
a run: a hand-over that fails is one warning.
"""

import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from pizza_assets.settings import Settings

_LOGGER = logging.getLogger("pizza_assets.metrics")

#: Every figure of an asset in a run, with CloudWatch's unit.
UNITS: Mapping[str, str] = {
    "Days": "Count",
    "Rows": "Count",
    "Rejected": "Count",
    "Bytes": "Bytes",
    "Seconds": "Seconds",
    "ApiCalls": "Count",
    "ApiResponseTime": "Seconds",
    "StoreRetries": "Count",
    "RealShare": "Percent",
    "Failures": "Count",
    "ChecksFailed": "Count",
    "CorrelationStrength": "None",
    "PeakMemory": "Megabytes",
}
#: The fact of a day's analysis that CorrelationStrength is: the largest |r| of all correlations that were measured.
STRONGEST = "strongest-correlation"
#: CloudWatch's own limit of one request.
_AT_ONCE = 1000


@dataclass(frozen=True)
class Measured:
    """What one asset did in one run: figures by their names in ``UNITS``; those without a value are left out."""

    asset: str
    run_id: str
    at: datetime
    figures: Mapping[str, float]


class Emitter(Protocol):
    """Hands figures over."""

    def emit(self, batch: Sequence[Measured]) -> None:
        """Hand a run's figures over. Never raises."""


class CloudWatch:
    """PutMetricData through a boto3 client."""

    def __init__(self, client: Any, namespace: str) -> None:  # noqa: ANN401 boto3 makes client classes at run time
        self._client, self._namespace = client, namespace

    def emit(self, batch: Sequence[Measured]) -> None:
        """Send the figures, all of them in one request unless there are very many."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 only where CloudWatch is used

        data = list(_data(batch))
        try:
            for start in range(0, len(data), _AT_ONCE):
                self._client.put_metric_data(Namespace=self._namespace, MetricData=data[start : start + _AT_ONCE])
        except (ClientError, BotoCoreError) as error:
            _LOGGER.warning(
                "CloudWatch rejected the metrics of this run: %s. The run needs cloudwatch:PutMetricData; "
                "METRICS=off switches them off.",
                error,
            )


def _data(batch: Sequence[Measured]) -> Iterator[Mapping[str, Any]]:
    for measured in batch:
        for name, value in measured.figures.items():
            yield {
                "MetricName": name,
                "Dimensions": [{"Name": "Asset", "Value": measured.asset}],
                "Timestamp": measured.at,
                "Value": value,
                "Unit": UNITS[name],
            }


class Emf:
    """Lines in the Embedded Metric Format, to a file that the CloudWatch agent follows, or to stderr."""

    def __init__(self, namespace: str, file: Path | None = None) -> None:
        self._namespace, self._file = namespace, file

    def emit(self, batch: Sequence[Measured]) -> None:
        """Write a line for each asset."""
        lines = "".join(json.dumps(self._document(measured)) + "\n" for measured in batch)
        try:
            if self._file is None:
                sys.stderr.write(lines)
                return
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as file:
                file.write(lines)
        except OSError as error:
            _LOGGER.warning("The metrics of this run could not be written: %s. Check METRICS_FILE.", error)

    def _document(self, measured: Measured) -> Mapping[str, Any]:
        metrics = [{"Name": name, "Unit": UNITS[name]} for name in measured.figures]
        directive = {"Namespace": self._namespace, "Dimensions": [["Asset"]], "Metrics": metrics}
        return {
            "_aws": {"Timestamp": int(measured.at.timestamp() * 1000), "CloudWatchMetrics": [directive]},
            "Asset": measured.asset,
            "RunId": measured.run_id,
            **measured.figures,
        }


def emitter(settings: Settings) -> Emitter | None:
    """Return what the settings ask for; None when metrics are off."""
    if settings.metrics == "off":
        return None
    if settings.metrics == "emf":
        return Emf(settings.metrics_namespace, Path(settings.metrics_file) if settings.metrics_file else None)
    return CloudWatch(_client(settings), settings.metrics_namespace)


def _client(settings: Settings) -> Any:  # noqa: ANN401 boto3 makes client classes at run time
    """Return a client that gives up soon: nobody waits for metrics."""
    import boto3
    from botocore.config import Config  # noqa: PLC0415 only where CloudWatch is used

    session = boto3.Session(profile_name=settings.aws_profile, region_name=settings.aws_region)
    endpoint = str(settings.aws_endpoint_url) if settings.aws_endpoint_url else None
    config = Config(connect_timeout=2, read_timeout=5, retries={"max_attempts": 2, "mode": "standard"})
    return session.client("cloudwatch", endpoint_url=endpoint, config=config)
