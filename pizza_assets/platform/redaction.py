"""Redaction: no secret in what is written for people, or kept of what others send us.

Belongs here: finding secrets in text, in whatever form they stand there. Does not belong here: who writes the text. A
secret that we know is replaced wherever it stands; of others, the usual forms are recognised (headers, addresses with
passwords, keys of AWS).

Settings make their secrets known when they are read, a session its tokens when it gets them; from then on every log
line, error, alert, file of metadata and answer of an API in this process is free of them.
"""

import base64
import os
import re
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel, SecretStr

from pizza_assets.platform.printable import printable

REDACTED = "[redacted]"
#: Shorter values are no secrets; to replace them would only spoil the text. In data they must be longer, so that a
#: password such as "pizza" changes no product's name.
SHORTEST, SHORTEST_IN_DATA = 4, 8
#: Shorter ones have base64 forms that other text has by chance.
_SHORTEST_ENCODED = 6
_AWS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_NAMED = r"(?:x-auth-token|api[-_]?key|access[-_]?key|password|passwd|pwd|secret|token|signature|x-amz-[a-z-]+)"
_PATTERNS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {REDACTED}"),
    (re.compile(rf"(?i)({_NAMED}[\"']?\s*[:=]\s*[\"']?)(?!\[redacted\])[^\s\"',;&)]+"), rf"\1{REDACTED}"),
    (re.compile(r"(://)[^/\s@]+@"), rf"\1{REDACTED}@"),
    (re.compile(r"(hooks\.slack\.com/(?:services|workflows|triggers)/)[\w/-]+"), rf"\1{REDACTED}"),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), REDACTED),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), REDACTED),
)
#: An escaped character of JSON or Python; the backslash may be escaped, too.
_ESCAPE = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))|\\+")
#: So often may text be escaped, one way inside another.
_DEPTH = 4

_known: dict[str, None] = {}


@dataclass(frozen=True)
class _Form:
    """One way to write a secret: as it is, without escapes, and how to find it with any of its characters escaped."""

    raw: str
    unescaped: str
    pattern: re.Pattern[str]


def learn(*secrets: str) -> None:
    """Make secrets known to this process: nothing that is written from now on holds them."""
    _known.update(dict.fromkeys(secret for text in secrets if len(secret := text.strip()) >= SHORTEST))


def secrets_of(settings: BaseModel) -> tuple[str, ...]:
    """Return every secret that the settings (all fields of type SecretStr) and the environment of AWS hold.

    Of an address with a password in it, the password is one too; of another address, such as a webhook's, its path and
    the last part of it.
    """
    values = [getattr(settings, name) for name in type(settings).model_fields]
    texts = [value.get_secret_value().strip() for value in values if isinstance(value, SecretStr)]
    inside = [part for text in texts if "://" in text for part in _parts(text)]
    return tuple(filter(None, [*texts, *inside, *(os.environ.get(name, "") for name in _AWS)]))


