"""Checks in Dagster: ``platform/quality`` in the UI, and when its checks run.

Belongs here: check specs, results as the UI shows them, freshness as checks that run by themselves. Does not belong
here: what is expected of data (``platform/quality/``).

A check that Dagster runs has no partition in a range run, so ours run inside the asset: each day is measured on its
way to the lake (``io_manager``), all days are judged when the last one is stored, and the result holds a row a day.
"""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from textwrap import shorten
from typing import Any

import dagster as dg
import pandera.pandas as pa

from pizza_assets.errors import ContractError
from pizza_assets.lake.daily import AnyTable
from pizza_assets.lake.store import Store
from pizza_assets.lake.tables import Encoded
from pizza_assets.platform.columns import Source
from pizza_assets.platform.dagster_failures import without_secrets_in_errors
from pizza_assets.platform.dagster_resources import LakeResource
from pizza_assets.platform.kept import Kept
from pizza_assets.platform.quality import history
from pizza_assets.platform.quality.freshness import freshness
from pizza_assets.platform.quality.measured import MadeDay
from pizza_assets.platform.quality.rejects import DUPLICATES, REJECTED
from pizza_assets.platform.quality.results import AnyCheck, Background, DayResult, sentence, worst, worst_first
from pizza_assets.platform.quality.sources import REFRESHED
from pizza_assets.platform.quality.structure import CountsReconcile, Schema
from pizza_assets.settings import Settings

#: Draws a run as SVG, from its last day and what its checks said.
Plot = Callable[[Encoded, Mapping[str, Sequence[DayResult]]], str]

#: Rows of days that a result shows; the history in the lake has all of them.
_SHOWN_DAYS = 20
_LONGEST_MESSAGE, _LONGEST_LINE = 160, 1000
_SEVERITIES = {"error": dg.AssetCheckSeverity.ERROR, "warn": dg.AssetCheckSeverity.WARN}

FRESHNESS_CHECK = "latest_day_is_present"
FRESHNESS_JOB = "check_freshness"
_FRESHNESS_CRON = "15 */6 * * *"


def of_contract(contract: pa.DataFrameSchema) -> list[AnyCheck]:
    """Return the checks that follow from a contract alone: every daily table has them."""
    return [Schema(contract), CountsReconcile()]


def of_collected(contract: pa.DataFrameSchema) -> list[AnyCheck]:
    """Return the checks of a daily table that comes from outside, where records may be rejected."""
    return [*of_contract(contract), DUPLICATES, REJECTED, REFRESHED]


def specs(asset: str, checks: Sequence[AnyCheck]) -> list[dg.AssetCheckSpec]:
    """Return the checks of an asset as Dagster declares them."""
    return [
        dg.AssetCheckSpec(check.name, asset=asset, description=check.description, blocking=check.is_blocking)
        for check in checks
    ]


def table_of_days(results: Sequence[DayResult]) -> dg.TableMetadataValue:
    """Return a row for each day with its figures, failing days first, as the UI shows it."""
    shown = worst_first(results)[:_SHOWN_DAYS]
    figures = list(dict.fromkeys(name for result in shown for name in result.figures))
    return dg.MetadataValue.table(
        records=[
            dg.TableRecord(
                {
                    "day": result.day.isoformat(),
                    "result": result.status,
                    **{name: result.figures.get(name, "") for name in figures},
                    "message": shorten(result.message, _LONGEST_MESSAGE, placeholder=" …"),
                }
            )
            for result in shown
        ],
        schema=dg.TableSchema(columns=[dg.TableColumn(name) for name in ("day", "result", *figures, "message")]),
    )


def check_result(name: str, results: Sequence[DayResult], where: str) -> dg.AssetCheckResult:
    """Return what a check says about the days of a run, as the UI shows it.

    The numbers of the newest day stand beside the table, so that the UI plots them over runs.
    """
    status = worst(results)
    newest = max(results, key=lambda result: result.day)
    return dg.AssetCheckResult(
        check_name=name,
        passed=status in {"passed", "skipped"},
        severity=_SEVERITIES.get(status, dg.AssetCheckSeverity.ERROR),
        description=shorten(sentence(results), _LONGEST_LINE, placeholder=" …"),
        metadata={
            "days": table_of_days(results),
            "days_judged": len(results),
            "days_failed": sum(result.status in {"warn", "error"} for result in results),
            **{f"newest_{figure}": value for figure, value in newest.figures.items()},
            "history": where,
        },
    )


def kept_results(
    store: Store,
    asset: str,
    run_id: str,
    results: Mapping[str, Sequence[DayResult]],
    sources: Mapping[date, Source] | None = None,
) -> list[dg.AssetCheckResult]:
    """Keep what checks say about an asset in the lake's history, and return it as Dagster takes it."""
    judged = {name: found for name, found in results.items() if found}
    if not judged:
        return []
    where = store.uri(history.write(store, history.Evaluation(asset, run_id, datetime.now(UTC), judged, sources or {})))
    return [check_result(name, found, where) for name, found in judged.items()]


