"""The two local servers under load: the dashboard's page and the simulated APIs of the retailers.

Belongs here: clients and the table. Does not belong here: what is served.

Each server is started as its command starts it. Then come 200 clients that ask all the time, each request on a
connection of its own; then 50 such clients beside 50 that ask and never read, and beside 50 that send half a request.
A request fails when its answer is not whole after ten seconds.
"""

import argparse
import asyncio
import base64
import contextlib
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pizza_assets.lake import layout, open_lake

_TIMEOUT_SECONDS = 10.0
_CLIENTS, _BAD_CLIENTS = 200, 50
#: How long bad clients are given to be rid of: the servers' limit is 10 s.
_HELD_SECONDS = 20.0
#: Roughly the demo's page, and one that fits into no buffer of the kernel's; the same for a retailer's day.
_PAGE_BYTES, _LARGE_PAGE_BYTES = 1_000_000, 12_000_000
_LARGE_DAY_LINES = 20_000
_HALF = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: "
_KEY = "X-Api-Key: simulated-key\r\n"
_SALES = "/retailer_1/sales?date=2024-05-04&page=1&per_page="
#: What is asked: usually, for a large answer, and beside those who ask for that.
_PATHS = {
    "dashboard": ("/", "/", "/version"),
    "retailers": (f"{_SALES}500", f"{_SALES}{_LARGE_DAY_LINES}", f"{_SALES}500"),
}


@dataclass
class Load:
    """What ordinary clients met: seconds of each whole answer, and failures by their kind."""

    seconds: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    def quantile(self, share: float) -> str:
        """Return a quantile in ms, in words."""
        ordered = sorted(self.seconds)
        return f"{1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]:,.0f}" if ordered else "-"

    def row(self) -> str:
        """Return requests, failures, p50, p99 and the slowest, as cells of the table."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.failures.most_common())
        total = len(self.seconds) + self.failures.total()
        times = " | ".join(self.quantile(share) for share in (0.5, 0.99, 1))
        return f"{total:,} | {kinds or '0'} | {times}"


@dataclass(frozen=True)
class Target:
    """A server that runs: its process, its port, and the request of an ordinary client."""

    name: str
    process: subprocess.Popen[str]
    port: int
    errors: Path

    def request(self, path: str) -> bytes:
        """Return the bytes of a request on a connection of its own."""
        return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{_KEY}Connection: close\r\n\r\n".encode()

    def memory_mb(self) -> int:
        """Return the largest resident memory so far, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) // 1000

    def lines(self) -> int:
        """Return how many lines the server wrote to stderr, besides its greeting."""
        return sum(not line.startswith("#") for line in self.errors.read_text(encoding="utf-8").splitlines())


