"""Backfills into a bucket whose requests fail, and two writers at once: do they end well, and are all lakes equal.

``make faulty-s3`` (half an hour). Belongs here: the runs and the table. Does not belong here: the proxy that makes
requests fail (``pizza_assets_tests/faulty_s3.py``). The bucket is moto's, on loopback; each lake is a prefix in it.

It holds when at most one backfill in 25 fails, none leaves the lake unequal to that of a run without faults after one
more run without faults, and two writers never fail and leave the lake of one.
"""

import argparse
import logging
import multiprocessing
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from multiprocessing.connection import Connection
from typing import Any

import boto3
from click.testing import CliRunner
from moto.server import ThreadedMotoServer

from pizza_assets.cli import main as pizza_assets
from pizza_assets.definitions import build_defs
from pizza_assets_tests.faulty_s3 import faulty

BUCKET, FIRST = "pizza-lake", date(2025, 8, 1)
_SETTINGS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "MOCK_ORDERS_PER_STORE_DAY": "10",
    "RANGE_PROCESSES": "1",
}
#: What names its own address, run or time: results of checks, manifests, the page and what it says of itself.
_OF_A_RUN = re.compile(r"quality/|quicksight-ready/metadata/|dashboard/index\.html|.*/current/meta\.csv|\.metadata/")
_FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Done:
    """How one command ended, what it said last, and what its requests met."""

    exit_code: int
    last_line: str
    seconds: float
    requests: int = 0
    faults: int = 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run backfills and pairs of writers, print what came of them, and return 0 when it holds, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--backfills", type=int, default=50)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--days", type=int, default=5)
    parser.add_argument("--at-once", type=int, default=4, help="so many lakes side by side")
    parser.add_argument("--share", type=float, default=0.3, help="of the requests that fail")
    options = parser.parse_args(arguments)
    os.environ |= _SETTINGS
    build_defs()  # imported once, for all that is forked from here
    server, address = _serve()
    try:
        return _all(address, options)
    finally:
        server.terminate()


def _all(address: str, options: argparse.Namespace) -> int:
    client = boto3.client("s3", endpoint_url=address)
    client.create_bucket(Bucket=BUCKET)
    last = FIRST + timedelta(days=options.days - 1)
    clean = _backfill(address, "clean", last)
    expected = _objects(client, "clean")
    print(f"No faults: exit {clean.exit_code}, {clean.seconds:.0f} s, {len(expected)} objects to compare.", flush=True)

    def faulty_one(number: int) -> tuple[Done, bool, str]:
        lake = f"faulty-{number}"
        done = _backfill(address, lake, last, options.share, number)
        is_equal = _objects(client, lake) == expected
        _backfill(address, lake, last)
        differs = _difference(expected, _objects(client, lake))
        print(
            f"backfill {number}: exit {done.exit_code}, {done.seconds:.0f} s, {done.faults} of {done.requests} "
            f"requests failed; after a clean run {differs or 'equal'}. {done.last_line if done.exit_code else ''}",
            flush=True,
        )
        return done, is_equal, differs

    def pair(number: int) -> bool:
        done = _both(address, f"pair-{number}", last)
        differs = _difference(expected, _objects(client, f"pair-{number}"))
        said = " ".join(one.last_line for one in done if one.exit_code)
        codes = [one.exit_code for one in done]
        print(f"two writers {number}: exits {codes}, {differs or 'equal'}. {said}", flush=True)
        return not any(codes) and not differs

    with ThreadPoolExecutor(options.at_once) as threads:
        runs = [*threads.map(faulty_one, range(options.backfills))]
        pairs = [*threads.map(pair, range(options.pairs))]
    good = sum(done.exit_code == 0 for done, _, _ in runs)
    equal = sum(not differs for _, _, differs in runs)
    requests, faults = sum(done.requests for done, _, _ in runs), sum(done.faults for done, _, _ in runs)
    print(
        f"{good} of {len(runs)} backfills ended with 0 ({faults:,} of {requests:,} requests failed); "
        f"{sum(is_equal for _, is_equal, _ in runs)} lakes were equal at once, {equal} after one clean run. "
        f"{sum(pairs)} of {len(pairs)} pairs of writers ended with 0 and equal."
    )
    is_enough = good >= len(runs) * 0.96
    return int(clean.exit_code != 0 or not is_enough or equal < len(runs) or not all(pairs))


def _serve() -> tuple[Any, str]:
    here, there = _FORK.Pipe()

    def serve() -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        there.send("http://{}:{}".format(*server.get_host_and_port()))
        time.sleep(86_400)

    process = _FORK.Process(target=serve, daemon=True)
    process.start()
    return process, here.recv()


def _backfill(address: str, lake: str, last: date, share: float = 0.0, seed: int = 0) -> Done:
    process, answer = _start(address, lake, last, share, seed)
    done: Done = answer.recv()
    process.join()
    return done


def _both(address: str, lake: str, last: date) -> list[Done]:
    started = [_start(address, lake, last, 0.0, number) for number in range(2)]
    found = [answer.recv() for _, answer in started]
    for process, _ in started:
        process.join()
    return found


def _start(address: str, lake: str, last: date, share: float, seed: int) -> tuple[Any, Connection]:
    here, there = _FORK.Pipe()

    def run() -> None:
        with tempfile.TemporaryDirectory(prefix="faulty-s3-") as home, faulty(address, share, seed) as proxy:
            os.environ |= {
                "DAGSTER_HOME": home,
                "PIZZA_LAKE": f"s3://{BUCKET}/{lake}",
                "AWS_ENDPOINT_URL": proxy.address if share else address,
            }
            os.chdir(home)
            started = time.monotonic()
            result = CliRunner().invoke(pizza_assets, ["backfill", "--from", str(FIRST), "--to", str(last)])
            lines = result.output.strip().splitlines() or [repr(result.exception)]
            seconds = time.monotonic() - started
            faults: Counter[str] = proxy.faults
            there.send(Done(result.exit_code, lines[-1][:300], seconds, proxy.requests, faults.total()))

    process = _FORK.Process(target=run)
    process.start()
    return process, here


def _objects(client: Any, lake: str) -> Mapping[str, str]:  # noqa: ANN401 boto3 makes client classes at run time
    """Return the checksums of a lake's objects by key, less those that differ between any two runs."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{lake}/")
    found = {item["Key"].removeprefix(f"{lake}/"): item["ETag"] for page in pages for item in page.get("Contents", ())}
    return {key: tag for key, tag in found.items() if not _OF_A_RUN.match(key)}


def _difference(expected: Mapping[str, str], found: Mapping[str, str]) -> str:
    wrong = sorted(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))
    return f"{len(wrong)} objects differ, {wrong[0]} first" if wrong else ""


if __name__ == "__main__":
    sys.exit(main())