class Checking:
    """The checks of a daily asset during one run: what they measured of its days is judged at the end."""

    def __init__(self, asset: str, checks: Sequence[AnyCheck], plot: Plot | None = None) -> None:
        self.asset, self.checks, self._plot = asset, checks, plot
        self._measured: dict[str, dict[date, Any]] = {check.name: {} for check in checks}
        self._sources: dict[date, Source] = {}
        self.kept: list[Kept] = []
        self._results: Mapping[str, Sequence[DayResult]] = {}
        self._where = ""
        self._last: Encoded | None = None

    def take(self, made: MadeDay) -> None:
        """Take what the checks measured of a day that is stored."""
        if made.content.data_source is not None:
            self._sources[made.day] = made.content.data_source
        for name, measured in made.measured.items():
            self._measured[name][made.day] = measured
        self._last = made.encoded

    def keep(self, kept: Kept) -> None:
        """Take a day that stays as it is stored: one check warns of it, the others judged it when it was stored."""
        self.kept.append(kept)
        self._sources[kept.day] = "real"

    def judge(self, stored: AnyTable, run_id: str) -> None:
        """Judge all measured days, and keep the results in the lake."""
        days = [day for measured in self._measured.values() for day in measured] + [kept.day for kept in self.kept]
        if not days:
            return
        now = datetime.now(UTC)
        background = Background(stored, min(days), now.date())
        results = {check.name: self._judged(check, background) for check in self.checks}
        self._keep(stored.store, results, run_id, now)

    def _judged(self, check: AnyCheck, background: Background) -> list[DayResult]:
        measured = self._measured[check.name]
        results = list(check.judge(measured, background)) if measured else []
        if check is REFRESHED:
            return results + [REFRESHED.judged(kept) for kept in self.kept]
        return results + [DayResult(kept.day, "skipped", str(kept)) for kept in self.kept]

    def plot_shown(self) -> dg.MarkdownMetadataValue | None:
        """Draw the picture of the run, once its days are judged; None where the asset has none."""
        if self._plot is None or self._last is None:
            return None
        data = base64.b64encode(self._plot(self._last, self._results).encode()).decode()
        return dg.MetadataValue.md(f"![{self.asset}](data:image/svg+xml;base64,{data})")

    def rejection(self, error: Exception, store: Store, run_id: str) -> dg.AssetCheckEvaluation | None:
        """Return the check that rejected a day with this error, if one did, and keep its result in the lake."""
        rejected = error.rejected if isinstance(error, ContractError) else None
        if rejected is None or rejected[1] not in self._measured:
            return None
        day, name = rejected
        self._keep(store, {name: [DayResult(day, "error", str(error))]}, run_id, datetime.now(UTC))
        (result,) = self.outcomes()
        return dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(self.asset),
            check_name=name,
            passed=False,
            metadata=result.metadata or {},
            severity=result.severity,
            description=result.description,
            blocking=True,
        )

    def errors(self) -> int:
        """Return how many checks found an error on a day; a warning is none."""
        return sum(any(result.status == "error" for result in results) for results in self._results.values())

    def outcomes(self) -> Iterator[dg.AssetCheckResult]:
        """Yield the result of each check, as Dagster takes it."""
        for name, results in self._results.items():
            yield check_result(name, results, self._where)

    def _keep(
        self, store: Store, results: Mapping[str, Sequence[DayResult]], run_id: str, evaluated_at: datetime
    ) -> None:
        self._results = results
        evaluation = history.Evaluation(self.asset, run_id, evaluated_at, results, self._sources)
        self._where = store.uri(history.write(store, evaluation))


def freshness_check(settings: Settings, asset: str, prefix: str) -> dg.AssetChecksDefinition:
    """Return the check that the latest complete day of an asset is in the lake below `prefix`; it reads the listing."""

    @dg.asset_check(
        asset=dg.AssetKey(asset),
        name=FRESHNESS_CHECK,
        description=(
            f"The newest complete day in the lake ended at most {settings.freshness_hours:.0f} h ago (FRESHNESS_HOURS)."
        ),
    )
    @without_secrets_in_errors
    def latest_day_is_present(lake: LakeResource) -> dg.AssetCheckResult:
        found = freshness(lake.store().list(f"{prefix}/"), datetime.now(UTC), settings.freshness_hours)
        return dg.AssetCheckResult(
            passed=found.is_fresh,
            severity=dg.AssetCheckSeverity.WARN if found.newest_complete is None else dg.AssetCheckSeverity.ERROR,
            description=found.sentence,
            metadata={
                "newest_complete_day": str(found.newest_complete or "none"),
                **({} if found.hours is None else {"hours_since_its_end": round(found.hours, 1)}),
                "limit_hours": settings.freshness_hours,
            },
        )

    return latest_day_is_present


def freshness_defs(settings: Settings, prefixes: Mapping[str, str]) -> dg.Definitions:
    """Return the freshness checks of these assets, whose days lie below these prefixes, with their job and schedule."""
    checks = [freshness_check(settings, asset, prefix) for asset, prefix in prefixes.items()]
    job = dg.define_asset_job(
        FRESHNESS_JOB,
        selection=dg.AssetSelection.checks(*checks),
        description="Check that the latest complete day of each data set is in the lake. Reads listings only.",
    )
    schedule = dg.ScheduleDefinition(
        name=FRESHNESS_JOB,
        job=job,
        cron_schedule=_FRESHNESS_CRON,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every six hours: is the latest complete day there? It makes no data.",
    )
    return dg.Definitions(asset_checks=checks, jobs=[job], schedules=[schedule])
