"""No secret leaves: a marker stands in every secret setting, every service repeats all of them, and nothing has any.

What is searched: the lake with its metadata and quarantine, Dagster's history and logs, stdout and stderr, those of the
steps of a daemon's run too (compute logs), and the alerts by Slack and mail.
"""

import base64
import gzip
import io
import json
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import get_args
from urllib.parse import quote

import dagster as dg
import pyarrow.parquet
import pytest
from pydantic import SecretStr

import pizza_assets
from pizza_assets.dashboard.quicksight import assets as quicksight
from pizza_assets.dashboard.quicksight.api import BotoApi
from pizza_assets.definitions import build_defs
from pizza_assets.operations.dagster_alerts import alert_sensor
from pizza_assets.platform import logs, redaction
from pizza_assets.platform.dagster_runs import local_instance
from pizza_assets.retail import assets as retail
from pizza_assets.settings import Settings
from pizza_assets.warehouse import assets as warehouse
from pizza_assets_tests.leaks.liar import FORMS, MODES, Liar, LiarServer, LyingDatabase, LyingMailServer, serving

FIRST = date(2024, 5, 1)
COLLECTED = ("raw_matches", "raw_orders", "raw_retailer_1", "raw_retailer_2", "raw_retailer_3")
_AWS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def secret_settings() -> list[str]:
    """Return the names of all settings that hold a secret, by their type."""
    return [
        name
        for name, field in Settings.model_fields.items()
        if SecretStr in (field.annotation, *get_args(field.annotation))
    ]


