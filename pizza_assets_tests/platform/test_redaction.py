import base64
import json
import traceback
import unicodedata
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.platform.printable import cell, of_cell, printable
from pizza_assets.platform.redaction import (
    REDACTED,
    RedactedError,
    learn,
    redact,
    redacted_error,
    redacted_errors,
    secrets_of,
    without_secrets,
)
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
    settings = Settings.load(
        football_api_key="key-of-football",
        slack_webhook_url="https://hooks.slack.com/services/T0/B0/token-of-slack",
        warehouse_url="postgresql://pizza:pass%2Fword@db.example/lake?sslpassword=second-password",
    )
    assert set(secrets_of(settings)) == {
        "key-of-football",
        "https://hooks.slack.com/services/T0/B0/token-of-slack",
        "services/T0/B0/token-of-slack",
        "token-of-slack",
        "postgresql://pizza:pass%2Fword@db.example/lake?sslpassword=second-password",
        "pass%2Fword",
        "pass/word",
        "second-password",
        "from-the-environment",
    }
    assert redact("it says: key-of-football, pass/word, token-of-slack").count(REDACTED) == 3
    assert redact("the services of the lake") == "the services of the lake"


SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=8, max_size=20)
BYTES = st.binary(max_size=5)


def escaped(text: str) -> str:
    units = text.encode("utf-16-be")
    return "".join(rf"\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


@given(SECRETS, st.text(max_size=5), st.text(max_size=5))
@pytest.mark.parametrize(
    "form",
    [
        str,
        json.dumps,
        lambda secret: json.dumps(secret, ensure_ascii=False),
        lambda secret: json.dumps(json.dumps(secret)),
        lambda secret: json.dumps(secret).replace("/", r"\/"),
        escaped,
        lambda secret: quote(secret, safe=""),
        lambda secret: quote(quote(secret, safe=""), safe=""),
        lambda secret: "".join(f"%{byte:02x}" for byte in secret.encode()),
        lambda secret: json.dumps({secret: [{"inside": quote(secret)}]}),
    ],
)
def test_a_secret_is_found_in_any_spelling(form: Callable[[str], str], secret: str, before: str, after: str) -> None:
    told = form(secret)
    found = redact(f"{before} {told} {after}", [secret])
    assert REDACTED in found
    assert told not in found
    assert secret not in found.replace(REDACTED, "")


@given(SECRETS, BYTES, BYTES, st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]), st.booleans())
@pytest.mark.parametrize("form", [str, quote, lambda text: quote(text, safe=""), json.dumps])
def test_a_secret_is_found_in_the_base64_of_any_text(
    form: Callable[[str], str],
    secret: str,
    before: bytes,
    after: bytes,
    encode: Callable[[bytes], bytes],
    padded: bool,
) -> None:
    encoded = encode(before + secret.encode() + after).decode()
    found = redact(f"<{form(encoded if padded else encoded.rstrip('='))}>", [secret])
    assert REDACTED in found
    rest = "".join(found.split(REDACTED)).strip("<>")
    assert len(rest) <= len(form(encoded)) - len(secret.encode()), "what is left is of the text around it"


@given(st.text(), SECRETS)
def test_text_without_a_secret_stays_as_it_is(text: str, secret: str) -> None:
    if secret not in text:
        assert without_secrets(text) == text


def test_short_secrets_change_no_data() -> None:
    learn("pizza")
    assert without_secrets("Frozen pizza") == "Frozen pizza"
    assert redact("Frozen pizza") == f"Frozen {REDACTED}"


def test_every_secret_setting_is_learned_when_settings_are_read() -> None:
    names = [name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]
    values = {name: f"marker-of-{name}" for name in names}
    values |= {
        "slack_webhook_url": "https://hooks.example/marker-of-slack",
        "warehouse_url": "postgresql://u:marker-of-pg@h/d",
    }
    Settings.load(**values)
    for value in values.values():
        assert redact(value) == REDACTED
    assert len(names) >= 9


class StubbornError(Exception):
    """Its text cannot be changed."""

    def __init__(self, secret: str) -> None:
        self._parts = [secret]

    def __str__(self) -> str:
        return f"holds {self._parts[0]}"


def chain(secret: str, kind: Callable[[str], Exception]) -> Exception:
    try:
        try:
            try:
                raise kind(secret)
            except (ValueError, KeyError, StubbornError):
                raise OSError(2, "not there", f"orders/{secret}")  # noqa: B904 a context
        except OSError as error:
            raise ValueError(f"because of {secret}") from error
    except ValueError as error:
        error.add_note(f"noted {secret}")
        return error


@pytest.mark.parametrize("kind", [ValueError, KeyError, StubbornError])
def test_no_error_in_a_chain_keeps_a_secret(kind: Callable[[str], Exception]) -> None:
    learn("very-secret-marker")
    clean = redacted_error(chain("very-secret-marker", kind))
    told = "".join(traceback.format_exception(clean))
    assert "very-secret-marker" not in told
    assert told.count(REDACTED) == 4
    assert isinstance(clean, ValueError), "its class is kept"
    assert "not there" in told


def test_an_error_that_cannot_be_changed_is_replaced_on_its_way_out() -> None:
    secret = "very-secret-marker"
    learn(secret)
    with pytest.raises(RedactedError) as caught, redacted_errors():
        raise StubbornError(secret)
    told = "".join(traceback.format_exception(caught.value))
    assert "StubbornError: holds [redacted]" in told
    assert f"holds {secret}" not in told


@given(
    st.text(),
    st.sampled_from(
        ["\x1b[2J", "\x9b", "\x07", "\r", "\u202e", "\u2066", "\u200f", "\u061c", "\u2028", "\x85", "\x00"]
    ),
)
def test_text_from_outside_is_text(text: str, command: str) -> None:
    shown = printable(f"{text}{command}")
    assert not [c for c in shown if unicodedata.category(c) in {"Cc", "Zl", "Zp", "Cs"} and c not in "\n\t"]
    assert not set(shown) & set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert printable(shown) == shown
    assert json.loads(f'"{printable(command)}"'.replace(r"\x", r"\u00")) == command, "nothing is lost"


@given(st.text())
def test_harmless_text_stays_as_it_is(text: str) -> None:
    harmless = "".join(c for c in text if unicodedata.category(c) not in {"Cc", "Cf", "Zl", "Zp", "Cs"})
    assert printable(harmless) == harmless


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|'/c calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-", "+44 20 7946", "-1e5x"]
)
def test_no_cell_is_a_formula(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-1", "+1.5", "-0.25", "-1e-05", "1", "", "Leeds", "a=b", "3-1", "-.5"])
def test_numbers_and_words_stay_cells_as_they_are(text: str) -> None:
    assert cell(text) == text


@given(st.text(st.sampled_from("'=+-@1.a\t"), max_size=6) | st.text())
def test_a_cell_gives_its_text_back(text: str) -> None:
    assert of_cell(cell(text)) == text
    assert cell(text)[:1] not in {"=", "@", "\t", "\r"}
