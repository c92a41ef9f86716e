import base64
import contextlib
import gzip
import json
import logging
import socket
import threading
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pizza_assets.errors import SourceError
from pizza_assets.platform import http
from pizza_assets.platform.api import AuthenticationError
from pizza_assets.platform.http import HttpSession
from pizza_assets.settings import Settings
from pizza_assets_tests.platform.fake_api import (
    TOKEN,
    Answer,
    FakeApi,
    football_session,
    running,
    settings_for,
    unlimited,
)

GOOD = Answer(body={"matches": []})
RESTRICTED = "The resource you are looking for is restricted and apparently not within your permissions."


def test_sends_the_token_in_its_header_only(api: FakeApi, tmp_path: Path) -> None:
    api.answers(GOOD)
    with football_session(settings_for(api), tmp_path) as session:
        assert session.get("competitions/PL/matches", {"season": "2023"}) == {"matches": []}
    (request,) = api.requests
    assert request.path == "/v4/competitions/PL/matches"
    assert request.query == {"season": "2023"}
    assert request.headers["x-auth-token"] == TOKEN
    assert request.headers["x-unfold-goals"] == "true"
    assert "authorization" not in request.headers


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_asks_again_where_it_can_help(api: FakeApi, tmp_path: Path, status: int) -> None:
    api.answers(Answer(status, b"<html>"), Answer(status, b""), GOOD)
    with football_session(settings_for(api), tmp_path) as session:
        assert session.get("x", {}) == {"matches": []}
        assert session.calls.number == len(api.requests) == 3
        assert session.calls.seconds > 0


@pytest.mark.parametrize(
    "bad",
    [
        Answer(body=b""),
        Answer(body=b'{"matches": [{"id": 1, '),
        Answer(body=b"<html><body>maintenance</body></html>", headers={"content-type": "text/html"}),
        Answer(body=b"\xff\xfe\xfa"),
        Answer(body=b'{"a": ' * 100_000),
        Answer(body={"matches": []}, fault="truncated"),
        Answer(body=gzip.compress(b'{"matches": []}')[:-12], headers={"content-encoding": "gzip"}),
        Answer(body=b"no gzip", headers={"content-encoding": "gzip"}),
        Answer(fault="reset"),
    ],
    ids=["empty", "malformed", "html", "no text", "nested", "truncated", "cut gzip", "no gzip", "reset"],
)
def test_asks_again_after_an_answer_that_is_broken(api: FakeApi, tmp_path: Path, bad: Answer) -> None:
    with football_session(settings_for(api), tmp_path) as session:
        api.answers(bad, bad, GOOD)
        assert session.get("x", {}) == {"matches": []}
        api.answers(bad)
        with pytest.raises(SourceError, match=r"GET http://127.0.0.1:\d+/v4/x\?: expected") as caught:
            session.get("x", {})
    assert len(api.requests) == 3
    assert not caught.value.final


def test_gives_up_an_answer_that_does_not_come(api: FakeApi, tmp_path: Path) -> None:
    api.answers(Answer(fault="silence"), GOOD)
    with football_session(settings_for(api, api_timeout=0.1), tmp_path) as session:
        assert session.get("x", {}) == {"matches": []}
    assert len(api.requests) == 2
    api.answers(Answer(fault="silence"))
    with (
        football_session(settings_for(api, api_timeout=0.05, max_api_retries=0), tmp_path) as session,
        pytest.raises(SourceError, match=r"found none within 0\.05 s"),
    ):
        session.get("x", {})


def test_gives_up_an_answer_that_dribbles(api: FakeApi, tmp_path: Path) -> None:
    api.answers(Answer(body={"matches": ["x" * 10_000]}, fault="dribble"))
    with (
        football_session(settings_for(api, api_timeout=0.1, max_api_retries=0), tmp_path) as session,
        pytest.raises(SourceError, match=r"not complete after 0\.4 s"),
    ):
        session.get("x", {})


