"""Both instances as Dagster reads them, and the queue of the local one: one run at a time writes days."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._config import process_config
from dagster._core.instance.config import dagster_instance_config
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from pizza_assets.definitions import build_defs
from pizza_assets.merchants.assets import MONTHLY_JOB
from pizza_assets.merchants.assets import POOL as MERCHANTS
from pizza_assets.platform.dagster_partitions import POOL
from pizza_assets.platform.dagster_run_launcher import LocalRunLauncher
from pizza_assets.platform.dagster_runs import _INSTANCE, run_days
from pizza_assets.retail.collect import RETAILERS
from pizza_assets_tests.operations.test_dagster_automation import NOON, TODAY, Daemon, range_tags, run_under_way, some
from pizza_assets_tests.platform.test_pipeline import FIRST, small

ROOT = Path(__file__).parents[2]
LOCAL, PRODUCTION = ROOT / "dagster.yaml", ROOT / "deploy" / "dagster-production.yaml"


def copied(source: Path, home: Path) -> Path:
    (home / "dagster.yaml").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    return home


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(copied(LOCAL, tmp_path)))
    with dg.DagsterInstance.get() as instance:
        yield instance


@pytest.mark.parametrize("source", [LOCAL, PRODUCTION], ids=["local", "production"])
def test_dagster_takes_every_line(source: Path, tmp_path: Path) -> None:
    read, _ = dagster_instance_config(str(copied(source, tmp_path)))
    assert read["telemetry"]["enabled"] is False
    assert read["run_retries"] == {"enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": False}
    assert read["concurrency"]["pools"] == {"granularity": "run", "default_limit": 1}
    assert read["run_monitoring"]["enabled"] is True
    assert read["retention"]["sensor"]["purge_after_days"]["skipped"] == 3


def test_the_local_instance_is_what_its_file_says(local: dg.DagsterInstance, tmp_path: Path) -> None:
    assert isinstance(local.run_launcher, LocalRunLauncher)
    assert isinstance(local.run_coordinator, QueuedRunCoordinator)
    assert local.run_launcher.supports_check_run_worker_health
    assert local.run_monitoring_enabled
    assert local.run_retries_max_retries == 2
    assert local.run_retries_retry_on_asset_or_op_failure is False
    assert {path.name for path in tmp_path.iterdir()} <= {".dagster", "dagster.yaml", "lake"}


def test_an_instance_elsewhere_is_the_projects_but_for_its_places() -> None:
    ours, elsewhere = yaml.safe_load(LOCAL.read_text(encoding="utf-8")), yaml.safe_load(_INSTANCE.format(events="here"))
    places = {"run_storage", "schedule_storage", "local_artifact_storage", "compute_logs"}
    assert {name: value for name, value in ours.items() if name not in places} | {"event_log_storage": None} == {
        **elsewhere,
        "event_log_storage": None,
    }


def test_production_keeps_history_in_postgres_and_logs_in_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster_aws.s3 import S3ComputeLogManager

    document: Mapping[str, Any] = yaml.safe_load(PRODUCTION.read_text(encoding="utf-8"))
    assert list(document["storage"]) == ["postgres"]
    logs = document["compute_logs"]
    assert (logs["module"], logs["class"]) == (S3ComputeLogManager.__module__, S3ComputeLogManager.__name__)
    for name in ("DAGSTER_LOGS_BUCKET", "AWS_REGION"):
        monkeypatch.setenv(name, "there")
    assert process_config(S3ComputeLogManager.config_type(), logs["config"]).success
    coordinator = document["run_coordinator"]
    assert process_config(QueuedRunCoordinator.config_type(), coordinator["config"]).success
    text = PRODUCTION.read_text(encoding="utf-8")
    assert "password: { env:" in text, "no secret stands in the file"


def test_production_opens_with_the_extra_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dagster_postgres")
    for name in ("HOST", "USERNAME", "PASSWORD", "DB"):
        monkeypatch.setenv(f"DAGSTER_PG_{name}", "x")
    read, _ = dagster_instance_config(str(copied(PRODUCTION, tmp_path)))
    assert "postgres" in read["storage"]


def test_whatever_writes_the_lake_is_in_a_pool() -> None:
    """The warehouse's assets are not: the database has locks of its own."""
    graph = build_defs(some()).resolve_asset_graph()
    pools = {"raw": POOL, "match_day": POOL, "dashboard": POOL, "merchants": MERCHANTS}
    writing = [node for node in graph.asset_nodes if node.group_name in pools and node.key.path[-1] != "spice_refresh"]
    assert {node.group_name for node in writing} == set(pools)
    own = {f"raw_{name}": name for name in RETAILERS}  # collected side by side; the lake's lock orders what they store
    assert all(node.pools == {own.get(node.key.path[-1], pools[node.group_name])} for node in writing)


