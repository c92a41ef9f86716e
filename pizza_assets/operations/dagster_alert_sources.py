"""What Dagster's records say that somebody has to know, as alerts.

Belongs here: reading one run that has ended, or the freshness of assets, and choosing the words. Does not belong
here: what was read before, and sending (``alerts.py``).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

import dagster as dg

from pizza_assets.dashboard.quicksight.assets import DASHBOARD_DATA, REFRESH_JOB
from pizza_assets.lake.store import Store
from pizza_assets.operations.alerts.alert import Alert
from pizza_assets.operations.alerts.anomalies import anomalies
from pizza_assets.operations.alerts.findings import findings
from pizza_assets.platform.dagster_active_runs import is_to_be_retried, partitions_of
from pizza_assets.platform.dagster_checks import FRESHNESS_CHECK
from pizza_assets.platform.dagster_compat import FreshnessState
from pizza_assets.platform.quality.sources import FALLBACK, KEPT_FACT, UNKNOWN, ShareOfReal

_PAGE = 1000
_FIXTURES_AHEAD = dg.AssetKey("fixtures_ahead")
_ANALYSIS = dg.AssetKey("correlation_results")
#: As the IO manager shows the fact of a mock day for which a real source was set up.
_FELL_BACK = FALLBACK.replace("-", "_")
_MOCK, _KEPT = "Fell back to mock", "Kept, not refreshed"
_RUNBOOK = "docs/operations.md has the usual causes."


def of_run(instance: dg.DagsterInstance, run: dg.DagsterRun, ended: dg.EventLogEntry, store: Store) -> Iterator[Alert]:
    """Yield the alerts of one run that has ended; `ended` is the event that says so."""
    if run.status is dg.DagsterRunStatus.FAILURE:
        yield from _failure(instance, run, ended)
    materializations = [
        entry.asset_materialization
        for entry in _records(instance, run, dg.DagsterEventType.ASSET_MATERIALIZATION)
        if entry.asset_materialization is not None
    ]
    fallbacks = list(_fallbacks(materializations, run.run_id))
    yield from fallbacks
    yield from _not_refreshed(materializations, run.run_id)
    yield from _failed_checks(instance, run, {alert.subject for alert in fallbacks})
    published = [str(item.partition) for item in materializations if item.asset_key == DASHBOARD_DATA]
    if published:
        yield from anomalies(store, published, run.run_id)
    analysed = [str(item.partition) for item in materializations if item.asset_key == _ANALYSIS]
    if analysed:
        yield from findings(store, analysed, run.run_id)


def _failure(instance: dg.DagsterInstance, run: dg.DagsterRun, event: dg.EventLogEntry) -> Iterator[Alert]:
    """Yield the alert of a failed run; none when Dagster tries it again, or when the alert of a check tells it."""
    if is_to_be_retried(run):
        return
    steps = [
        entry.dagster_event
        for entry in _records(instance, run, dg.DagsterEventType.STEP_FAILURE)
        if entry.dagster_event is not None
    ]
    if steps and all(_is_of_checks(step) for step in steps):
        return
    partitions = partitions_of(run) or ()
    is_quicksight = run.job_name == REFRESH_JOB
    yield Alert(
        title="QuickSight refresh failed" if is_quicksight else "Run failed",
        subject=", ".join(dict.fromkeys(str(step.step_key) for step in steps)) or run.job_name,
        sentence="\n".join(dict.fromkeys(map(_sentence, steps))) or _without_step(event),
        action=(
            "Viewers see the data of the last good refresh. Correct what QuickSight says, then re-execute the run."
            if is_quicksight
            else f"Correct what it says, then re-execute the run from failure: finished days are kept. {_RUNBOOK}"
        ),
        partitions=partitions,
        is_range=True,
        run_id=run.run_id,
    )


def _failed_checks(instance: dg.DagsterInstance, run: dg.DagsterRun, fell_back: Collection[str]) -> Iterator[Alert]:
    """Yield an alert for each check of a run that failed with severity ERROR.

    That assets which `fell_back` to mock have no real data is told already.
    """
    for entry in _records(instance, run, dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        evaluation: dg.AssetCheckEvaluation = entry.get_dagster_event().asset_check_evaluation_data
        if evaluation.passed or evaluation.severity is not dg.AssetCheckSeverity.ERROR:
            continue
        asset = evaluation.asset_key.to_user_string()
        if evaluation.check_name == ShareOfReal.name and asset in fell_back:
            continue
        stopped = "Nothing was made from these days. " if evaluation.blocking else ""
        to_do = "The asset's tab Checks shows each day. Correct the source, then run the days again."
        yield Alert(
            title="Data is late" if evaluation.check_name == FRESHNESS_CHECK else "Check failed",
            subject=f"{asset}, {evaluation.check_name}",
            sentence=evaluation.description or f"The check {evaluation.check_name} of {asset} did not pass.",
            action=f"{stopped}{to_do} {_RUNBOOK}",
            partitions=(evaluation.partition,) if evaluation.partition else partitions_of(run) or (),
            is_range=True,
            run_id=run.run_id,
            key=evaluation.check_name,
        )


def _fallbacks(materializations: Sequence[dg.AssetMaterialization], run_id: str) -> Iterator[Alert]:
    """Yield an alert for each cause for which a run stored mock days though a real source is set up."""
    yield from _by_cause(materializations, run_id, _FELL_BACK, "reason", _MOCK, "These days are mock, and say so.")


def _not_refreshed(materializations: Sequence[dg.AssetMaterialization], run_id: str) -> Iterator[Alert]:
    """Yield an alert for each cause for which a run kept real days, or knows only a part of their matches."""
    # The fixtures ahead come from the source of raw_matches, whose alert is enough.
    materializations = [item for item in materializations if item.asset_key != _FIXTURES_AHEAD]
    yield from _by_cause(materializations, run_id, KEPT_FACT, KEPT_FACT, _KEPT, "What is stored of these days stays.")
    told = "These days are real, without the matches of these competitions, and say so."
    yield from _by_cause(materializations, run_id, UNKNOWN, UNKNOWN, "Matches unknown", told)


def _by_cause(
    materializations: Sequence[dg.AssetMaterialization], run_id: str, fact: str, reason: str, title: str, told: str
) -> Iterator[Alert]:
    """Yield an alert for each text that days with a fact in their metadata give as the reason."""
    days: dict[tuple[str, str], list[str]] = defaultdict(list)
    for materialized in materializations:
        facts = {name: value.value for name, value in materialized.metadata.items()}
        if facts.get(fact):
            asset = materialized.asset_key.to_user_string()
            days[asset, str(facts.get(reason, "no reason given"))].append(str(materialized.partition))
    for (asset, sentence), partitions in days.items():
        partitions.sort()
        again = f"pizza-assets backfill --from {partitions[0]} --to {partitions[-1]}"
        yield Alert(
            title=title,
            subject=asset,
            sentence=sentence,
            action=f"{told} When the source answers again: {again}",
            partitions=tuple(partitions),
            run_id=run_id,
        )


def late(instance: dg.DagsterInstance, assets: Iterable[dg.AssetKey], since: float) -> Iterator[tuple[float, Alert]]:
    """Yield the assets that have become late after `since`: when (seconds since 1970), and the alert."""
    for key, record in instance.get_freshness_state_records(list(assets)).items():
        changed = record.updated_at.timestamp()
        if record.freshness_state is FreshnessState.FAIL and changed > since:
            asset = key.to_user_string()
            yield (
                changed,
                Alert(
                    title="Data is late",
                    subject=asset,
                    sentence=f"{asset} has not been materialized in the time that its freshness policy allows.",
                    action=f"See whether the schedule daily_refresh and the sensor catch_up are running. {_RUNBOOK}",
                ),
            )


def _records(
    instance: dg.DagsterInstance, run: dg.DagsterRun, of_type: dg.DagsterEventType
) -> Iterator[dg.EventLogEntry]:
    cursor: str | None = None
    while True:
        page = instance.get_records_for_run(run.run_id, cursor, of_type, limit=_PAGE)
        yield from (record.event_log_entry for record in page.records)
        if not page.has_more:
            return
        cursor = page.cursor


def _messages(step: dg.DagsterEvent) -> list[str]:
    """Return the messages of an error and of what caused it: 'module.Class: words', the cause last."""
    error, messages = step.step_failure_data.error, []
    while error is not None:
        messages.append(error.message.strip())
        error = error.cause
    return messages


def _is_of_checks(step: dg.DagsterEvent) -> bool:
    return any("DagsterAssetCheckFailedError" in message for message in _messages(step))


def _sentence(step: dg.DagsterEvent) -> str:
    """Return what the error says: the words that a Failure was raised with, ours, else the last cause's."""
    told = step.step_failure_data.user_failure_data
    if told is not None and told.description:
        return str(told.description)
    messages = _messages(step)
    ours = next((text.partition(": ")[2] for text in messages if text.startswith("pizza_assets.")), None)
    return ours or (messages[-1] if messages else f"The step {step.step_key} failed without a message.")


def _without_step(event: dg.EventLogEntry) -> str:
    """Return why a run failed outside of its steps: a worker that was killed, definitions that do not load."""
    failed = event.get_dagster_event()
    data = failed.job_failure_data  # None where a worker was found dead
    return data.error.message.strip() if data and data.error else failed.message or "The run failed without a message."
