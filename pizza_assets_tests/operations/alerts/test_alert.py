from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.operations.alerts.alert import Alert, shortened

ALERT = Alert("Run failed", "raw_orders", "S3 failed on s3://lake/2026/06/10: 503", "Do.", ("2026-06-10",))


@pytest.mark.parametrize(
    "other",
    [
        replace(ALERT, sentence="S3 failed on s3://lake/2026/06/11: 500"),
        replace(ALERT, partitions=("2026-06-11",)),
        replace(ALERT, run_id="0f0e0d0c-1111-2222-3333-444455556666"),
    ],
)
def test_days_counts_and_runs_make_no_other_cause(other: Alert) -> None:
    assert other.cause == ALERT.cause


@pytest.mark.parametrize(
    "other",
    [
        replace(ALERT, subject="raw_matches"),
        replace(ALERT, title="Check failed"),
        replace(ALERT, sentence="The disk is full."),
        replace(ALERT, key="2026-06-10"),
    ],
)
def test_another_asset_kind_or_sentence_is_another_cause(other: Alert) -> None:
    assert other.cause != ALERT.cause


def test_joined_alerts_have_the_partitions_of_both() -> None:
    both = ALERT.joined(replace(ALERT, partitions=("2026-06-09", "2026-06-10")))
    assert both.partitions == ("2026-06-09", "2026-06-10")
    assert both.span == "2 from 2026-06-09 to 2026-06-10"
    assert replace(both, is_range=True).span == "2026-06-09 to 2026-06-10"


@given(st.builds(Alert, *[st.text()] * 4, st.lists(st.text()).map(tuple), st.booleans(), st.none() | st.text()))
def test_an_alert_survives_being_kept(alert: Alert) -> None:
    assert Alert.from_json(alert.as_json()) == alert


def test_a_traceback_is_cut_to_what_a_message_holds() -> None:
    assert len(shortened("x" * 100_000)) < 2000
    assert shortened("a  \n\n\n b") == "a\n b"
