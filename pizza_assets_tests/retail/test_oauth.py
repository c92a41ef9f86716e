from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from pizza_assets.errors import SourceError
from pizza_assets.platform.api import Api, AuthenticationError
from pizza_assets.platform.http import HttpSession
from pizza_assets.retail.oauth import NO_TOKEN, ClientCredentials, token_endpoint
from pizza_assets_tests.platform.fake_api import Answer, FakeApi, Request, settings_for, unlimited


class Tokens:
    """Gives token-1, token-2 ... and takes those in `good`."""

    def __init__(self, lifetime: object = 100) -> None:
        self.given, self.lifetime, self.good = 0, lifetime, {f"Bearer token-{number}" for number in range(1, 10)}

    def __call__(self, request: Request) -> Answer:
        if request.path.endswith("/oauth/token"):
            assert request.form == {"grant_type": "client_credentials"}
            assert request.headers["authorization"] == "Basic Y2xpZW50OnMzY3JldA=="
            self.given += 1
            return Answer(body={"access_token": f"token-{self.given}", "expires_in": self.lifetime})
        return Answer() if request.headers["authorization"] in self.good else Answer(401, {"error": "expired"})


@contextmanager
def client(server: FakeApi, folder: Path, now: list[float]) -> Iterator[ClientCredentials]:
    settings, budget = settings_for(server), unlimited(folder)
    api = Api("retailer 2", str(server.url), "RETAILER_2_URL", NO_TOKEN, "RETAILER_2_CLIENT_SECRET")
    endpoint = token_endpoint(api, "client", SecretStr("s3cret"))
    with HttpSession(api, settings, budget=budget) as session, HttpSession(endpoint, settings, budget=budget) as tokens:
        yield ClientCredentials(session, tokens, clock=lambda: now[0])


def sent(server: FakeApi) -> list[str]:
    return [request.headers["authorization"].split("-")[-1] for request in server.requests if request.form is None]


def test_a_token_is_used_until_most_of_its_life_is_over(api: FakeApi, tmp_path: Path) -> None:
    api.follows(Tokens(lifetime=100))
    now = [0.0]
    with client(api, tmp_path, now) as asking:
        for instant in (0.0, 89.0, 90.0, 170.0):
            now[0] = instant
            asking.ask("transactions", {})
    assert sent(api) == ["1", "1", "2", "2"]


def test_a_token_that_is_rejected_early_is_renewed_once(api: FakeApi, tmp_path: Path) -> None:
    tokens = Tokens()
    api.follows(tokens)
    with client(api, tmp_path, [0.0]) as asking:
        asking.ask("transactions", {})
        tokens.good.remove("Bearer token-1")
        asking.ask("transactions", {})
        tokens.good.clear()
        with pytest.raises(AuthenticationError, match="expired"):
            asking.ask("transactions", {})
    assert sent(api) == ["1", "1", "2", "2", "3"]


def test_a_client_that_is_rejected_is_told_where_to_look(api: FakeApi, tmp_path: Path) -> None:
    api.answers(Answer(401, {"error": "invalid_client: s3cret Y2xpZW50OnMzY3JldA=="}))
    with client(api, tmp_path, [0.0]) as asking, pytest.raises(AuthenticationError) as caught:
        asking.ask("transactions", {})
    assert str(caught.value).endswith("'invalid_client: [redacted] [redacted]'. Check RETAILER_2_CLIENT_SECRET.")


@pytest.mark.parametrize(
    "answer", [{}, {"access_token": 1, "expires_in": 1}, {"access_token": "a"}, {"access_token": "a", "expires_in": 0}]
)
def test_an_answer_without_a_token_is_an_error(api: FakeApi, tmp_path: Path, answer: dict[str, object]) -> None:
    api.answers(Answer(body=answer))
    with client(api, tmp_path, [0.0]) as asking, pytest.raises(SourceError, match="expected access_token and expires"):
        asking.ask("transactions", {})
