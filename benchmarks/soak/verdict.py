"""What a soak has to show for itself: a table of its days, and whether everything holds."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise

import dagster as dg

from benchmarks.soak.script import FIRST, ZONE, Soak
from pizza_assets.lake.layout import RAW_MATCHES, SALES_TABLES
from pizza_assets.lake.status import layers
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import DailyTable
from pizza_assets.operations import expected_partitions
from pizza_assets.operations.alerts.alert import Alert
from pizza_assets.platform.dagster_active_runs import ACTIVE_RUNS, partitions_of

Check = tuple[str, bool, str]


def _kind(run: dg.DagsterRun) -> str:
    key = run.tags.get("dagster/run_key", "")
    retry = ", retried" if "dagster/retry_number" in run.tags else ""
    if not key.startswith("catch-up"):
        return f"evening{retry}"
    return ("kept, asked again" if key.startswith("catch-up-kept") else "catch-up") + retry


def _days(run: dg.DagsterRun) -> list[date]:
    first, last = map(date.fromisoformat, partitions_of(run) or ("2025-01-02", "2025-01-01"))
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


class Verdict:
    """Judges a soak that is over."""

    def __init__(self, soak: Soak, store: Store, texts: Sequence[str], environment: Mapping[str, str]) -> None:
        self._soak, self._store, self._texts, self._environment = soak, store, texts, environment
        self._records = soak.instance.get_run_records(order_by="id", ascending=True)
        self._runs = [record.dagster_run for record in self._records]
        self._matches = DailyTable(store, RAW_MATCHES)

    def table(self) -> Iterator[str]:
        """Yield the table, a line for each day."""
        yield f"{'day':<12}{'matches':<9}{'written by':<46}what happened"
        for day, kept in self._matches.stored.items():
            wrote = [run for run in self._runs if day in _days(run) and run.status is dg.DagsterRunStatus.SUCCESS]
            by = Counter(map(_kind, wrote))
            told = ", ".join(f"{number} x {kind}" for kind, number in by.items())
            reason = self._matches.facts(day).get("reason", "")
            notes = [*self._soak.notes.get(day, []), *([f"mock: {reason.split('found ')[-1]}"] if reason else [])]
            yield f"{day!s:<12}{kept.source or '':<9}{told:<46}{'; '.join(notes)[:110]}"

    def checks(self) -> Iterator[Check]:
        """Yield what has to hold, whether it does, and what was found."""
        last = max(self._matches.stored)
        expected = {FIRST - timedelta(days=1) + timedelta(days=n) for n in range((last - FIRST).days + 2)}
        found = {layer.name: set(layer.days) for layer in layers(self._store) if layer.name not in SALES_TABLES}
        lacking = {name: sorted(map(str, expected ^ days)) for name, days in found.items() if days != expected}
        yield f"every layer has all {len(expected)} days, and no other", not lacking, str(lacking or "")
        due = expected_partitions.expected(FIRST - expected_partitions.ONE_DAY, self._soak.clock.now(), ZONE)
        collected = expected_partitions.collected_at(self._soak.store, due)
        partial = expected_partitions.missing(due, collected, self._soak.clock.now(), ZONE)
        yield "every day was collected after it had ended", not partial, ", ".join(map(str, partial))
        kept = sorted(expected_partitions.kept_since(self._soak.store, FIRST - expected_partitions.ONE_DAY))
        yield "no real day is still waiting for its source", not kept, ", ".join(map(str, kept))
        yield self._catch_up()
        yield self._one_at_a_time()
        yield self._ended()
        yield self._labels()
        yield from self._alerts()
        verified = subprocess.run(
            [sys.executable, "-c", "from pizza_assets.cli import main; main()", "verify"],
            cwd=self._environment["TMPDIR"],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        said = (verified.stdout + verified.stderr).strip().splitlines() or [""]
        yield "pizza-assets verify is clean", verified.returncode == 0, said[-1]

    def _catch_up(self) -> Check:
        caught = Counter(day for run in self._runs if _kind(run) == "catch-up" for day in _days(run))
        good = self._soak.missed <= set(caught) and set(caught.values()) <= {1}
        found = ", ".join(f"{day} {times}x" for day, times in sorted(caught.items()))
        return "each missed day was caught up once", good, found

    def _one_at_a_time(self) -> Check:
        spans = sorted((found.start_time, found.end_time) for found in self._records if found.start_time)
        overlaps = [
            f"{before} {after}" for before, after in pairwise(spans) if (before[1] or 0) > (after[0] or 0) + 0.01
        ]
        return "no two runs wrote at once", not overlaps, f"{len(spans)} runs {'; '.join(overlaps)}"

    def _ended(self) -> Check:
        left = [run.run_id for run in self._runs if run.status in ACTIVE_RUNS]
        failed = [run for run in self._runs if run.status is dg.DagsterRunStatus.FAILURE]
        lost = [run.run_id for run in failed if "dagster/auto_retry_run_id" not in run.tags]
        return "every run ended; what was killed was tried again", not left and not lost, f"{len(failed)} killed"

    def _labels(self) -> Check:
        wrong = [
            str(day)
            for day, kept in self._matches.stored.items()
            if set(self._matches[day]["data_source"]) - {kept.source}
            or self._matches.facts(day)["data-source"] != kept.source
            or (kept.source == "mock") != ("reason" in self._matches.facts(day))
        ]
        mock = [day for day, kept in self._matches.stored.items() if kept.source == "mock"]
        return "mock days say so, and why", bool(mock) and not wrong, f"{len(mock)} mock days {' '.join(wrong)}"

    def _alerts(self) -> Iterator[Check]:
        headlines = Counter(text.splitlines()[0] for text in self._texts)
        causes = {
            Alert("Fell back to mock", "raw_matches", self._matches.facts(day)["reason"], "").cause
            for day, kept in self._matches.stored.items()
            if kept.source == "mock"
        }
        sent = Counter(
            Alert("Fell back to mock", "raw_matches", text.splitlines()[2], "").cause
            for text in self._texts
            if text.startswith("Fell back to mock: raw_matches")
        )
        told = "; ".join(f"{number} x {headline}" for headline, number in headlines.items())
        yield "every cause of a mock day reached Slack", bool(causes) and causes <= set(sent), told
        yield "and none twice", set(sent.values()) <= {1}, f"{len(sent)} causes"
        expected = ("Fell back to mock", "Kept, not refreshed")
        others = [headline for headline in headlines if not headline.startswith(expected)]
        yield "nothing else was alerted", not others, "; ".join(others)
        token = self._environment["FOOTBALL_API_KEY"]
        yield "without the API's token", not any(token in text for text in self._texts), ""