async def _ask(target: Target, path: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    try:
        writer.write(target.request(path))
        await writer.drain()
        return await reader.read(-1)
    finally:
        writer.close()


def _is_whole(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    return b" 200 " in head[:20] and length is not None and int(length[1]) == len(body)


async def _ordinary(target: Target, path: str, until: float, load: Load) -> None:
    while time.monotonic() < until:
        start = time.monotonic()
        try:
            answer = await asyncio.wait_for(_ask(target, path), _TIMEOUT_SECONDS)
        except TimeoutError:
            load.failures["time-outs"] += 1
        except OSError as error:
            load.failures[type(error).__name__] += 1
        else:
            if _is_whole(answer):
                load.seconds.append(time.monotonic() - start)
            else:
                load.failures["not whole"] += 1


async def _load(target: Target, path: str, clients: int, seconds: float) -> Load:
    load, until = Load(), time.monotonic() + seconds
    await asyncio.gather(*(_ordinary(target, path, until, load) for _ in range(clients)))
    return load


async def _silent(target: Target, first: bytes) -> socket.socket:
    """Send something, and then neither send nor read; what arrives fits into no buffer."""
    end = socket.socket()
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    end.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(end, ("127.0.0.1", target.port))
    await loop.sock_sendall(end, first)
    return end


async def _beside(target: Target, path: str, first: bytes) -> tuple[Load, int]:
    """Return what ordinary clients met beside bad ones, and how many of these the server still holds."""
    bad = [await _silent(target, first) for _ in range(_BAD_CLIENTS)]
    load = await _load(target, path, _BAD_CLIENTS, _HELD_SECONDS)
    held = await _count_held(target)
    for end in bad:
        end.close()
    return load, held


async def _count_held(target: Target) -> int:
    """Return how many connections are open at the server's end, as the kernel has it."""
    await asyncio.sleep(0.5)  # those of the ordinary clients end
    port = f":{target.port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    owned = set()
    for handle in Path(f"/proc/{target.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since
            owned.add(str(handle.readlink()))
    return sum(row[1].endswith(port) and row[3] != "0A" and f"socket:[{row[9]}]" in owned for row in rows)


@contextmanager
def _started(name: str, folder: Path, *, large: bool) -> Iterator[Target]:
    lake = folder / "lake"
    noise = base64.b64encode(random.Random(25).randbytes((_LARGE_PAGE_BYTES if large else _PAGE_BYTES) * 3 // 4))
    open_lake(str(lake)).write(layout.PAGE_KEY, b'<!doctype html><html lang="en"><body>' + noise, {})
    command = {
        "dashboard": ["dashboard", "--serve", "--no-open", "--port", "0"],
        "retailers": ["simulate", "retailers", "--port", "0"],
    }[name]
    errors = folder / f"{name}.stderr"
    program = [sys.executable, "-W", "ignore", "-c", "from pizza_assets.cli import main; main()", *command]
    environment = {**os.environ, "PIZZA_LAKE": str(lake), "PYTHONUNBUFFERED": "1"}
    environment |= {"RETAIL_MOCK_LINES_PER_DAY": str(_LARGE_DAY_LINES)} if large else {}
    with (
        errors.open("w") as stderr,
        subprocess.Popen(program, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment) as process,  # noqa: S603 our own command
    ):
        port = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline() if process.stdout else "")
        if port is None:
            sys.exit(f"The server did not start: {errors.read_text(encoding='utf-8')}")
        try:
            yield Target(name, process, int(port[1]), errors)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def main() -> int:
    """Print the table; return the number of failed requests and held connections."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=30, help="of the 200 clients")
    options = parser.parse_args()
    failed = 0
    print(
        "| server | clients | requests | failures | p50 (ms) | p99 (ms) | slowest (ms) | bad ones held after "
        f"{_HELD_SECONDS:.0f} s | peak memory (MB) | lines on stderr |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory(prefix="pizza-servers-") as folder:
        for name, (usual, large, beside) in _PATHS.items():
            with _started(name, Path(folder), large=False) as target:
                asyncio.run(_load(target, usual, 1, 0.1))  # the first answer makes a day of sales
                load = asyncio.run(_load(target, usual, _CLIENTS, options.seconds))
                failed += _print(target, f"{_CLIENTS} for {options.seconds:g} s", load, None)
            with _started(name, Path(folder), large=True) as target:
                asyncio.run(_load(target, beside, 1, 0.1))
                load, held = asyncio.run(_beside(target, beside, target.request(large)))
                failed += _print(target, f"{_BAD_CLIENTS} beside {_BAD_CLIENTS} that never read", load, held)
            with _started(name, Path(folder), large=False) as target:
                asyncio.run(_load(target, usual, 1, 0.1))
                load, held = asyncio.run(_beside(target, usual, _HALF))
                failed += _print(target, f"{_BAD_CLIENTS} beside {_BAD_CLIENTS} with half a request", load, held)
    return failed


def _print(target: Target, clients: str, load: Load, held: int | None) -> int:
    cells = (load.row(), "-" if held is None else held, target.memory_mb(), target.lines())
    print(f"| {target.name} | {clients} | {' | '.join(str(cell) for cell in cells)} |", flush=True)
    return load.failures.total() + (held or 0)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
