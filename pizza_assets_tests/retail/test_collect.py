"""The three clients against the simulated APIs, faults included."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow
import pytest

from pizza_assets import contracts
from pizza_assets.contracts import FOOTBALL_MATCHES, SALES, empty
from pizza_assets.errors import SettingsError, SourceError
from pizza_assets.platform.api import AuthenticationError
from pizza_assets.platform.kept import Kept
from pizza_assets.retail import mock_apis as retailer_apis
from pizza_assets.retail import retailer_1, retailer_2, retailer_3
from pizza_assets.retail.collect import RETAILERS, CollectedSales, collect_sales
from pizza_assets.retail.mock import mock_sales
from pizza_assets.retail.mock_apis import RetailerApis
from pizza_assets.retail.mock_feed import delivered_sales
from pizza_assets.retail.received import Feed
from pizza_assets.settings import Settings
from pizza_assets_tests.platform.fake_api import unlimited

SMALL = Settings(_env_file=None, retail_mock_lines_per_day=300)
#: The clocks go back on the second one.
DAYS = [date(2024, 10, 26), date(2024, 10, 27)]
DAY = date(2024, 5, 4)


@pytest.fixture(scope="module")
def _apis() -> Iterator[RetailerApis]:
    with retailer_apis.running(SMALL) as server:
        yield server


@pytest.fixture
def apis(_apis: RetailerApis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RetailerApis:
    """The simulated APIs without faults, with pages so short that a day has several."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(retailer_1, "LINES_PER_PAGE", 100)
    monkeypatch.setattr(retailer_2, "TRANSACTIONS_PER_PAGE", 25)
    monkeypatch.setattr(retailer_3, "ROWS_PER_PAGE", 100)
    _apis.faults.clear()
    return _apis


def settings(apis: RetailerApis, **changes: object) -> Settings:
    environment = {name.lower(): value for name, value in apis.environment().items()}
    values = {**environment, "max_api_retries": 1, "api_timeout": 5, "retail_mock_lines_per_day": 300, **changes}
    return Settings(_env_file=None, **values)


def no_matches(_: date) -> pd.DataFrame:
    return empty(FOOTBALL_MATCHES)


def collect(
    apis: RetailerApis, folder: Path, retailer_id: str, days: Sequence[date] = (DAY,), **changes: object
) -> list[CollectedSales]:
    open_feed = partial(RETAILERS[retailer_id][0], budget=unlimited(folder), sleep=[].append)
    found = list(collect_sales(retailer_id, days, settings(apis, **changes), no_matches, open_feed=open_feed))
    for day in found:
        assert day.received == len(day.table) + len(day.rejected)
        assert day.data_source == "mock"
        contracts.validate(contracts.from_arrow(day.table, SALES), SALES)
    return found


def delivered(retailer_id: str, day: date, *faults: str) -> pyarrow.Table:
    return delivered_sales(retailer_id, day, SMALL, faults).combine_chunks()


@pytest.mark.parametrize("retailer_id", RETAILERS)
def test_every_line_arrives_as_it_was_sold(apis: RetailerApis, tmp_path: Path, retailer_id: str) -> None:
    found = collect(apis, tmp_path, retailer_id, DAYS)
    assert [day.day for day in found] == DAYS
    for day in found:
        assert day.table.equals(delivered(retailer_id, day.day))
        assert day.received > 100
        assert day.rejected == []
        assert day.reason is None
        assert day.pages is not None
        assert len(day.pages) > 2
        assert all(isinstance(json.loads(page), dict) for page in day.pages)


@pytest.mark.parametrize("retailer_id", RETAILERS)
def test_answers_that_break_off_and_tokens_that_run_out_are_asked_for_again(
    apis: RetailerApis, tmp_path: Path, retailer_id: str
) -> None:
    day = DAY + timedelta(days=1)
    apis.faults |= {"cut", "expired-tokens"}
    (found,) = collect(apis, tmp_path, retailer_id, [day])
    assert found.table.equals(delivered(retailer_id, day))