def _parts(address: str) -> Iterator[str]:
    try:
        parts = urlsplit(address)
    except ValueError:
        return
    if parts.password:
        yield from (parts.password, unquote(parts.password))
    yield from (value for name, value in parse_qsl(parts.query) if re.search(_NAMED, name, re.IGNORECASE))
    if parts.scheme in {"http", "https"}:
        path = parts.path.strip("/")
        yield from (part for part in (path, path.rpartition("/")[2]) if len(part) >= SHORTEST_IN_DATA)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without the known secrets and `secrets`, in any form, and without what looks like one."""
    text = _without(text, {*_known, *secrets}, SHORTEST)
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def safe_text(text: str) -> str:
    """Return text from outside for people: without secrets, and with commands to terminals spelled out."""
    return printable(redact(text))


def without_secrets(data: str) -> str:
    """Return data without the known secrets, and otherwise as it is."""
    return _without(data, _known, SHORTEST_IN_DATA)


def _without(text: str, secrets: Iterable[str], shortest: int) -> str:
    unescaped = _unescaped(text)
    for secret in sorted((secret for secret in secrets if len(secret) >= shortest), key=len, reverse=True):
        for form in _forms(secret):
            # Most text holds no secret, and to look for a text is many times quicker than for a pattern.
            if form.raw in text or form.unescaped in unescaped:
                text = form.pattern.sub(REDACTED, text)
    return text


def _unescaped(text: str) -> str:
    """Return text without escapes and backslashes."""
    for _ in range(_DEPTH):
        before = text
        if "\\" in text:  # JSON writes a character beyond the first 65,536 as two halves
            halves = _ESCAPE.sub(_character, text)
            text = halves.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        text = unquote(text) if "%" in text else text
        if text == before:
            break
    return text


def _character(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    return chr(int(code, 16)) if code else ""


@cache
def _forms(secret: str) -> tuple[_Form, ...]:
    """Return the forms of a secret: plain, and the base64 of whatever text it is part of."""
    data = secret.encode(errors="surrogatepass")
    plain = (secret, secret.replace(" ", "+"))
    forms = {text: "".join(map(_any_escape, text)) for text in plain}
    for shift in range(3 if len(data) >= _SHORTEST_ENCODED else 0):
        encoded = base64.b64encode(b"\0" * shift + data).decode()
        # Only characters whose bits are all the secret's do not depend on what stands around it; the others go, too.
        whole = encoded[-(-shift * 8 // 6) : (shift + len(data)) * 8 // 6]
        for core in (whole, whole.replace("+", "-").replace("/", "_")):
            around = r"[\w+/-]{0,2}"
            forms[core] = f"{around}{''.join(map(_any_escape, core))}{around}(?:=|%3[dD]){{0,2}}"
    return tuple(_Form(text, _unescaped(text), re.compile(pattern)) for text, pattern in forms.items())


def _any_escape(character: str) -> str:
    """Return the pattern of a character, escaped or not."""
    plain = r"\\+" if character == "\\" else rf"\\*{re.escape(character)}"
    units = character.encode("utf-16-be", "surrogatepass")
    in_json = "".join(rf"\\+u(?i:{units[at : at + 2].hex()})" for at in range(0, len(units), 2))
    in_python = rf"|\\+x(?i:{ord(character):02x})" if ord(character) < 256 else ""
    in_address = "".join(f"%(?:25)*(?i:{byte:02x})" for byte in character.encode(errors="surrogatepass"))
    return f"(?:{plain}|{in_json}{in_python}|{in_address})"


def redacted_error(error: BaseException) -> BaseException:
    """Return an error whose text holds no secret, and neither does that of its causes, contexts and parts.

    Where the text of an error cannot be changed, a `RedactedError` takes its place; most stay the objects they were.
    """
    return _redacted_error(error, {})


class RedactedError(Exception):
    """Stands for an error with a secret in its text: its class, and the text without the secret."""


def _redacted_error(error: BaseException, done: dict[int, BaseException]) -> BaseException:
    if id(error) in done:
        return done[id(error)]
    done[id(error)] = error
    _clean(error)
    said = _said(error)
    clean = redact(said)
    instead = error if clean == said else RedactedError(clean.strip()).with_traceback(error.__traceback__)
    done[id(error)] = instead
    suppress = error.__suppress_context__
    cause, context = error.__cause__, error.__context__
    instead.__cause__ = cause and _redacted_error(cause, done)
    instead.__context__ = context and _redacted_error(context, done)
    instead.__suppress_context__ = suppress
    return instead


def _clean(error: BaseException) -> None:
    """Redact what an error carries as text."""
    with suppress(Exception):
        error.args = tuple(redact(item) if isinstance(item, str) else item for item in error.args)
    for name, value in list(vars(error).items()):
        if isinstance(value, str):
            with suppress(Exception):
                setattr(error, name, redact(value))
        elif name == "__notes__":
            error.__notes__ = [redact(str(note)) for note in value]
    if isinstance(error, OSError) and isinstance(error.filename, str):
        error.filename = redact(error.filename)


def _said(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error))


@contextmanager
def redacted_errors() -> Iterator[None]:
    """Let errors out without secrets in their texts."""
    try:
        yield
    except Exception as error:
        clean = redacted_error(error)
        if clean is error:
            raise
        raise clean from clean.__cause__
