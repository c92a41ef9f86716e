import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pizza_assets.lake import open_lake
from pizza_assets.lake.lock import WriterLock
from pizza_assets.lake.store import Store


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
