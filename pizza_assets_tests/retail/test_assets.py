"""Raw retail sales through Dagster: ranges, quarantine, one retailer's failure, retries, status and verification."""

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner
from filelock import FileLock

from pizza_assets.cli import main
from pizza_assets.contracts import RETAILER_IDS
from pizza_assets.definitions import MATCH_DAY_JOB, build_defs
from pizza_assets.lake import open_lake
from pizza_assets.lake.layout import SALES_TABLES
from pizza_assets.lake.sales import SalesTable, read_sales
from pizza_assets.lake.status import has_days, retail_layers
from pizza_assets.lake.store import Store, checksum
from pizza_assets.lake.verify import verify
from pizza_assets.platform.dagster_runs import run_days
from pizza_assets.retail import assets as retail
from pizza_assets.retail import mock_apis as retailer_apis
from pizza_assets.retail import retailer_1, retailer_2
from pizza_assets.retail.collect import collect_sales
from pizza_assets.retail.mock_apis import RetailerApis
from pizza_assets.settings import Settings
from pizza_assets_tests.platform.fake_api import Answer, Request, running
from pizza_assets_tests.retail.test_reading import line

FIRST, LAST = date(2025, 9, 5), date(2025, 9, 7)
DAYS = [FIRST + timedelta(days=number) for number in range(3)]
NAMES = list(SALES_TABLES)


def small(**settings: object) -> Settings:
    return Settings.load(
        **{"mock_orders_per_store_day": 5, "retail_mock_lines_per_day": 200, "pizza_start_date": FIRST, **settings}
    )


@pytest.fixture(autouse=True)
def _no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retail, "RETRY_DELAY", 0)


@pytest.fixture
def lake() -> Store:
    return open_lake("lake")


@pytest.fixture
def apis() -> Iterator[RetailerApis]:
    with retailer_apis.running(small()) as server:
        yield server


def asked(apis: RetailerApis, **changes: object) -> Settings:
    environment = {name.lower(): value for name, value in apis.environment().items()}
    return small(**{**environment, "max_api_retries": 0, **changes})


def run(settings: Settings, instance: dg.DagsterInstance, *names: str) -> dg.ExecuteInProcessResult:
    """Materialize retail assets for all days as one range."""
    keys = [dg.AssetKey(name) for name in names or NAMES]
    job = dg.define_asset_job("retail", dg.AssetSelection.assets(*keys))
    defs = dg.Definitions.merge(build_defs(settings), dg.Definitions(jobs=[job]))
    tags = {"dagster/asset_partition_range_start": str(FIRST), "dagster/asset_partition_range_end": str(LAST)}
    return defs.resolve_job_def("retail").execute_in_process(instance=instance, tags=tags, raise_on_error=False)


def shown(instance: dg.DagsterInstance, name: str, day: date) -> dict[str, object]:
    of_day = dg.AssetRecordsFilter(dg.AssetKey(name), asset_partitions=[day.isoformat()])
    (record,) = instance.fetch_materializations(of_day, limit=1).records
    assert record.asset_materialization
    return {key: value.value for key, value in record.asset_materialization.metadata.items()}


def test_a_range_of_mock_days_is_one_run(lake: Store, instance: dg.DagsterInstance) -> None:
    run_days(small(), FIRST, LAST, "key:raw_matches or key:raw_orders")
    assert run(small(), instance).success
    for layer in retail_layers(lake):
        assert (list(layer.days), layer.gaps) == (DAYS, 0)
    assert verify(lake).problems == []
    for name, retailer_id in zip(NAMES, RETAILER_IDS, strict=True):
        table = read_sales(lake, retailer_id, FIRST)
        facts = shown(instance, name, FIRST)
        assert facts["rows"] == facts["received"] == len(table) > 50
        assert (facts["rejected"], facts["data_source"], facts["share_real"]) == (0, "mock", 0.0)
    assert shown(instance, "raw_retailer_2", LAST)["reason"] == "RETAILER_2_URL is not set"
    assert shown(instance, "raw_retailer_2", LAST)["planted"]["retail_mock_pizza_uplift"] == 0.1


