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
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
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
_OF_A_RUN = re.compile(
    r"compact/|quality/|quicksight-ready/metadata/|dashboard/index\.html|.*/current/meta\.csv|\.metadata/"
)
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
    parser.add_argument("--at-once", type=int, default=4, help="so many runs side by side")
    parser.add_argument("--share", type=float, default=0.3, help="of the requests that fail")
    options = parser.parse_args(arguments)
    os.environ |= _SETTINGS
    build_defs()  # imported once, for all that is forked from here
    server, address = _serve()
    try:
        with ProcessPoolExecutor(options.at_once, mp_context=_FORK) as pool:
            return _all(pool, address, options)
    finally:
        server.terminate()


def _all(pool: ProcessPoolExecutor, address: str, options: argparse.Namespace) -> int:
    last = FIRST + timedelta(days=options.days - 1)
    run = partial(_backfill, address, last)
    clean = pool.submit(run, "clean").result()
    expected = _objects(address, "clean")
    print(f"No faults: exit {clean.exit_code}, {clean.seconds:.0f} s, {len(expected)} objects to compare.", flush=True)
    lakes = [f"faulty-{number}" for number in range(options.backfills)]
    done = []
    for lake, one in zip(lakes, pool.map(partial(run, share=options.share), lakes), strict=True):
        done.append(one)
        said = f" {one.last_line}" if one.exit_code else ""
        figures = f"{one.seconds:.0f} s, {one.faults} of {one.requests} requests failed"
        print(f"{lake}: exit {one.exit_code}, {figures}.{said}", flush=True)
    at_once = sum(_objects(address, lake) == expected for lake in lakes)
    print(f"{at_once} of {len(lakes)} lakes are equal at once; one run without faults in each.", flush=True)
    again = [one.exit_code for one in pool.map(run, lakes)]
    unequal = {lake: told for lake in lakes if (told := _difference(expected, _objects(address, lake)))}
    writers = [(f"pair-{number}", pool.submit(run, f"pair-{number}")) for number in range(options.pairs) for _ in "ab"]
    codes: dict[str, list[int]] = defaultdict(list)
    for lake, future in writers:
        codes[lake].append(future.result().exit_code)
        if len(codes[lake]) == 2:
            print(f"{lake}: exits {codes[lake]}.", flush=True)
    unequal |= {lake: told for lake in codes if (told := _difference(expected, _objects(address, lake)))}
    for lake, told in unequal.items():
        print(f"{lake}: {told}.")
    good, requests = sum(one.exit_code == 0 for one in done), sum(one.requests for one in done)
    pairs = sum(not any(both) and lake not in unequal for lake, both in codes.items())
    print(
        f"{good} of {len(done)} backfills ended with 0 ({sum(one.faults for one in done):,} of {requests:,} requests "
        f"failed); {at_once} lakes were equal at once, {sum(lake not in unequal for lake in lakes)} after a clean run. "
        f"{pairs} of {len(codes)} pairs of writers ended with 0 and equal."
    )
    return int(clean.exit_code != 0 or any(again) or good < len(done) * 0.96 or bool(unequal) or pairs < len(codes))


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
    address = here.recv()
    _client(address).create_bucket(Bucket=BUCKET)
    return process, address


def _client(address: str) -> Any:  # noqa: ANN401 boto3 makes client classes at run time
    return boto3.client("s3", endpoint_url=address)


def _backfill(address: str, last: date, lake: str, share: float = 0.0) -> Done:
    """Run one backfill in this process; the seed of its faults is the lake's name."""
    seed = zlib.crc32(lake.encode())
    with tempfile.TemporaryDirectory(prefix="faulty-s3-") as home, faulty(address, share, seed) as proxy:
        os.environ |= {
            "DAGSTER_HOME": home,
            "PIZZA_LAKE": f"s3://{BUCKET}/{lake}",
            "AWS_ENDPOINT_URL": proxy.address if share else address,
        }
        started = time.monotonic()
        result = CliRunner().invoke(pizza_assets, ["backfill", "--from", str(FIRST), "--to", str(last)])
        seconds = time.monotonic() - started
        lines = result.output.strip().splitlines() or [repr(result.exception)]
        return Done(result.exit_code, lines[-1][:300], seconds, proxy.requests, proxy.faults.total())


def _objects(address: str, lake: str) -> Mapping[str, str]:
    """Return the checksums of a lake's objects by key, less those that differ between any two runs."""
    pages = _client(address).get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{lake}/")
    found = {item["Key"].removeprefix(f"{lake}/"): item["ETag"] for page in pages for item in page.get("Contents", ())}
    return {key: tag for key, tag in found.items() if not _OF_A_RUN.match(key)}


def _difference(expected: Mapping[str, str], found: Mapping[str, str]) -> str:
    wrong = sorted(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))
    return f"{len(wrong)} objects differ, {wrong[0]} first" if wrong else ""


if __name__ == "__main__":
    sys.exit(main())
