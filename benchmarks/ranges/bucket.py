"""One more day on a bucket: how many requests it makes, of which kind, and how long they take with a delay each.

``python -m benchmarks.ranges.bucket LAKE LAST MILLISECONDS``: a folder is put into a simulated bucket (moto, in this
process), a first day makes the compact months, and the day after it is measured.
"""

import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import boto3
import botocore.endpoint
from moto import mock_aws

from pizza_assets.cli import main
from pizza_assets.lake.store import LocalStore

_BUCKET = "bench"


class _Slow:
    """Counts the requests of botocore, and lets each wait."""

    def __init__(self, seconds: float) -> None:
        self.calls: Counter[str] = Counter()
        self._seconds, self._lock, self._send = seconds, threading.Lock(), botocore.endpoint.Endpoint.make_request

    def __enter__(self) -> "_Slow":
        def send(endpoint: Any, model: Any, params: Any) -> Any:  # noqa: ANN401 botocore's own
            with self._lock:
                self.calls[model.name] += 1
            time.sleep(self._seconds)
            return self._send(endpoint, model, params)

        botocore.endpoint.Endpoint.make_request = send
        return self

    def __exit__(self, *_: object) -> None:
        botocore.endpoint.Endpoint.make_request = self._send


def measure(lake: Path, last: date, milliseconds: float) -> dict[str, Any]:
    """Return the requests by kind and the seconds of the second day after the last one of a lake."""
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ.update(keys, PIZZA_LAKE=f"s3://{_BUCKET}")
    store = LocalStore(lake)
    with mock_aws(), tempfile.TemporaryDirectory() as home:
        os.environ["DAGSTER_HOME"] = home
        client = boto3.client("s3")
        client.create_bucket(Bucket=_BUCKET)
        for item in store.list(""):
            data, facts = store.read_with_metadata(item.key)
            client.put_object(Bucket=_BUCKET, Key=item.key, Body=data, Metadata=dict(facts))
        _day(last + timedelta(days=1))
        with _Slow(milliseconds / 1000) as slow:
            started = time.monotonic()
            _day(last + timedelta(days=2))
            return {"seconds": time.monotonic() - started, "requests": slow.calls.total(), **slow.calls}


def _day(day: date) -> None:
    try:
        main(["backfill", "--from", str(day), "--to", str(day)], standalone_mode=False)
    except SystemExit as ended:
        if ended.code:
            raise


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), date.fromisoformat(sys.argv[2]), float(sys.argv[3]))))