def test_retailers_have_pools_of_their_own_and_others_write_while_one_is_asked(
    lake: Store, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    pools = {name: build_defs(small()).resolve_asset_graph().get(dg.AssetKey(name)).pools for name in NAMES}
    assert pools == {**{f"raw_{name}": {name} for name in RETAILER_IDS[:3]}, "raw_dominos_sales": {"match_day"}}
    asked_for = []

    def collect(*args: Any, **options: Any) -> Iterator[Any]:
        for collected in collect_sales(*args, **options):
            other = FileLock("lake/.metadata/writer.lock", thread_local=False)
            Path("lake/.metadata").mkdir(parents=True, exist_ok=True)
            with other.acquire(timeout=0):  # fails while the run holds it
                asked_for.append(collected.day)
            yield collected

    monkeypatch.setattr(retail, "collect_sales", collect)
    assert run(small(), instance, "raw_retailer_1").success
    assert asked_for == DAYS


def test_a_day_made_again_is_the_same(lake: Store, instance: dg.DagsterInstance) -> None:
    assert run(small(), instance, "raw_retailer_1").success
    before = {item.key: checksum(lake.read(item.key)) for item in lake.list("raw/")}
    assert run(small(), instance, "raw_retailer_1").success
    assert {item.key: checksum(lake.read(item.key)) for item in lake.list("raw/")} == before


def test_what_an_api_gives_is_kept_as_it_came_with_what_was_rejected(
    lake: Store, instance: dg.DagsterInstance, apis: RetailerApis
) -> None:
    apis.faults |= {"bad-lines"}
    assert run(asked(apis), instance, *NAMES[:3]).success
    assert verify(lake).problems == []
    for name in NAMES[:3]:
        facts = SalesTable(lake, SALES_TABLES[name]).facts(FIRST)
        assert int(facts["received"]) == int(facts["rows"]) + int(facts["rejected"])
        assert int(facts["rejected"]) > 0
        assert facts["data-source"] == "mock", "the simulator says so in each answer"
        assert "reason" not in facts
        rejected = lake.read(SALES_TABLES[name].rejected_key(FIRST)).decode().splitlines()
        assert all(set(json.loads(line)) == {"reason", "record"} for line in rejected)


def test_the_requests_of_each_day_are_told(
    lake: Store, instance: dg.DagsterInstance, apis: RetailerApis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retailer_1, "LINES_PER_PAGE", 100)
    monkeypatch.setattr(retailer_2, "TRANSACTIONS_PER_PAGE", 25)
    assert run(asked(apis), instance, *NAMES[:3]).success
    for name in NAMES[:3]:
        for number, day in enumerate(DAYS):
            pages = int(SalesTable(lake, SALES_TABLES[name]).facts(day)["pages"])
            tokens = int(name == "raw_retailer_2" and number == 0)
            assert shown(instance, name, day)["api_calls"] == pages + tokens


def test_a_day_that_an_api_has_emptied_is_kept_until_a_person_says_otherwise(
    lake: Store, instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    emptied = str(DAYS[1])
    sold = {str(day): [line(receipt=f"r-{day}-{n}", sold=f"{day}T12:00:00") for n in range(3)] for day in DAYS}

    def script(request: Request) -> Answer:
        lines = sold[request.query["date"]]
        return Answer(body={"page": 1, "pages": 1, "total": len(lines), "sales": lines})

    def facts(day: str) -> tuple[str, str]:
        stored = SalesTable(lake, SALES_TABLES["raw_retailer_1"]).facts(date.fromisoformat(day))
        return stored["data-source"], stored["rows"]

    with running() as api:
        api.follows(script)
        settings = small(retailer_1_url=api.url, retailer_1_api_key="key-of-retailer-1", max_api_retries=0)
        assert run(settings, instance, "raw_retailer_1").success
        sold[emptied], sold[str(DAYS[2])] = [], sold[str(DAYS[2])][:2]
        api.requests.clear()
        result = run(settings, instance, "raw_retailer_1")
        assert result.success
        assert [request.query["date"] for request in api.requests].count(emptied) == 2, "it is asked again"
        assert (facts(emptied), facts(str(DAYS[2]))) == (("real", "3"), ("real", "2"))
        shown_of = shown(instance, "raw_retailer_1", DAYS[1])
        assert "expected lines of 2025-09-06, of which 3 are stored, found none" in str(shown_of["kept"])
        assert shown_of["api_calls"] == 2
        (check,) = [found for found in result.get_asset_check_evaluations() if found.check_name == "is_refreshed"]
        assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
        assert verify(lake).problems == []

        arguments = ["lake", "remove", "--from", emptied, "--to", emptied, "--data-set", "raw_retailer_1", "--yes"]
        assert CliRunner().invoke(main, arguments).exit_code == 0
        assert run(settings, instance, "raw_retailer_1").success
        assert facts(emptied) == ("real", "0")


def test_a_retailer_that_is_down_fails_alone_after_its_retries(
    lake: Store, instance: dg.DagsterInstance, apis: RetailerApis
) -> None:
    apis.faults.add("retailer_2:down")
    result = run(asked(apis), instance, *NAMES[:3])
    assert not result.success
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    assert failed.step_key == "raw_retailer_2"
    assert sum(event.is_step_restarted for event in result.all_events) == retail.RETRIES
    days = {layer.name: list(layer.days) for layer in retail_layers(lake)}
    assert (days["raw_retailer_1"], days["raw_retailer_2"], days["raw_retailer_3"]) == (DAYS, [], DAYS)
    apis.faults.clear()
    assert run(asked(apis), instance, "raw_retailer_2").success
    assert list(SalesTable(lake, SALES_TABLES["raw_retailer_2"])) == DAYS


def test_wrong_credentials_are_not_tried_again(instance: dg.DagsterInstance, apis: RetailerApis) -> None:
    result = run(asked(apis, retailer_1_api_key="wrong"), instance, "raw_retailer_1")
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    assert failed.step_failure_data.error
    assert "Check RETAILER_1_API_KEY" in str(failed.step_failure_data.user_failure_data or failed.step_failure_data)
    assert not [event for event in result.all_events if event.is_step_restarted]


def test_an_api_that_fails_later_leaves_the_days_before(
    lake: Store, instance: dg.DagsterInstance, apis: RetailerApis, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = RetailerApis.page
    broken = f"{DAYS[1]}"

    def failing(self: RetailerApis, request: object, day: str, *rest: int) -> object:
        return (["no record"], 1) if day == broken else page(self, request, day, *rest)

    monkeypatch.setattr(RetailerApis, "page", failing)
    assert not run(asked(apis), instance, "raw_retailer_3").success
    assert list(SalesTable(lake, SALES_TABLES["raw_retailer_3"])) == [FIRST]
    assert instance.get_materialized_partitions(dg.AssetKey("raw_retailer_3")) == {str(FIRST)}


def test_retail_is_no_part_of_the_match_day_job() -> None:
    run_days(small(), FIRST, FIRST)
    job = build_defs(small()).resolve_job_def(MATCH_DAY_JOB)
    assert not {key.to_user_string() for key in job.asset_layer.executable_asset_keys} & set(NAMES)
    assert has_days(open_lake("lake"), FIRST, FIRST)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("lines", r"sales_data\.json: expected 200 lines"),
        ("contract", "total_amount = quantity x unit_price"),
        ("source", r"are not all of retailer_1 and of one source, real"),
        ("rejected", r"it counts 3 rejected, but .*rejected\.ndjson is missing"),
        ("received", "received 1 is not stored"),
        ("stray", r"extra\.json: it does not belong here"),
        ("missing", r"sales_data\.json is missing\. To mend it: pizza-assets backfill --retail"),
        ("bytes", r"is damaged"),
    ],
)
def test_verification_finds_what_is_wrong(lake: Store, instance: dg.DagsterInstance, damage: str, problem: str) -> None:
    assert run(small(), instance, "raw_retailer_1").success
    key = SALES_TABLES["raw_retailer_1"].key(FIRST)
    data, facts = lake.read(key), dict(lake.metadata(key))
    first = json.loads(data.splitlines()[0])["total_amount"]
    if damage == "lines":
        lake.write(key, data, {**facts, "rows": "200", "received": "200"})
    elif damage == "contract":
        lake.write(key, data.replace(f'"total_amount":"{first}"'.encode(), b'"total_amount":"0.01"', 1), facts)
    elif damage == "source":
        lake.write(key, data, {**facts, "data-source": "real"})
    elif damage == "rejected":
        lake.write(key, data, {**facts, "rejected": "3", "received": str(int(facts["rows"]) + 3)})
    elif damage == "received":
        lake.write(key, data, {**facts, "received": "1"})
    elif damage == "stray":
        lake.write(key.replace("sales_data", "extra"), b"{}", {})
    elif damage == "missing":
        lake.write(SALES_TABLES["raw_retailer_1"].rejected_key(FIRST), b"", {"rejected": "0"})
        lake.delete(key)
    else:
        (open_lake("lake").root / key).write_bytes(b"{}")  # type: ignore[attr-defined] # a folder
    (found,) = verify(lake).problems
    assert re.search(problem, found), found
