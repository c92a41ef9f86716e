import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pizza_assets.errors import LakeError
from pizza_assets.lake import open_lake
from pizza_assets.lake.lock import LEASE_SECONDS, Clock, WriterLock
from pizza_assets.lake.store import Store
from pizza_assets_tests.conftest import AWS, BUCKET
from pizza_assets_tests.faulty_s3 import faulty


def test_the_second_writer_waits_says_so_and_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = open_lake(str(tmp_path / "lake"))
    first, second = WriterLock(store), WriterLock(store)
    waits, order = threading.Event(), []

    class Heard(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            waits.set()

    logging.getLogger("pizza_assets.lake").addHandler(heard := Heard())
    first.acquire()
    first.acquire()  # nothing

    def write() -> None:
        second.acquire()
        order.append("second")
        second.release()

    thread = threading.Thread(target=write)
    thread.start()
    assert waits.wait(10)
    order.append("first")
    first.release()
    thread.join(10)
    logging.getLogger("pizza_assets.lake").removeHandler(heard)
    assert order == ["first", "second"]
    assert "waiting until it has ended" in caplog.text


def test_a_writer_that_is_killed_holds_nobody_up(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pizza_assets.lake import open_lake, lock; "
        "lock.WriterLock(open_lake(sys.argv[1])).acquire(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "lake")], cwd=root, check=False)
    assert killed.returncode == -9
    lock = WriterLock(open_lake(str(tmp_path / "lake")))
    lock.acquire()
    lock.release()


def test_the_lock_is_no_object_of_the_lake(store: Store) -> None:
    lock = WriterLock(store)
    lock.acquire()
    assert list(store.list("")) == []
    lock.release()


def lease(address: str, seconds: float = 60) -> WriterLock:
    client = AWS.client("s3", endpoint_url=address)
    return WriterLock(open_lake(f"s3://{BUCKET}/lake", client), seconds)


@pytest.fixture
def server(s3_server: str) -> Iterator[str]:
    """An S3 server whose bucket has no lease."""
    client = AWS.client("s3", endpoint_url=s3_server)
    with suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=BUCKET)
    client.delete_object(Bucket=BUCKET, Key="lake/.metadata/writer.lock")
    yield s3_server
    client.delete_object(Bucket=BUCKET, Key="lake/.metadata/writer.lock")


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_writers_of_a_bucket_take_turns(server: str, share: float) -> None:
    """Eight writers, each three times, whose requests fail now and then: never two at once, and all come to an end."""
    inside, most, done = [], [], []
    with faulty(server, share) as proxy:

        def write(number: int) -> None:
            for _ in range(3):
                lock = lease(proxy.address, 3)
                lock.acquire()
                inside.append(number)
                most.append(len(inside))
                lock.acquire()  # still held
                inside.remove(number)
                lock.release()
            done.append(number)

        threads = [threading.Thread(target=write, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(done) == [*range(8)]
    assert max(most) == 1


def test_the_lease_of_a_killed_writer_is_taken_over_and_one_that_is_renewed_is_not(server: str) -> None:
    code = (
        "import os, signal, sys; from pizza_assets_tests.lake.test_lock import lease; "
        "lease(sys.argv[1], 1).acquire(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", code, server], cwd=root, check=False)
    assert killed.returncode == -9
    owner = lease(server, 1)
    owner.acquire()
    waiting = lease(server, 1)
    got = threading.Event()
    thread = threading.Thread(target=lambda: (waiting.acquire(), got.set()))
    thread.start()
    assert not got.wait(2.5)
    owner.acquire()
    owner.release()
    assert got.wait(10)
    thread.join()
    waiting.release()


def test_a_writer_that_lost_its_lease_stops(server: str) -> None:
    with faulty(server, 0) as proxy:
        owner = lease(proxy.address, 1)
        owner.acquire()
        proxy.share = 1.0
        other = lease(server, 1)
        other.acquire()
        with pytest.raises(LakeError, match="could not be renewed for 1 s.*This run stops"):
            owner.acquire()
        proxy.share = 0.0
        owner.release()
        other.acquire()
        other.release()


class _SlowClock(Clock):
    """A clock that runs slow: of the seconds that have ``passed`` it shows 85 %."""

    passed = 0.0

    def monotonic(self) -> float:
        return 0.85 * self.passed

    def every(self, seconds: float, do: Callable[[], bool]) -> Callable[[], None]:
        return lambda: None  # cut off: it renews nothing


def test_an_owner_whose_clock_is_slow_stops_before_another_run_takes_over(server: str) -> None:
    store = open_lake(f"s3://{BUCKET}/slow", AWS.client("s3", endpoint_url=server))
    clock = _SlowClock()
    owner = WriterLock(store, LEASE_SECONDS, clock)
    owner.acquire()
    clock.passed = LEASE_SECONDS
    with pytest.raises(LakeError, match="could not be renewed for 48 s"):
        owner.acquire()


@pytest.mark.parametrize("written", ["1999-01-01T00:00:00Z", "2999-01-01T00:00:00Z"])
def test_a_lease_whose_owners_clock_is_wrong_is_taken_over_by_the_waiting_runs_own(server: str, written: str) -> None:
    """Nothing of what the object says of time counts; one that is copied with a bucket ends in the same way."""
    store = open_lake(f"s3://{BUCKET}/lake", AWS.client("s3", endpoint_url=server))
    text = json.dumps({"owner": "elsewhere:1:abc", "count": 7, "seconds": 1e9, "expires": written})
    store.write(".metadata/writer.lock", text.encode(), {})
    waiting, got = lease(server, 1), threading.Event()
    thread = threading.Thread(target=lambda: (waiting.acquire(), got.set()))
    thread.start()
    assert not got.wait(0.5)
    assert got.wait(20)
    thread.join()
    waiting.release()
