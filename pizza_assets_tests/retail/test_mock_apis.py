"""What the clients do not see: rejections, the command, and what is printed. The clients' tests do the rest."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date

import pytest
import requests
from click.testing import CliRunner

from pizza_assets.cli import main
from pizza_assets.retail import mock_apis as retailer_apis
from pizza_assets.retail.mock_apis import FAULTS, RetailerApis
from pizza_assets.retail.mock_feed import DATA_FAULTS, delivered_sales, delivery
from pizza_assets.settings import Settings

SMALL = Settings(_env_file=None, retail_mock_lines_per_day=200)
DAY = date(2024, 5, 4)
RETAILERS = ("retailer_1", "retailer_2", "retailer_3")


@pytest.fixture(scope="module")
def apis() -> Iterator[RetailerApis]:
    with retailer_apis.running(SMALL) as server:
        yield server


def ask(server: RetailerApis, path: str, **options: object) -> requests.Response:
    return requests.get(f"http://127.0.0.1:{server.server_port}/{path}", timeout=5, **options)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("retailer_1/sales?date=2024-05-04&page=1&per_page=10", 401),
        ("retailer_2/transactions?day=2024-05-04&limit=10", 401),
        ("retailer_2/oauth/token", 401),
        ("retailer_3/export/sales?business_date=2024-05-04&limit=10", 401),
        ("retailer_4/sales", 404),
        ("", 404),
    ],
)
def test_strangers_are_rejected(apis: RetailerApis, path: str, status: int) -> None:
    answer = ask(apis, path, headers={"X-Api-Key": "guess", "Authorization": "Bearer guess"})
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert answer.headers["X-Data-Source"] == "mock"


@pytest.mark.parametrize("query", ["", "date=2024-05-04", "date=tomorrow&page=1&per_page=10"])
def test_a_request_without_what_it_needs_is_rejected(apis: RetailerApis, query: str) -> None:
    key = apis.environment()["RETAILER_1_API_KEY"]
    answer = ask(apis, f"retailer_1/sales?{query}", headers={"X-Api-Key": key})
    assert (answer.status_code, answer.json()["error"][:26]) == (400, "missing or wrong parameter")


def test_a_cursor_that_was_not_given_is_rejected(apis: RetailerApis) -> None:
    environment = apis.environment()
    user = (environment["RETAILER_3_USER"], environment["RETAILER_3_PASSWORD"])
    answer = ask(apis, "retailer_3/export/sales?business_date=2024-05-04&limit=10&cursor=10.guess", auth=user)
    assert answer.status_code == 400


def test_the_first_answer_breaks_off_half_way_and_the_next_is_whole() -> None:
    with retailer_apis.running(SMALL, {"cut"}) as server:
        query = "retailer_1/sales?date=2024-05-04&page=1&per_page=500"
        key = {"X-Api-Key": server.environment()["RETAILER_1_API_KEY"]}
        with pytest.raises(requests.exceptions.ChunkedEncodingError, match=r"IncompleteRead\([1-9]\d*"):
            ask(server, query, headers=key)
        assert ask(server, query, headers=key).json()["page"] == 1


@pytest.mark.parametrize("retailer_id", RETAILERS)
@pytest.mark.parametrize("fault", DATA_FAULTS)
def test_every_fault_changes_what_is_delivered(retailer_id: str, fault: str) -> None:
    assert delivery(retailer_id, DAY, SMALL, {fault}) != delivery(retailer_id, DAY, SMALL)


@pytest.mark.parametrize("retailer_id", RETAILERS)
def test_a_late_receipt_is_delivered_once(retailer_id: str) -> None:
    days = [date(2024, 5, number) for number in (3, 4, 5)]
    plain, late = (
        [row for day in days for row in delivered_sales(retailer_id, day, SMALL, faults)["transaction_id"].to_pylist()]
        for faults in ((), ("late-rows",))
    )
    assert sorted(name for name in late if "20240504" in name) == sorted(name for name in plain if "20240504" in name)
    assert late != plain


def test_the_command_serves_until_it_is_interrupted() -> None:
    # In the background of a script children ignore SIGINT; at a terminal they do not.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{heard}; from pizza_assets.cli import main; main(['simulate', 'retailers', '--port', '0'])"
    command = [sys.executable, "-W", "ignore", "-c", code]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(9)]
        address = re.fullmatch(r"export RETAILER_1_URL=(\S+)\n", lines[0])
        assert address, lines
        assert requests.get(f"{address[1]}/sales", timeout=5).status_code == 401
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    assert lines[-1] == "export RETAILER_3_SIGNING_KEY=simulated-signing-key\n"


@pytest.mark.parametrize("fault", ["nonsense", "retailer_4:down", "retailer_2:nonsense"])
def test_a_fault_that_is_none_lists_what_there_is(fault: str) -> None:
    result = CliRunner().invoke(main, ["simulate", "retailers", "--fault", fault])
    assert result.exit_code == 2
    assert all(f"{name:<16}{meaning}" in result.output for name, meaning in FAULTS.items())
