"""The commands of the dashboard, and the server of its page."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner, Result

from pizza_assets.cli import main
from pizza_assets.dashboard import page, publish
from pizza_assets.dashboard.datasets import DATA_SETS
from pizza_assets.dashboard.serve import server
from pizza_assets.dashboard.stored_page import page_file
from pizza_assets.errors import LakeError
from pizza_assets.lake import layout, open_lake
from pizza_assets.lake.store import LocalStore, Store
from pizza_assets.settings import Settings
from pizza_assets_tests.dashboard.test_deploy import ANN
from pizza_assets_tests.dashboard.worlds import FIRST, World, frames_of


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {
        "PIZZA_LAKE": "s3://pizza-lake/data", "QUICKSIGHT_ACCOUNT_ID": "123456789012", "QUICKSIGHT_OWNERS": ANN,
        "AWS_REGION": "eu-west-1",
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


@contextmanager
def served(store: Store) -> Iterator[str]:
    with server(store, Settings.load()).running() as serving:
        yield serving.address


def put(store: Store, text: str) -> None:
    store.write(layout.PAGE_KEY, text.encode(), {})


def test_the_page_is_written_to_the_lake_from_what_is_published(store: Store) -> None:
    publish.publish(store, frames_of(World()), FIRST, "run", {})
    key, text = page.write(store, "run")
    assert store.read(key).decode() == text
    assert "Content-Security-Policy" in text


def test_a_page_of_nothing_published_says_what_to_run(store: Store) -> None:
    with pytest.raises(LakeError, match="pizza-assets demo"):
        page.write(store, "run")


def test_the_page_of_a_bucket_is_copied_to_a_file(store: Store, tmp_path: Path) -> None:
    put(store, "<html>")
    assert page_file(store, tmp_path / "copy").read_text() == "<html>"


def test_dashboard_names_the_file_of_the_page() -> None:
    put(open_lake("lake"), "<html>")
    result = invoke("dashboard", "--no-open")
    assert (result.exit_code, Path(result.output.strip()).read_text()) == (0, "<html>")


def test_dashboard_without_a_page_says_what_to_run() -> None:
    result = invoke("dashboard", "--no-open")
    assert result.exit_code == 2
    assert "pizza-assets demo" in result.output


def test_the_server_shows_the_newest_page_and_its_version(store: Store) -> None:
    put(store, '<html lang="en"><meta content="connect-src &#39;none&#39;">one')
    with served(store) as address:
        first = requests.get(address, timeout=5)
        version = requests.get(f"{address}/version", timeout=5).text
        assert f'data-live="{version}"' in first.text
        assert "connect-src &#39;self&#39;" in first.text
        assert first.headers["X-Content-Type-Options"] == "nosniff"
        put(store, '<html lang="en">two')
        assert requests.get(f"{address}/version", timeout=5).text != version
        assert "two" in requests.get(address, timeout=5).text
        assert requests.get(f"{address}/../../etc/passwd", timeout=5).status_code == 404


def test_a_page_that_the_client_has_is_not_sent_again(store: Store) -> None:
    put(store, '<html lang="en">one')
    with served(store) as address:
        first = requests.get(address, timeout=5)
        known = {"If-None-Match": f'"other", {first.headers["ETag"]}'}
        again = requests.get(address, headers=known, timeout=5)
        assert (again.status_code, again.content) == (304, b"")
        put(store, '<html lang="en">two')
        assert "two" in requests.get(address, headers=known, timeout=5).text


def test_clients_that_wait_share_one_read_of_the_page(tmp_path: Path) -> None:
    may_read, reads = threading.Event(), []

    class SlowStore(LocalStore):
        def read(self, key: str) -> bytes:
            reads.append(key)
            may_read.wait(30)
            return super().read(key)

    store = SlowStore(tmp_path / "lake")
    put(store, '<html lang="en">one')
    reads.clear()
    with served(store) as address, ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(requests.get, address, timeout=30) for _ in range(20)]
        assert requests.get(f"{address}/other", timeout=30).status_code == 404
        may_read.set()
        assert all("one" in answer.result().text for answer in answers)
    assert len(reads) < 10


def test_the_server_of_an_empty_lake_says_what_to_run(store: Store) -> None:
    with served(store) as address:
        answer = requests.get(address, timeout=5)
        assert answer.status_code == 503
        assert "pizza-assets demo" in answer.text


def test_a_real_page_keeps_its_policy_when_served(store: Store) -> None:
    put(store, page.render(frames_of(World())))
    with served(store) as address:
        text = requests.get(address, timeout=5).text
    assert "connect-src &#39;self&#39;" in text
    assert "connect-src &#39;none&#39;" not in text


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("command", "count"), [("deploy", 3 * len(DATA_SETS) + 2), ("teardown", 3 * len(DATA_SETS) + 4)]
)
def test_a_dry_run_prints_every_request_and_asks_nobody(command: str, count: int) -> None:
    result = invoke("quicksight", command, "--dry-run")
    assert result.exit_code == 0, result.output
    assert f"{count} requests, all valid" in result.output
    if command == "deploy":
        board = result.output.split("\nCreateDashboard ")[1].split("\nUpdateDashboardPublishedVersion {")[0]
        assert json.loads(board)["DashboardId"] == "pizza-dashboard"


def test_quicksight_without_settings_says_all_that_is_missing() -> None:
    result = invoke("quicksight", "deploy", "--dry-run")
    assert result.exit_code == 1
    for name in ("PIZZA_LAKE", "QUICKSIGHT_ACCOUNT_ID", "QUICKSIGHT_OWNERS"):
        assert name in result.output
