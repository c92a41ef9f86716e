import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pizza_assets_tests.platform.fake_api import FakeApi, running


@pytest.fixture(scope="module")
def _running_api() -> Iterator[FakeApi]:
    with running() as server:
        yield server


@pytest.fixture
def api(_running_api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    """Return the module's fake API, with nothing asked yet; the machine's own rate limits are left alone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return _running_api.follows(_running_api.script)