def test_gives_up_headers_that_dribble(tmp_path: Path) -> None:
    """Each byte comes in time, and the headers never end."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def dribble() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(10_000)
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not ended.wait(0.02):
                    connection.sendall(b"x")

        thread = threading.Thread(target=dribble)
        thread.start()
        settings = Settings(
            _env_file=None,
            football_api_key=SecretStr("0123456789abcdef"),
            football_api_url=f"http://127.0.0.1:{server.getsockname()[1]}",
            api_timeout=0.1,
            max_api_retries=0,
        )
        with (
            football_session(settings, tmp_path) as session,
            pytest.raises(SourceError, match=r"not complete after 0\.4 s"),
        ):
            session.get("x", {})
        ended.set()
        thread.join()


def test_gives_up_an_answer_that_is_far_too_long(api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_BODY_BYTES", 2**20)
    api.answers(Answer(body=gzip.compress(b" " * 2**22), headers={"content-encoding": "gzip"}))
    with (
        football_session(settings_for(api, max_api_retries=0), tmp_path) as session,
        pytest.raises(SourceError, match="more than 1 MiB"),
    ):
        session.get("x", {})


def test_says_that_nobody_answers(tmp_path: Path) -> None:
    with running() as server:
        settings = settings_for(server)
    with football_session(settings, tmp_path) as session:
        with pytest.raises(SourceError, match=r"a connection that fails or breaks off \(NewConnectionError\)"):
            session.get("x", {})
        assert session.calls.number == 3


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (400, {"message": "Argument 'season' is expected to be an integer.", "errorCode": 400}, "Argument 'season'"),
        (400, {"error": "Argument 'id' is expected to be an integer."}, "Argument 'id'"),
        (403, {"message": RESTRICTED, "errorCode": 403}, "FOOTBALL_API_KEY covers it"),
        (404, {"message": "The resource you are looking for does not exist.", "error": 404}, "does not exist"),
        (404, b"<html>gone</html>", "'<html>gone</html>'"),
        (301, b"", "Redirects are not followed"),
    ],
)
def test_does_not_ask_again_where_that_is_useless(
    api: FakeApi, tmp_path: Path, status: int, body: object, said: str
) -> None:
    api.answers(Answer(status, body))
    with football_session(settings_for(api), tmp_path) as session, pytest.raises(SourceError, match="found") as caught:
        session.get("competitions/PL/matches", {"season": "2023"})
    assert said in str(caught.value)
    assert f"expected 200, found {status}" in str(caught.value)
    assert "/v4/competitions/PL/matches?season=2023" in str(caught.value)
    assert caught.value.final
    assert not isinstance(caught.value, AuthenticationError)
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [Answer(400, {"message": "Your API token is invalid.", "errorCode": 400}), Answer(401, b"")],
)
def test_says_that_the_token_is_rejected(api: FakeApi, tmp_path: Path, answer: Answer) -> None:
    api.answers(answer)
    with (
        football_session(settings_for(api), tmp_path) as session,
        pytest.raises(AuthenticationError, match="Check FOOTBALL_API_KEY") as caught,
    ):
        session.get("x", {})
    assert caught.value.final
    assert len(api.requests) == 1


@pytest.mark.parametrize("body", [[1, 2], "text", 3, None])
def test_wants_a_json_object(api: FakeApi, tmp_path: Path, body: object) -> None:
    api.answers(Answer(body=body))
    with (
        football_session(settings_for(api), tmp_path) as session,
        pytest.raises(SourceError, match="expected a JSON object"),
    ):
        session.get("x", {})
    assert len(api.requests) == 1


def test_keeps_to_json_without_nan(api: FakeApi, tmp_path: Path) -> None:
    api.answers(Answer(body=b'{"a": NaN, "b": -Infinity}'))
    with football_session(settings_for(api), tmp_path) as session:
        assert session.get("x", {}) == {"a": "NaN", "b": "-Infinity"}


@pytest.mark.parametrize(
    ("status", "headers", "body", "wait"),
    [
        (429, {"X-RequestCounter-Reset": "7", "Retry-After": "9"}, {"message": "Wait 48 seconds."}, 7),
        (429, {"Retry-After": "9"}, {"message": "Wait 48 seconds."}, 9),
        (429, {"x-requestcounter-reset": "soon"}, {"message": "You reached your request limit. Wait 48 seconds."}, 48),
        (429, {}, {"message": "Wait 1 second."}, 1),
        (429, {}, {"message": "Slow down."}, 60),
        (429, {"x-requestcounter-reset": "0"}, b"", 1),
        (429, {"Retry-After": "86400"}, b"", 90),
        (429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, b"", 1),
        (503, {"Retry-After": "12", "x-requestcounter-reset": "7"}, b"", 12),
    ],
)
def test_waits_as_long_as_the_server_says(
    api: FakeApi, tmp_path: Path, status: int, headers: dict[str, str], body: object, wait: float
) -> None:
    waits: list[float] = []
    api.answers(Answer(status, body, headers), GOOD)
    with football_session(settings_for(api), tmp_path, waits) as session:
        session.get("x", {})
    assert waits == [wait]


def test_backs_off_exponentially_with_jitter(api: FakeApi, tmp_path: Path) -> None:
    waits: list[float] = []
    api.answers(Answer(500))
    with (
        football_session(settings_for(api, max_api_retries=8), tmp_path, waits) as session,
        pytest.raises(SourceError, match="Try again later"),
    ):
        session.get("x", {})
    for wait, least in zip(waits, [1, 2, 4, 8, 16, 30, 30, 30], strict=True):
        assert least <= wait <= least + 1


def test_logs_each_retry_in_a_line(api: FakeApi, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    api.answers(Answer(429, {"message": "Wait 5 seconds."}), Answer(500), GOOD)
    with (
        caplog.at_level(logging.INFO, "pizza_assets.sources"),
        football_session(settings_for(api), tmp_path) as session,
    ):
        session.get("x", {})
    first, second = caplog.messages
    assert first.startswith("football-data.org: try 1 of 3 failed, next in 5.0 s. ")
    assert "found 429 'Wait 5 seconds.'" in first
    assert "found 500" in second


def test_follows_no_redirects(api: FakeApi, tmp_path: Path) -> None:
    with running() as other:
        api.answers(Answer(302, b"", {"Location": str(other.url)}))
        with football_session(settings_for(api), tmp_path) as session, pytest.raises(SourceError, match="found 302"):
            session.get("x", {})
        assert other.requests == []


# Of many characters: a traceback holds long rows of one or two, such as ^^^^^^^^^^^^, that are no leak. Between tildes,
# because Hypothesis also draws words of our own code, which are no leak either.
tokens = (
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=60)
    .filter(lambda token: len(set(token)) > 4)
    .map(lambda token: f"~{token}~")
)


@given(
    token=tokens, status=st.sampled_from([200, 400, 403, 429, 500]), fault=st.sampled_from([None, "reset", "truncated"])
)
def test_the_token_is_in_no_error_log_or_repr(
    api: FakeApi, tmp_path: Path, token: str, status: int, fault: str | None
) -> None:
    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("pizza_assets.sources")
    logger.addHandler(handler)
    # The server tells the token back, as some do.
    api.answers(Answer(status, b"You sent " + token.encode() + b" " * 300, fault=fault))
    try:
        api_settings = settings_for(api, football_api_key=SecretStr(token), max_api_retries=1)
        with football_session(api_settings, tmp_path) as session:
            with pytest.raises(SourceError) as caught:
                session.get("x", {})
            texts = [repr(session), repr(session.api), repr(vars(session)), repr(api_settings), str(api_settings)]
    finally:
        logger.removeHandler(handler)
    error: BaseException | None = caught.value
    texts += ["".join(traceback.format_exception(caught.value)), *records]
    while error is not None:
        texts += [str(error), repr(error), repr(vars(error)), repr(error.args)]
        error = error.__cause__ or error.__context__
    assert api.requests[0].headers["x-auth-token"] == token
    assert not [text for text in texts if token in text]


def test_a_form_is_posted_and_the_answer_comes_with_its_bytes_and_headers(api: FakeApi, tmp_path: Path) -> None:
    api.answers(Answer(503), Answer(body=b' {"a": 1.0}\n', headers={"X-Kind": "test"}))
    with football_session(settings_for(api), tmp_path) as session:
        reply = session.ask("token", {}, {"grant_type": "client_credentials"})
    assert [request.form for request in api.requests] == [{"grant_type": "client_credentials"}] * 2
    assert (reply.value, reply.body, reply.headers["x-kind"]) == ({"a": 1.0}, b' {"a": 1.0}\n', "test")


def test_another_token_takes_the_place_of_the_first(api: FakeApi, tmp_path: Path) -> None:
    api.answers(GOOD, Answer(401, {"message": "token second-token is over"}))
    with football_session(settings_for(api), tmp_path) as session:
        session.authorize(SecretStr("second-token"))
        session.get("x", {})
        with pytest.raises(AuthenticationError) as caught:
            session.get("x", {})
        with pytest.raises(AuthenticationError, match="one word of printable ASCII"):
            session.authorize(SecretStr("two words"))
    assert [request.headers["x-auth-token"] for request in api.requests] == ["second-token"] * 2
    assert "second-token" not in str(caught.value)


def test_no_secret_of_the_api_is_repeated(api: FakeApi, tmp_path: Path) -> None:
    api.answers(Answer(403, {"message": "password hunter2 is wrong"}))
    settings = settings_for(api)
    with football_session(settings, tmp_path) as session:
        known = replace(session.api, secrets=(SecretStr("hunter2"), SecretStr("")))
    with (
        HttpSession(known, settings, budget=unlimited(tmp_path)) as session,
        pytest.raises(SourceError, match=r"'password \[redacted\] is wrong'"),
    ):
        session.get("x", {})


SECRET = "Zx9-key/with+signs"


@pytest.mark.parametrize("form", [str, quote, lambda secret: base64.b64encode(b"ab" + secret.encode()).decode()])
def test_an_answer_is_kept_without_the_secrets_it_repeats(
    api: FakeApi, tmp_path: Path, caplog: pytest.LogCaptureFixture, form: Callable[[str], str]
) -> None:
    told = form(SECRET)
    headers = {"content-type": f"text/{told}", f"x-{told.replace('/', '').replace('=', '')}": told}
    api.answers(Answer(200, {"key": told, told: [told]}, headers=headers))
    with football_session(settings_for(api, football_api_key=SecretStr(SECRET)), tmp_path) as session:
        reply = session.ask("x", {})
    for kept in (reply.body.decode(), str(reply.value), reply.headers["content-type"], str(reply), caplog.text):
        assert told not in kept
    assert "[redacted]" in list(reply.value)[1]
    assert reply.signed == json.dumps({"key": told, told: [told]}).encode(), "signatures are of what came"
    assert "its answer repeats a secret of ours" in caplog.text