@pytest.mark.parametrize("retailer_id", RETAILERS)
def test_late_and_corrected_receipts_come_with_the_next_day(
    apis: RetailerApis, tmp_path: Path, retailer_id: str
) -> None:
    apis.faults |= {"late-rows", "corrections"}
    yesterday, today = collect(apis, tmp_path, retailer_id, [DAY, DAY + timedelta(days=1)])
    assert today.table.equals(delivered(retailer_id, today.day, "late-rows", "corrections"))
    ids = [set(day.table["transaction_id"].to_pylist()) for day in (yesterday, today)]
    old = {name for name in ids[1] if f"{DAY:%Y%m%d}" in name}
    assert {name[-2:] for name in old} == {"07", "13"}
    assert {name[-2:] for name in old & ids[0]} == {"13"}, "late ones come once, corrected ones twice"


@pytest.mark.parametrize("retailer_id", RETAILERS)
def test_lines_that_cannot_be_are_rejected_and_counted(apis: RetailerApis, tmp_path: Path, retailer_id: str) -> None:
    apis.faults |= {"bad-lines", "unknown-places"}
    (found,) = collect(apis, tmp_path, retailer_id)
    whole = delivered(retailer_id, DAY)
    assert found.received == len(whole)
    assert len(found.rejected) >= 2
    reasons = " ".join(item.reason for item in found.rejected)
    names = RETAILERS[retailer_id][1].names
    assert "expected -" in reasons
    assert f"{names['total_amount']} = " in reasons
    assert f"{names['product_sku']} is missing" in reasons
    assert {"unknown", "Atlantis"} <= set(found.table["store_id"].to_pylist() + found.table["store_city"].to_pylist())


@pytest.mark.parametrize("retailer_id", RETAILERS)
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("down", r"expected 200, found 503 'down for maintenance'\. Try again later"),
        ("changed-field", r"not one of \d+ lines of 2024-05-04 could be read; the first: .* is missing"),
        ("slow", r"expected an answer, found none within 0\.2 s"),
    ],
)
def test_a_retailer_that_fails_has_no_day(
    apis: RetailerApis, tmp_path: Path, retailer_id: str, fault: str, said: str
) -> None:
    apis.faults.add(f"{retailer_id}:{fault}")
    with pytest.raises(SourceError, match=said) as caught:
        collect(apis, tmp_path, retailer_id, api_timeout=0.2 if fault == "slow" else 5)
    assert not caught.value.final
    other = next(name for name in RETAILERS if name != retailer_id)
    assert collect(apis, tmp_path, other)[0].received > 100


@pytest.mark.parametrize(
    ("retailer_id", "said"),
    [
        ("retailer_1", r"retailer 1: expected \d+ lines of 2024-05-04, as its own count says, found \d+"),
        ("retailer_2", r"retailer 2: expected \d+ transactions of 2024-05-04, as its own count says, found \d+"),
        ("retailer_3", r"retailer 3: expected page 1 of 2024-05-04 to be signed .* found another signature"),
    ],
)
def test_half_a_page_is_noticed(apis: RetailerApis, tmp_path: Path, retailer_id: str, said: str) -> None:
    apis.faults.add("half-page")
    with pytest.raises(SourceError, match=said):
        collect(apis, tmp_path, retailer_id)


def test_a_page_with_another_signature_is_rejected(apis: RetailerApis, tmp_path: Path) -> None:
    apis.faults.add("bad-signature")
    with pytest.raises(SourceError, match="signed with RETAILER_3_SIGNING_KEY, found another signature"):
        collect(apis, tmp_path, "retailer_3")


