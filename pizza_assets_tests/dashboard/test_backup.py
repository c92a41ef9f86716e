"""A copy of QuickSight: what was changed by hand comes back, here and in another region."""

import json

import pytest

from pizza_assets.dashboard.quicksight.backup import backup, steps_of
from pizza_assets.dashboard.quicksight.data_sources import DASHBOARD_ID, Target
from pizza_assets.dashboard.quicksight.deploy import Deployment, QuickSightError
from pizza_assets.errors import UseError
from pizza_assets_tests.dashboard.fake_quicksight import FakeQuickSight
from pizza_assets_tests.dashboard.test_deploy import RESOURCES, TO, deployment

BEN = "arn:aws:quicksight:us-west-2:210987654321:user/default/ben"
ELSEWHERE = Target("210987654321", "us-west-2", "pizza-copy", "", (BEN,))


def changed() -> FakeQuickSight:
    """An account whose dashboard and a schedule were changed in the console."""
    api = FakeQuickSight()
    deployment(api).deploy()
    api.resources["Dashboard", DASHBOARD_ID]["Name"] = "Renamed by hand"
    api.resources["RefreshSchedule", "pizza-daily"]["Schedule"]["ScheduleFrequency"]["TimeOfTheDay"] = "05:30"
    return api


def test_what_was_changed_by_hand_comes_back_after_all_is_lost() -> None:
    api = changed()
    copy = backup(api, TO)
    deployment(api).teardown()
    assert api.resources == {}
    deployment(api).deploy(steps_of(copy, TO))
    assert len(api.resources) == RESOURCES
    assert api.resources["Dashboard", DASHBOARD_ID]["Name"] == "Renamed by hand"
    schedule = api.resources["RefreshSchedule", "pizza-daily"]["Schedule"]
    assert schedule["ScheduleFrequency"]["TimeOfTheDay"] == "05:30"


def test_a_copy_is_put_back_in_another_account_region_and_bucket() -> None:
    copy = backup(changed(), TO)
    api = FakeQuickSight()
    Deployment(api, ELSEWHERE, sleep=lambda _: None).deploy(steps_of(copy, ELSEWHERE))
    assert len(api.resources) == RESOURCES
    text = json.dumps(list(api.resources.values()), default=str)
    assert (TO.region in text, TO.account in text) == (False, False)
    sources = [request for (kind, _), request in api.resources.items() if kind == "DataSource"]
    buckets = {item["DataSourceParameters"]["S3Parameters"]["ManifestFileLocation"]["Bucket"] for item in sources}
    assert buckets == {"pizza-copy"}


def test_nothing_to_copy_and_a_file_that_is_no_copy_are_one_sentence() -> None:
    with pytest.raises(QuickSightError, match="nothing of ours in QuickSight to copy"):
        backup(FakeQuickSight(), TO)
    for text in ("", "[]", '{"format": 2, "account": "1", "region": "x", "resources": []}'):
        with pytest.raises(UseError, match="is no copy of QuickSight"):
            steps_of(text, TO)
