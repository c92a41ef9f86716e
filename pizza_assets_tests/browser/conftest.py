"""Chromium, driven by Playwright, and the page of several seasons as files.

Without Chromium or Playwright every test here is skipped and says what is missing; ``make test-browser``
installs both.
"""

import gzip
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pizza_assets.dashboard import page as page_renderer
from pizza_assets_tests.dashboard.worlds import Frames

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
Open = Callable[..., Any]


def _chromium() -> str | None:
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is missing: make test-browser installs it")
    path = _chromium()
    if path is None:
        pytest.skip("Chromium is missing: make test-browser installs it")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Frames], Path]:
    """Render a season once and return its file."""
    folder = tmp_path_factory.mktemp("pages")

    def file_of(name: str, frames: Frames) -> Path:
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(page_renderer.render(frames), encoding="utf-8")
        return path

    return file_of


@pytest.fixture
def open_page(browser: Any, page_file: Callable[[str, Frames], Path]) -> Iterator[Open]:
    """Open a season's page, offline. Errors, network requests and dialogs fail the test at its end."""
    troubles: list[str] = []
    contexts = []

    def opened(name: str, frames: Frames, hash_: str = "", **options: Any) -> Any:
        context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 900}, "timezone_id": "America/Los_Angeles", **options}
        )
        contexts.append(context)
        context.set_offline(True)
        tab = context.new_page()
        tab.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        tab.on("console", lambda message: troubles.append(f"console: {message.text}"))
        tab.on("dialog", lambda dialog: (troubles.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        tab.on("request", lambda request: _note(request.url, troubles))
        tab.goto(page_file(name, frames).as_uri() + hash_)
        tab.locator("html[data-drawn]").wait_for(state="attached")
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert not troubles, troubles


def _note(url: str, troubles: list[str]) -> None:
    if not url.startswith(("file:", "data:", "blob:")):
        troubles.append(f"request: {url}")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the figures that the dashboard is judged by: what tests gave to `record_property`, in any process."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties if report.when == "call" else []:
            terminalreporter.write_line(f"{name}: {value}")


def gzipped_kib(path: Path) -> float:
    """Return the size of a file as a server would send it."""
    return round(len(gzip.compress(path.read_bytes())) / 1024, 1)