@pytest.mark.parametrize(
    ("retailer_id", "name"),
    [
        ("retailer_1", "retailer_1_api_key"),
        ("retailer_2", "retailer_2_client_secret"),
        ("retailer_3", "retailer_3_password"),
    ],
)
def test_wrong_credentials_are_final_and_not_repeated(
    apis: RetailerApis, tmp_path: Path, retailer_id: str, name: str
) -> None:
    with pytest.raises(AuthenticationError, match=f"Check .*{name.upper()}") as caught:
        collect(apis, tmp_path, retailer_id, **{name: "hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["retailer_1_api_key", "retailer_2_client_id", "retailer_2_client_secret", "retailer_3_user",
     "retailer_3_password", "retailer_3_signing_key"],
)  # fmt: skip
def test_an_address_without_its_credential_is_a_wrong_setting(apis: RetailerApis, tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name[:10].upper()}_URL is set, {name.upper()} is not"):
        collect(apis, tmp_path, name[:10], **{name: None})


def test_credentials_go_only_over_tls(apis: RetailerApis, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="RETAILER_1_URL must start with https://"):
        collect(apis, tmp_path, "retailer_1", retailer_1_url="http://retailer.example/api")


@pytest.mark.parametrize("retailer_id", RETAILERS)
def test_without_an_address_days_are_mock_and_say_why(retailer_id: str) -> None:
    found = list(collect_sales(retailer_id, [DAY, *DAYS], SMALL, no_matches))
    assert [day.day for day in found] == [DAY, *DAYS]
    for day in found:
        assert (day.data_source, day.reason, day.pages) == ("mock", f"{retailer_id.upper()}_URL is not set", None)
        assert day.table.equals(mock_sales(retailer_id, day.day, no_matches(day.day), SMALL))


def test_without_an_address_real_days_are_kept_in_their_place() -> None:
    found = list(
        collect_sales("retailer_1", [DAY, *DAYS], SMALL, no_matches, lambda day: 1 if day == DAYS[0] else None)
    )
    assert [(day.day, isinstance(day, Kept)) for day in found] == [(DAY, False), (DAYS[0], True), (DAYS[1], False)]
    assert str(found[1]) == "kept, not refreshed: RETAILER_1_URL is not set"


def test_real_days_of_an_api_that_fails_are_kept_and_absent_ones_are_an_error(
    apis: RetailerApis, tmp_path: Path
) -> None:
    open_feed = partial(RETAILERS["retailer_1"][0], budget=unlimited(tmp_path), sleep=[].append)
    apis.faults.add("retailer_1:down")
    found = collect_sales(
        "retailer_1", DAYS, settings(apis), no_matches, lambda day: 1 if day == DAYS[0] else None, open_feed=open_feed
    )
    kept = next(found)
    assert isinstance(kept, Kept)
    assert "found 503" in kept.reason
    with pytest.raises(SourceError, match="found 503"):
        next(found)


def test_after_credentials_are_rejected_real_days_are_kept_without_being_asked_for(
    apis: RetailerApis, tmp_path: Path
) -> None:
    asked: list[date] = []

    @contextmanager
    def open_feed(of: Settings) -> Iterator[Feed]:
        with RETAILERS["retailer_1"][0](of, budget=unlimited(tmp_path), sleep=[].append) as feed:
            yield lambda day: asked.append(day) or feed(day)  # type: ignore[func-returns-value]

    wrong = settings(apis, retailer_1_api_key="wrong")
    found = list(collect_sales("retailer_1", DAYS, wrong, no_matches, lambda _: 1, open_feed=open_feed))
    assert all("Check RETAILER_1_API_KEY" in str(day) for day in found)
    assert ([day.day for day in found], asked) == (DAYS, DAYS[:1])


def test_without_an_address_and_without_mock_there_is_no_day() -> None:
    strict = Settings(_env_file=None, pizza_allow_mock=False)
    with pytest.raises(SourceError, match="PIZZA_ALLOW_MOCK=false forbids mock ones: RETAILER_2_URL is not") as caught:
        list(collect_sales("retailer_2", [DAY], strict, no_matches))
    assert caught.value.final
