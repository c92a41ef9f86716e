"""Redaction: no secret in what people read.

Belongs here: finding secrets in text. Does not belong here: who writes the text. A secret that we know is replaced
wherever it stands; of others, the usual forms are recognised (headers, addresses with passwords, keys of AWS).
"""

import os
import re
from collections.abc import Iterable
from functools import reduce

from pydantic import SecretStr

from pizza_assets.settings import Settings

REDACTED = "[redacted]"
#: Shorter values are no secrets; to replace them would only spoil the text.
_SHORTEST = 4
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


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Return every secret that the settings and the environment of AWS hold."""
    values = [getattr(settings, name) for name in type(settings).model_fields]
    texts = [value.get_secret_value().strip() for value in values if isinstance(value, SecretStr)]
    return tuple(filter(None, [*texts, *(os.environ.get(name, "") for name in _AWS)]))


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without the `secrets`, and without what looks like one."""
    known = sorted((secret for secret in set(secrets) if len(secret) >= _SHORTEST), key=len, reverse=True)
    text = reduce(lambda done, secret: done.replace(secret, REDACTED), known, text)
    return reduce(lambda done, pattern: pattern[0].sub(pattern[1], done), _PATTERNS, text)
