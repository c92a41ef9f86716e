"""The one HTTP session: timeouts, retries, rate limit, redaction.

Belongs here: getting one JSON object from one address, and saying in one sentence why that failed. Does not
belong here: to which addresses a token may go (``api.py``), what any particular API answers.

A token travels in one request header and is never part of an address, a message, a log line or a ``repr``.
"""

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import urlencode

import requests
from pydantic import SecretStr
from requests.structures import CaseInsensitiveDict
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter
from urllib3.exceptions import HTTPError, InvalidHeader, ReadTimeoutError
from urllib3.util import Retry

from pizza_assets.errors import SourceError
from pizza_assets.platform.addresses import is_loopback
from pizza_assets.platform.api import (
    Api,
    AuthenticationError,
    NotFoundError,
    TokenAuth,
    checked_address,
    checked_token,
    host_of,
)
from pizza_assets.platform.header_deadline import HeaderDeadline
from pizza_assets.platform.rate_budget import RateBudget, rates_of
from pizza_assets.platform.records import read_json
from pizza_assets.platform.redaction import REDACTED, learn, safe_text, without_secrets
from pizza_assets.settings import Settings

_LOGGER = logging.getLogger("pizza_assets.sources")

RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
#: Where the server does not say how long to wait after a 429; and the longest wait we accept from it (s).
DEFAULT_WAIT, LONGEST_WAIT = 60.0, 90.0
#: An answer that keeps dribbling is given up after this many times the time-out.
TOTAL_TIMEOUTS = 4
#: A season of matches has 1.5 MB, 10,000 orders 3 MB; more than this is no answer to our questions.
MAX_BODY_BYTES = 64 * 2**20

_BACKOFF = wait_exponential_jitter(initial=1, max=30, jitter=1)


