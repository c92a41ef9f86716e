"""OAuth2 client credentials (RFC 6749, section 4.4): tokens that run out, and are renewed in time.

Belongs here: getting a token and asking with it. Does not belong here: what is asked.
"""

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from pydantic import SecretStr

from pizza_assets.errors import SourceError
from pizza_assets.platform.api import Api, AuthenticationError
from pizza_assets.platform.http import HttpSession, Reply

#: Stands where a token will be; it is never sent.
NO_TOKEN = SecretStr("no-token-yet")
#: A token is renewed when this share of its life is over, so that it does not run out on the way.
SHARE_OF_LIFE = 0.9


def basic(user: str, password: SecretStr) -> SecretStr:
    """Return user and password as HTTP's basic authentication sends them."""
    return SecretStr(base64.b64encode(f"{user}:{password.get_secret_value()}".encode()).decode())


def token_endpoint(api: Api, client: str, client_secret: SecretStr) -> Api:
    """Return the same API as the client asks it for tokens."""
    return replace(api, token=basic(client, client_secret), scheme="Basic ", secrets=(client_secret,))


class ClientCredentials:
    """Asks an API with a token that the client gets for its secret, and with a new one when it is over or rejected.

    Parameters
    ----------
    session
        The session to ask with; its token is replaced.
    tokens
        The session to get tokens with, from ``oauth/token``.
    clock
        Seconds that only go forward.
    """

    def __init__(self, session: HttpSession, tokens: HttpSession, clock: Callable[[], float] = time.monotonic) -> None:
        self.session = session
        self._tokens = tokens
        self._clock = clock
        self._good_until = float("-inf")

    def ask(self, path: str, parameters: Mapping[str, str]) -> Reply:
        """Return what `path` answers; see ``HttpSession.ask``."""
        if self._clock() >= self._good_until:
            self._renew()
        try:
            return self.session.ask(path, parameters)
        except AuthenticationError:
            self._renew()  # it was taken back before its time, or ran out while we waited to try again
        return self.session.ask(path, parameters)

    def _renew(self) -> None:
        asked_at = self._clock()
        answer = self._tokens.ask("oauth/token", {}, {"grant_type": "client_credentials"}).value
        token, lifetime = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not isinstance(lifetime, int | float) or lifetime <= 0:
            raise SourceError(
                f"{self._tokens.api.name}: expected access_token and expires_in from oauth/token, found the keys "
                f"{sorted(answer)[:20]}. Check {self._tokens.api.url_setting}."
            )
        self.session.authorize(SecretStr(token))
        self._good_until = asked_at + SHARE_OF_LIFE * lifetime
