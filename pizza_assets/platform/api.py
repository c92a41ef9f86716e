"""An API: where it is, how it knows us, and to which addresses a token may go.

Belongs here: TLS only (loopback excepted), and how a token travels. Does not belong here: asking (``http.py``).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

import requests
from pydantic import SecretStr
from requests.auth import AuthBase

from pizza_assets.errors import SettingsError, SourceError
from pizza_assets.platform.addresses import is_loopback


class AuthenticationError(SourceError):
    """The API rejected the token itself, so that every other request would fail, too."""

    def __init__(self, message: str) -> None:
        super().__init__(message, final=True)


class NotFoundError(SourceError):
    """The API has nothing at this address (404)."""

    def __init__(self, message: str) -> None:
        super().__init__(message, final=True)


@dataclass(frozen=True)
class Api:
    """An API and how it knows us; `url_setting` and `key_setting` are the settings to name in messages.

    `secrets` are what an answer may tell beside the token: no message repeats them.
    """

    name: str
    url: str
    url_setting: str
    token: SecretStr
    key_setting: str
    header: str = "Authorization"
    scheme: str = "Bearer "
    headers: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[SecretStr, ...] = ()


class TokenAuth(AuthBase):
    """Puts the token into its header; being the session's ``auth``, it keeps a .netrc from replacing it."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return the request with the token in it."""
        request.headers[self._api.header] = self._api.scheme + self._api.token.get_secret_value().strip()
        return request


def host_of(address: SplitResult) -> str:
    """Return host and port."""
    return f"{address.hostname}:{address.port or {'https': 443, 'http': 80}[address.scheme]}"


def checked_address(api: Api) -> SplitResult:
    """Return the address of an API, taken apart.

    Raises
    ------
    SettingsError
        When a token may not be sent there, or when it holds more than an address.
    """
    parts = urlsplit(api.url)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingsError(
            f"{api.url_setting} must be an address without user name, password, query and fragment. "
            f"Found more than that at host {parts.hostname}. Put the token into {api.key_setting}."
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise SettingsError(
            f"{api.url_setting} must start with https:// because the token is sent there (http:// only on this "
            f"machine's own loopback). Found {parts.scheme}://{parts.hostname}. Change {api.url_setting}."
        )
    return parts


def checked_token(api: Api) -> None:
    """Raise an AuthenticationError when no header can carry the token."""
    if not re.fullmatch(r"[!-~]+", api.token.get_secret_value().strip()):
        raise AuthenticationError(
            f"The token for {api.name} must be one word of printable ASCII characters. Found another character or "
            f"nothing in it. Check {api.key_setting}."
        )