class _TransientError(SourceError):
    """Worth another try, after ``wait`` seconds when the server said so."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass
class Calls:
    """How often an API was asked, retries included, and the seconds it took to answer, waits excluded."""

    number: int = 0
    seconds: float = 0.0


#: What counts the calls of every session in this context, besides the session itself.
_counted: ContextVar[Calls | None] = ContextVar("pizza_assets_counted_calls", default=None)


@contextmanager
def counted_calls() -> Iterator[Calls]:
    """Give the calls of all sessions that are used inside, as they are made."""
    calls = Calls()
    token = _counted.set(calls)
    try:
        yield calls
    finally:
        _counted.reset(token)


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    signed: bytes = field(repr=False)


@dataclass(frozen=True)
class Reply:
    """A JSON object with the bytes that it was read from; the names of `headers` know no case.

    None of these holds a secret of ours. `signed` is the body as it came, for signatures only.
    """

    value: dict[str, object]
    body: bytes
    headers: Mapping[str, str]
    signed: bytes = field(default=b"", repr=False)


class HttpSession:
    """Asks one API, within its limits, and again where that can help. For one thread at a time.

    Parameters
    ----------
    api
        Where, and with which token.
    settings
        Time-out, retries and request limits.
    budget
        Limits other than those of `settings`, or kept elsewhere.
    sleep
        Waits between tries, in seconds.

    Raises
    ------
    SettingsError
        When the address is not https (or loopback), or carries more than an address.
    AuthenticationError
        When no header can carry the token.
    """

    def __init__(
        self,
        api: Api,
        settings: Settings,
        *,
        budget: RateBudget | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = checked_address(api)
        checked_token(api)
        learn(*(secret.get_secret_value() for secret in (api.token, *api.secrets)))
        self.api = api
        self.calls = Calls()
        self._timeout = settings.api_timeout
        self._retries = settings.max_api_retries
        self._budget = budget or RateBudget(host_of(parts), rates_of(settings))
        self._sleep = sleep
        self._http = requests.Session()
        self._http.auth = TokenAuth(api)
        for scheme in ("https://", "http://"):
            self._http.mount(scheme, HeaderDeadline(TOTAL_TIMEOUTS * self._timeout))
        self._http.headers.update({"Accept": "application/json", **api.headers})
        if is_loopback(parts.hostname):
            self._http.trust_env = False  # no proxy between us and this very machine

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def authorize(self, token: SecretStr) -> None:
        """Put another token in the place of the API's.

        Raises
        ------
        AuthenticationError
            When no header can carry it.
        """
        api = replace(self.api, token=token)
        checked_token(api)
        learn(token.get_secret_value())
        self.api, self._http.auth = api, TokenAuth(api)

    def get(self, path: str, parameters: Mapping[str, str]) -> dict[str, object]:
        """Return the JSON object at `path` below the API's address; see `ask`."""
        return self.ask(path, parameters).value

    def ask(self, path: str, parameters: Mapping[str, str], form: Mapping[str, str] | None = None) -> Reply:
        """Return what `path` below the API's address answers: to GET, or to POST when there is a form to send.

        Tries again, up to ``MAX_API_RETRIES`` times, after 429, 500, 502, 503, 504, a time-out, a connection that
        fails and a body that is cut or no JSON. Follows no redirects. See ``read_json`` for what JSON allows but files
        do not.

        Raises
        ------
        SourceError
            ``final`` where another try in this run is useless (400, 401, 403, 404 ...).
        AuthenticationError
            When the token is rejected.
        """
        retrying = Retrying(
            stop=stop_after_attempt(self._retries + 1),
            retry=retry_if_exception_type(_TransientError),
            wait=_seconds_to_wait,
            sleep=self._sleep,
            before_sleep=self._log_retry,
            reraise=True,
        )
        return retrying(self._attempt, path, parameters, form)

    def _log_retry(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        _LOGGER.warning(
            "%s: try %d of %d failed, next in %.1f s. %s",
            self.api.name,
            state.attempt_number,
            self._retries + 1,
            state.upcoming_sleep,
            error,
        )

    def _attempt(self, path: str, parameters: Mapping[str, str], form: Mapping[str, str] | None) -> Reply:
        url = f"{self.api.url.rstrip('/')}/{path}"
        request = requests.Request("GET" if form is None else "POST", url, params=parameters, data=form)
        asked = f"{self.api.name}, {request.method} {url}?{urlencode(parameters)}"
        self._budget.take()
        started = time.monotonic()
        deadline = started + TOTAL_TIMEOUTS * self._timeout
        counters = [calls for calls in (self.calls, _counted.get()) if calls is not None]
        for calls in counters:
            calls.number += 1
        # Errors are raised outside of ``except``: a requests exception carries the request, and so the token.
        try:
            answer: _Answer | str = self._exchange(request, deadline)
        except (requests.RequestException, HTTPError, OSError) as error:
            answer = self._network_fault(error) if time.monotonic() < deadline else self._late
        finally:
            for calls in counters:
                calls.seconds += time.monotonic() - started
        if isinstance(answer, str):
            raise _TransientError(
                f"{asked}: expected an answer, found {answer}. Check the network and {self.api.url_setting}, or try "
                "again later."
            )
        if answer.status != 200:
            raise self._rejection(asked, answer)
        return Reply(self._json_object(asked, answer), answer.body, answer.headers, answer.signed)

    def _exchange(self, request: requests.Request, deadline: float) -> _Answer | str:
        """Send one request; return the answer, or what is wrong with it."""
        timeout = (self._timeout, self._timeout)
        with self._http.request(
            request.method,
            request.url,
            params=request.params,
            data=request.data,
            timeout=timeout,
            allow_redirects=False,
            stream=True,
        ) as response:
            body = bytearray()
            # read1 returns what one read of the socket gives, so that the deadline is looked at between reads.
            while block := response.raw.read1(2**16, decode_content=True):
                body += block
                if len(body) > MAX_BODY_BYTES:
                    return f"an answer of more than {MAX_BODY_BYTES >> 20} MiB"
                if time.monotonic() > deadline:
                    return self._late
            if time.monotonic() > deadline:
                return self._late  # an answer whose headers were cut off looks like one without a body
            return self._without_secrets(response.status_code, response.headers, bytes(body))

    @property
    def _late(self) -> str:
        return f"one that was not complete after {TOTAL_TIMEOUTS * self._timeout:g} s"

    def _without_secrets(self, status: int, headers: Mapping[str, str], body: bytes) -> _Answer:
        """Return an answer as we keep and show it; one that repeats a secret of ours is told."""
        text = body.decode(errors="surrogateescape")
        kept = without_secrets(text)
        safe = CaseInsensitiveDict({without_secrets(name): without_secrets(value) for name, value in headers.items()})
        if kept != text or dict(safe) != dict(headers):
            _LOGGER.warning(
                "%s: its answer repeats a secret of ours, which is kept as %s. Ask the operator of the API why, and "
                "change the secret.",
                self.api.name,
                REDACTED,
            )
        return _Answer(status, safe, kept.encode(errors="surrogateescape") if kept != text else body, body)

    def _network_fault(self, error: Exception) -> str:
        # The names of exceptions only: their texts may hold addresses of proxies with passwords.
        if isinstance(error, requests.Timeout | ReadTimeoutError | TimeoutError):
            return f"none within {self._timeout:g} s"
        if isinstance(error, requests.exceptions.SSLError):
            return "a TLS certificate or handshake that fails"
        cause = error.args[0] if error.args and isinstance(error.args[0], Exception) else error
        return f"a connection that fails or breaks off ({type(getattr(cause, 'reason', None) or cause).__name__})"

    def _json_object(self, asked: str, answer: _Answer) -> dict[str, object]:
        kind, text = answer.headers.get("content-type", "no content-type"), self._excerpt(_text(answer.body))
        try:
            value = read_json(answer.body)
        except (ValueError, RecursionError):
            problem: SourceError = _TransientError(
                f"{asked}: expected JSON, found {kind} '{text}'. Check {self.api.url_setting}, or try again later."
            )
        else:
            if isinstance(value, dict):
                return value
            problem = SourceError(f"{asked}: expected a JSON object, found '{text}'. Check {self.api.url_setting}.")
        raise problem

    def _rejection(self, asked: str, answer: _Answer) -> SourceError:
        """Return the error for a status other than 200."""
        status, said = answer.status, _message(answer.body)
        found = f"{asked}: expected 200, found {status} '{self._excerpt(said)}'."
        if status in RETRIED_STATUSES:
            advice = "Lower MAX_REQUESTS_PER_MINUTE." if status == 429 else "Try again later."
            return _TransientError(f"{found} {advice}", _wait_asked_for(answer, said))
        if status == 401 or (status == 400 and re.search(r"\btoken\b", said, re.IGNORECASE)):
            return AuthenticationError(f"{found} Check {self.api.key_setting}.")
        if status == 403:
            return SourceError(f"{found} Check that the plan behind {self.api.key_setting} covers it.", final=True)
        if 300 <= status < 400:
            return SourceError(f"{found} Redirects are not followed. Check {self.api.url_setting}.", final=True)
        if status == 404:
            return NotFoundError(f"{found} Check the request and {self.api.url_setting}.")
        return SourceError(f"{found} Check the request and {self.api.url_setting}.", final=status < 500)

    def _excerpt(self, text: str) -> str:
        return " ".join(safe_text(text).split())[:200]


def _message(body: bytes) -> str:
    """Return what an error body says: ``message``, ``error`` (football-data.org has either) or its text."""
    try:
        value = read_json(body)
    except (ValueError, RecursionError):
        value = None
    texts = [value.get("message"), value.get("error")] if isinstance(value, dict) else []
    return next((text for text in texts if isinstance(text, str)), _text(body))


def _text(body: bytes) -> str:
    return body[:10_000].decode(errors="replace")


def _seconds_to_wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked_for = error.wait if isinstance(error, _TransientError) else None
    return _BACKOFF(state) if asked_for is None else asked_for


def _wait_asked_for(answer: _Answer, message: str) -> float | None:
    """Return the seconds that the server asks us to wait; None leaves it to the backoff."""
    said = [_delay(answer.headers.get("retry-after"))]
    if answer.status == 429:
        in_text = re.search(r"wait (\d+) second", message, re.IGNORECASE)
        said.insert(0, _delay(answer.headers.get("x-requestcounter-reset")))
        said += [float(in_text[1]) if in_text else None, DEFAULT_WAIT]
    seconds = next((seconds for seconds in said if seconds is not None), None)
    return None if seconds is None else min(max(seconds, 1.0), LONGEST_WAIT)


def _delay(header: str | None) -> float | None:
    """Read a header that holds seconds or a date; None when there is none, or nonsense in it."""
    try:
        return Retry().parse_retry_after(header or "")
    except (InvalidHeader, ValueError, OverflowError):
        return None
