import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.redaction import REDACTED, redact, secrets_of
from pizza_assets.settings import Settings

words = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=8, max_size=30)


@pytest.mark.parametrize(
    "text",
    [
        "GET https://user:hunter22@proxy.example/x failed",
        "X-Auth-Token: hunter22",
        "Authorization: Bearer hunter22hunter22",
        "postgresql://pizza:hunter22@db.example:5432/lake",
        "?api_key=hunter22&page=2",
        "{'password': 'hunter22'}",
        '{"aws_secret_access_key": "hunter22"}',
        "FOOTBALL_API_KEY=hunter22",
        "https://hooks.slack.com/services/T0/B0/hunter22",
        "https://bucket.s3.amazonaws.com/x?X-Amz-Signature=hunter22&X-Amz-Date=1",
    ],
)
def test_the_usual_forms_of_secrets_are_found(text: str) -> None:
    assert "hunter22" not in redact(text)
    assert REDACTED in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        (
            "football-data.org, GET https://api.example/v4/matches?season=2025: expected 200, found 400 "
            "'Your API token is invalid.'. Check FOOTBALL_API_KEY."
        ),
        "No real pizza orders of 2026-06-10, and PIZZA_ALLOW_MOCK=false forbids mock ones",
        "s3://pizza-lake/raw-data/football-data/real/2026/06/10 is damaged: its checksum should be abc, found def.",
        "expected received 5 = stored 4 + rejected 1; key: order_id",
    ],
)
def test_sentences_that_hold_no_secret_stay_as_they_are(text: str) -> None:
    assert redact(text) == text


@given(words, words, words)
def test_known_secrets_go_wherever_they_stand(before: str, secret: str, after: str) -> None:
    assert secret not in redact(f"{before}{secret} {secret}{after}", [secret]).replace(REDACTED, "")


def test_one_secret_inside_another_leaves_no_rest() -> None:
    assert redact("abcdefgh", ["abcd", "abcdefgh"]) == REDACTED


def test_the_settings_and_the_environment_tell_what_is_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "from-the-environment")
    settings = Settings.load(football_api_key="key-of-football", slack_webhook_url="https://hooks.slack.com/services/x")
    assert set(secrets_of(settings)) == {
        "key-of-football",
        "https://hooks.slack.com/services/x",
        "from-the-environment",
    }
