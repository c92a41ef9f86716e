"""``python -m benchmarks.soak``: a real daemon through weeks of a season, in minutes; exits 1 when something fails.

The football API answers a third of the requests with a fault. The daemon is killed twice with SIGKILL, once alone and
once with its run, and stays away for days. At the end every day is there exactly once, mock days say so and were
alerted, and ``pizza-assets verify`` is clean. Everything lies in a folder of its own, kept when something fails.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import timedelta
from html import unescape
from pathlib import Path

import dagster as dg

from benchmarks.soak.clock import VARIABLE, Clock, ClockedStore
from benchmarks.soak.daemon import Daemon, environment_of, make_instance
from benchmarks.soak.script import FIRST, ZONE, Soak, SoakError
from benchmarks.soak.season import Season
from benchmarks.soak.verdict import Verdict
from pizza_assets.lake import open_lake
from pizza_assets_tests.operations.alerts.receivers import SlackServer, serving
from pizza_assets_tests.platform.fake_api import running

TOKEN = "soak-0123456789abcdef"  # noqa: S105 of an API on loopback


def _environment(home: Path, api: str, slack: str) -> Mapping[str, str]:
    """Return the settings of the daemon and its runs."""
    settings = {
        VARIABLE: str(home / "clock.json"),
        "TMPDIR": str(home / "tmp"),
        "PIZZA_LAKE": str(home / "lake"),
        "PIZZA_START_DATE": (FIRST - timedelta(days=30)).isoformat(),
        "DAILY_REFRESH_TIME_ZONE": ZONE,
        "FOOTBALL_API_URL": api,
        "FOOTBALL_API_KEY": TOKEN,
        "SLACK_WEBHOOK_URL": slack,
        "ALERTS_PER_HOUR": "1000",
        "MAX_API_RETRIES": "1",
        "API_TIMEOUT": "5",
        "MAX_REQUESTS_PER_MINUTE": "600",
        "MAX_REQUESTS_PER_HOUR": "6000",
        "MOCK_ORDERS_PER_STORE_DAY": "5",
    }
    return environment_of(settings)


def _play(home: Path, url: str | None, seed: int) -> bool:
    """Play a soak in `home`, print what happened, and return whether everything holds."""
    (home / "tmp").mkdir()
    make_instance(home)
    os.environ["DAGSTER_HOME"] = str(home)
    season = Season(FIRST - timedelta(days=2), FIRST + timedelta(days=40), seed)
    with running() as server, serving(SlackServer()) as slack, dg.DagsterInstance.get() as instance:
        season.played_by(server)
        environment = _environment(home, url or str(server.url), slack.url)
        daemon, clock, store = Daemon(home, environment), Clock(home / "clock.json"), open_lake(str(home / "lake"))
        soak = Soak(clock, daemon, season, instance, ClockedStore(store, clock))
        try:
            soak.run()
        except SoakError as error:
            print(f"FAILED  {error}")
            return False
        finally:
            daemon.kill(with_children=True)
        verdict = Verdict(soak, store, [unescape(text) for text in slack.texts], environment)
        print("\n" + "\n".join(verdict.table()) + "\n")
        print(f"{season.asked} requests to the football API, {season.faults} of them answered with a fault\n")
        checks = list(verdict.checks())
    for what, holds, found in checks:
        print(f"{'ok' if holds else 'FAILED':<8}{what}{f': {found}' if found else ''}")
    return all(holds for _, holds, _ in checks)


def main() -> int:
    """Play a soak; return 1 when something fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--url", help="a server that speaks the API of football-data.org v4 and has March to May 2025")
    parser.add_argument("--seed", type=int, default=7, help="of the faults (default: 7)")
    parser.add_argument("--keep", action="store_true", help="keep the folder also when everything holds")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="pizza-soak-"))
    started = time.monotonic()
    holds = _play(home, options.url, options.seed)
    print(f"\n{time.monotonic() - started:.0f} s")
    if holds and not options.keep:
        shutil.rmtree(home)
    else:
        print(f"Everything lies in {home}: daemon.log, lake, tmp, history.")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