class World:
    """Markers in all secrets, servers that repeat them, and the places where something is written."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.liar = Liar()
        self.server, self.database = LiarServer(self.liar), LyingDatabase(self.liar)
        self.mail = LyingMailServer(self.liar)
        self.markers = {
            # Letters and numbers alone would look the same in an address and in JSON.
            name: f'Mk{number}-{name.replace("_", "")[:12]}/+"&{number}z'
            for number, name in enumerate(secret_settings())
        }
        self.markers |= {name: f"Mk-{name}/+x" for name in _AWS}
        hook, password = self.markers["slack_webhook_url"], self.markers["warehouse_url"]
        self.markers["slack_webhook_url"] = re.sub(r"\W", "", hook)
        port = self.database.server_address[1]
        values = {
            **{name: self.markers[name] for name in secret_settings()},
            "slack_webhook_url": f"{self.server.url}/services/T0/B0/{self.markers['slack_webhook_url']}",
            "warehouse_url": f"postgresql://pizza:{quote(password, safe='')}@127.0.0.1:{port}/pizza",
            "football_api_url": f"{self.server.url}/football",
            "dominos_api_url": f"{self.server.url}/dominos",
            **{f"retailer_{n}_url": f"{self.server.url}/retailer_{n}" for n in (1, 2, 3)},
            "retailer_2_client_id": "client",
            "retailer_3_user": "user",
            "pizza_start_date": FIRST.isoformat(),
            "pizza_lake": str(folder / "lake"),
            "mock_orders_per_store_day": "1",
            "max_api_retries": "0",
            "max_requests_per_minute": "100000",
            "max_requests_per_hour": "100000",
            "retailer_requests_per_minute": "100000",
            "metrics": "cloudwatch",
            "quicksight_account_id": "123456789012",
            "smtp_host": "127.0.0.1",
            "smtp_port": str(self.mail.server_address[1]),
            "smtp_user": "pizza",
            "alert_email_from": "pizza@example.com",
            "alert_email_to": "people@example.com",
        }
        for name, value in values.items():
            monkeypatch.setenv(name.upper(), value)
        for name in _AWS:
            monkeypatch.setenv(name, self.markers[name])
        monkeypatch.setenv("AWS_ENDPOINT_URL", self.server.url)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        monkeypatch.setenv("DAGSTER_HOME", str(self.home))
        monkeypatch.setenv("TMPDIR", str(folder))
        monkeypatch.setattr("tempfile.tempdir", str(folder))
        for module, name in ((retail, "RETRIES"), (warehouse, "RETRIES"), (quicksight, "_RETRIES")):
            monkeypatch.setattr(module, name, 0)
        self.liar.secrets = list(self.markers.values())
        self.liar.signing_key = self.markers["retailer_3_signing_key"]
        self.stderr = io.StringIO()

    def collect(self, *modes: str) -> None:
        """Collect a day from every API in each of these modes, the forms in turn."""
        settings = Settings.load()
        job = dg.define_asset_job("collect", dg.AssetSelection.assets(*map(dg.AssetKey, COLLECTED)))
        resolved = dg.Definitions.merge(build_defs(settings), dg.Definitions(jobs=[job])).resolve_job_def("collect")
        with local_instance() as instance:
            for number, mode in enumerate(modes):
                self.liar.mode, self.liar.form = mode, list(FORMS)[number % len(FORMS)]
                day = FIRST + timedelta(days=2 * number)
                resolved.execute_in_process(instance=instance, tags=_range(day), raise_on_error=False)
            self.alert(instance, settings)

    def alert(self, instance: dg.DagsterInstance, settings: Settings) -> None:
        """Look for alerts as the daemon does."""
        sensor = alert_sensor(settings, lambda: datetime.now(UTC) + timedelta(seconds=10))
        sensor.evaluate_tick(dg.build_sensor_context(instance))

    def run_as_the_daemon_does(self) -> "subprocess.CompletedProcess[str]":
        """Run a job in a process of its own, on an instance as the repository's dagster.yaml has it."""
        home = self.folder / "daemon"
        home.mkdir()
        shutil.copy(Path(pizza_assets.__file__).parents[1] / "dagster.yaml", home)
        return subprocess.run(
            [sys.executable, "-m", "dagster", "job", "execute", "-m", "pizza_assets.definitions", "-j", "match_day",
             "--tags", json.dumps(_range(FIRST + timedelta(days=365)))],
            cwd=home,
            env={**os.environ, "DAGSTER_HOME": str(home), "PIZZA_ALLOW_MOCK": "false"},
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip

    def fail(self, name: str, **changes: object) -> None:
        """Run an asset that fails: the lake, the warehouse or QuickSight rejects."""
        settings = Settings.load(**changes)
        job = dg.define_asset_job("fail", dg.AssetSelection.assets(dg.AssetKey(name)))
        defs = dg.Definitions.merge(build_defs(settings), dg.Definitions(jobs=[job]))
        with local_instance() as instance:
            result = defs.resolve_job_def("fail").execute_in_process(
                instance=instance, tags=_range(FIRST) if name != "spice_refresh" else {}, raise_on_error=False
            )
            assert not result.success
            self.alert(instance, settings)


def _range(day: date) -> dict[str, str]:
    return {f"dagster/asset_partition_range_{end}": day.isoformat() for end in ("start", "end")}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World(tmp_path / "world", monkeypatch)
    made.home.mkdir(parents=True)
    root, handler = logging.getLogger(), logs.handler(made.stderr)
    before = root.handlers[:]
    root.addHandler(handler)
    with serving(made.server, made.database, made.mail):
        yield made
    root.handlers = before


def texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the name of each file below a folder, and all that it holds as text: compressed content, too."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        if path.suffix == ".parquet":
            table = pyarrow.parquet.read_table(path)
            data = json.dumps(table.to_pylist(), default=str).encode() + str(table.schema).encode()
        yield str(path.relative_to(folder)), f"{path.relative_to(folder)}\n{data.decode(errors='replace')}"


def spellings(marker: str) -> set[str]:
    """Return all ways to write a marker that are searched for; longer texts hold one of these."""
    shifted = (base64.b64encode(b"\0" * shift + marker.encode()).decode()[4:-4] for shift in (0, 1, 2))
    cores = {form for core in shifted for form in (core, core.replace("+", "-").replace("/", "_"))}
    plain = {marker, json.dumps(marker)[1:-1], json.dumps(json.dumps(marker))[3:-3]}
    numbers = {"".join(rf"\u{ord(character):04x}" for character in marker)}
    address = {quote(marker, safe=""), quote(marker), *(FORMS["in an address, each byte"](marker),)}
    return plain | numbers | address | cores | {quote(core, safe="") for core in cores}


def found(markers: Sequence[str], searched: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return where a marker stands, and in which spelling."""
    wanted = [spelling for marker in markers for spelling in spellings(marker)]
    return [(name, spelling) for name, text in searched for spelling in wanted if spelling in text]


def everything(
    world: World, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> list[tuple[str, str]]:
    out, err = capfd.readouterr()
    spoken = [("stdout", out), ("stderr", err), ("log", world.stderr.getvalue()), ("records", caplog.text)]
    return [*texts(world.folder), *spoken, *world.liar.alerts]


def test_no_marker_is_written_whatever_the_services_answer(
    world: World, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every mode once, the forms in turn; each service that fails; then all that was written is searched."""
    monkeypatch.setattr(BotoApi.__init__, "__defaults__", (1, 0.0))
    world.collect(*MODES)
    world.fail("raw_matches", pizza_lake="s3://pizza-lake")
    world.fail("sales_retailer_1")
    world.fail("spice_refresh")
    world.liar.mode = "400"
    command = [sys.executable, "-c", "from pizza_assets.cli import main; main()", "--debug", "backfill"]
    ended = subprocess.run(
        [*command, "--from", "2024-05-03", "--to", "2024-05-03", "--select", "group:raw"],
        env={**os.environ, "PIZZA_ALLOW_MOCK": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "PIZZA_ALLOW_MOCK=false forbids mock ones" in ended.stderr
    daemon = world.run_as_the_daemon_does()
    assert daemon.returncode == 1
    spoken = [("command's stdout", ended.stdout), ("command's stderr", ended.stderr)]
    spoken += [("daemon's stdout", daemon.stdout), ("daemon's stderr", daemon.stderr)]
    searched = [*everything(world, capfd, caplog), *spoken]
    leaks = found(list(world.markers.values()), searched)
    assert leaks == []
    assert set(world.liar.answers) == {
        "/football", "/dominos", "/retailer_1", "/retailer_2", "/retailer_3", "/services", "/aws", "postgresql", "smtp",
    }  # fmt: skip
    assert {kind for kind, _ in world.liar.alerts} == {"message to Slack", "mail"}
    names = [name for name, _ in searched]
    for place in (".metadata/", "/rejected/", "/received/", ".db", "compute-logs/"):
        assert any(place in name for name in names), place
    assert sum(text.count("[redacted]") for _, text in searched) > 100, "the services were heard"
    with capfd.disabled():
        sys.stderr.write(
            f"\n{len(world.markers)} secrets, {sum(world.liar.answers.values())} answers, {len(MODES)} modes, "
            f"{len(FORMS)} forms, {len(searched)} files and streams searched: {len(leaks)} found\n"
        )


@pytest.mark.parametrize("place", [".metadata", "/received/", ".db", "log"])
def test_the_search_finds_markers_where_redaction_is_off(
    world: World,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    monkeypatch.setattr(redaction, "_without", lambda text, secrets, shortest: text)
    world.collect("values", "403")
    leaks = found(list(world.markers.values()), everything(world, capfd, caplog))
    assert any(place in name for name, _ in leaks)