@pytest.fixture
def queue(local: dg.DagsterInstance, repository: dg.RepositoryDefinition) -> dg.DagsterInstance:
    """The local instance after the first look of the sensor catch_up, which comes when the daemon starts."""
    Daemon(local, repository, some()).tick(NOON)
    return local


def queued(instance: dg.DagsterInstance) -> set[str]:
    """Return the runs that the daemon would start now."""
    daemon = QueuedRunCoordinatorDaemon(interval_seconds=5)
    return {run.run_id for run in daemon._get_runs_to_dequeue(instance, instance.get_concurrency_config(), None)}


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    return build_defs(some()).get_repository_def()


def test_two_runs_over_the_same_days_go_one_after_another(
    queue: dg.DagsterInstance, repository: dg.RepositoryDefinition
) -> None:
    """Two backfills from the UI, or one and the schedule: whichever job a run is of, its assets are in the pool."""
    tags = range_tags(TODAY, TODAY)
    first = run_under_way(queue, repository, tags=tags)
    second = run_under_way(queue, repository, tags=tags, asset_selection=frozenset({dg.AssetKey("raw_orders")}))
    page = run_under_way(queue, repository, asset_selection=frozenset({dg.AssetKey("dashboard_page")}))
    assert queued(queue) == {first.run_id}
    queue.report_run_canceled(first)
    assert queued(queue) == {second.run_id}
    queue.report_run_canceled(second)
    assert queued(queue) == {page.run_id}


def test_two_copies_of_the_transactions_go_one_after_another(
    queue: dg.DagsterInstance, repository: dg.RepositoryDefinition
) -> None:
    first = run_under_way(queue, repository, MONTHLY_JOB)
    run_under_way(queue, repository, MONTHLY_JOB)
    days = run_under_way(queue, repository, tags=range_tags(TODAY, TODAY))
    assert queued(queue) == {first.run_id, days.run_id}


def test_while_a_run_writes_days_the_next_one_waits(
    queue: dg.DagsterInstance, repository: dg.RepositoryDefinition
) -> None:
    tags = range_tags(TODAY, TODAY)
    writing = run_under_way(queue, repository, tags=tags, status=dg.DagsterRunStatus.STARTED)
    waiting = run_under_way(queue, repository, tags=tags)
    assert queued(queue) == set()
    queue.report_run_failed(writing)
    assert queued(queue) == {waiting.run_id}


def test_the_evenings_run_goes_before_the_rest_of_a_long_backfill(
    queue: dg.DagsterInstance, repository: dg.RepositoryDefinition
) -> None:
    run_under_way(queue, repository, tags=range_tags(TODAY, TODAY))
    evening = run_under_way(queue, repository, tags={**range_tags(TODAY, TODAY), "dagster/priority": "10"})
    assert queued(queue) == {evening.run_id}


def test_a_run_from_the_command_line_is_seen_by_the_queue(local: dg.DagsterInstance) -> None:
    (run_id,) = run_days(small(), FIRST, FIRST, "raw_matches")
    run = local.get_run_by_id(run_id)
    assert run is not None
    assert run.run_op_concurrency is not None
    assert run.run_op_concurrency.all_pools == {POOL}
