"""Metrics in Dagster: what a run stores is measured day by day, shown in the UI, and handed over when the run ends.

Belongs here: measuring, and collecting what is measured. Does not belong here: figures' names and CloudWatch
(``pizza_assets.platform.metrics``).
"""

import resource
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from time import monotonic
from typing import Any

import dagster as dg

from pizza_assets.lake.store import Store
from pizza_assets.platform.http import Calls
from pizza_assets.platform.metrics import STRONGEST, Measured, emitter
from pizza_assets.platform.quality.measured import Item, MadeDay
from pizza_assets.settings import Settings


class Batch:
    """What is measured in a run."""

    def __init__(self) -> None:
        self.measured: list[Measured] = []

    def add(self, measured: Measured) -> None:
        """Take the figures of an asset."""
        self.measured.append(measured)


def metrics_resource(settings: Settings) -> dg.ResourceDefinition:
    """Return the resource that takes what is measured in a run, and hands it over at the end of the run."""

    @dg.resource(description="Collects figures during a run and sends them to CloudWatch at its end.")
    @contextmanager
    def metrics(_: dg.InitResourceContext) -> Iterator[Batch]:
        batch = Batch()
        try:
            yield batch
        finally:
            chosen = emitter(settings) if batch.measured else None
            if chosen is not None:
                chosen.emit(batch.measured)

    return metrics


class Meter:
    """Measures the days of one asset in one run, one after another; `calls` counts the calls of its APIs."""

    def __init__(self, calls: Calls, store: Store) -> None:
        self._calls, self._store = calls, store
        self._retries = store.retries
        self._started = monotonic()
        self._known = Calls()
        self._by_day: dict[date, Calls] = {}
        self._days: list[dict[str, float]] = []
        self._shares: list[float] = []
        self._strengths: list[float] = []

    def counted(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the days of an asset, and note how often APIs were asked for each.

        What was asked for a range of days counts for its first day.
        """
        for item in items:
            number, seconds = self._calls.number, self._calls.seconds
            self._by_day[item[0]] = Calls(number - self._known.number, seconds - self._known.seconds)
            self._known = Calls(number, seconds)
            yield item

    def day(self, made: MadeDay, seconds: float) -> dict[str, Any]:
        """Return the figures of a day that was just stored in so many seconds, as the UI plots them."""
        size, counts, source = made.encoded.size, made.content.counts, made.content.data_source
        figures: dict[str, Any] = {"seconds": round(made.seconds + seconds, 3), "bytes": size}
        self._days.append({"Rows": counts["rows"], "Rejected": counts["rejected"], "Bytes": size})
        if source is not None:
            self._shares.append(100.0 if source == "real" else 0.0)
        strength = made.content.facts.get(STRONGEST)
        if isinstance(strength, float):
            self._strengths.append(strength)
        return figures | self.asked_for(made.day)

    def asked_for(self, day: date) -> dict[str, Any]:
        """Return how often APIs were asked for a day, and how long they took to answer; empty when they were not."""
        calls = self._by_day.get(day)
        if not calls or not calls.number:
            return {}
        return {"api_calls": calls.number, "api_response_seconds": round(calls.seconds / calls.number, 3)}

    def measured(self, asset: str, run_id: str, *, failed: bool, checks_failed: int = 0) -> Measured:
        """Return the figures of the asset in the run, of which so many checks ended with an error."""
        sums = {name: _sum(self._days, name) for name in ("Rows", "Rejected", "Bytes")}
        figures: dict[str, float] = {
            "Days": len(self._days),
            **sums,
            "Seconds": round(monotonic() - self._started, 3),
            "ApiCalls": self._calls.number,
            "StoreRetries": self._store.retries - self._retries,
            "Failures": int(failed),
            "ChecksFailed": checks_failed,
            "PeakMemory": round(_peak_megabytes(), 1),
        }
        if self._calls.number:
            figures["ApiResponseTime"] = round(self._calls.seconds / self._calls.number, 3)
        if self._shares:
            figures["RealShare"] = sum(self._shares) / len(self._shares)
        if self._strengths:
            figures["CorrelationStrength"] = self._strengths[-1]
        return Measured(asset, run_id, datetime.now(UTC), figures)


def _peak_megabytes() -> float:
    """Return the most memory that this process had so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10  # bytes there, KiB elsewhere


def _sum(days: Sequence[dict[str, float]], name: str) -> float:
    return sum(day[name] for day in days)
