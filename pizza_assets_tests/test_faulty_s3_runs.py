"""Whole backfills into a bucket whose requests fail, and two writers at once: the least of ``make faulty-s3``."""

import subprocess
import sys
from pathlib import Path


def test_a_backfill_ends_well_though_three_requests_in_ten_fail_and_two_writers_take_turns() -> None:
    few = ("--backfills", "1", "--pairs", "1", "--days", "1", "--at-once", "2")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.faulty_s3", *few],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 backfills ended with 0" in done.stdout
    assert "1 after a clean run. 1 of 1 pairs of writers ended with 0 and equal." in done.stdout
