from pathlib import Path

import pytest
from pydantic import HttpUrl, SecretStr

from pizza_assets.errors import SettingsError
from pizza_assets.football import football_data
from pizza_assets.platform.api import AuthenticationError
from pizza_assets.settings import Settings
from pizza_assets_tests.platform.fake_api import TOKEN, Answer, FakeApi, football_session, settings_for, unlimited

GOOD = Answer(body={"matches": []})


def test_a_netrc_does_not_replace_the_token(api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    api.answers(GOOD)
    with football_session(settings_for(api), tmp_path) as session:
        session.get("x", {})
    assert "authorization" not in api.requests[0].headers


def test_blanks_around_the_token_do_not_count(api: FakeApi, tmp_path: Path) -> None:
    api.answers(GOOD)
    with football_session(settings_for(api, football_api_key=SecretStr(f" {TOKEN}\n")), tmp_path) as session:
        session.get("x", {})
    assert api.requests[0].headers["x-auth-token"] == TOKEN


@pytest.mark.parametrize(
    "url",
    [
        "http://api.football-data.org/v4",
        "http://localhost.example.org/v4",
        "http://10.0.0.1/v4",
        "https://someone:secret-word@api.football-data.org/v4",
        "https://api.football-data.org/v4?key=secret-word",
        "https://api.football-data.org/v4#secret-word",
    ],
)
def test_sends_the_token_to_no_other_kind_of_address(url: str) -> None:
    settings = Settings(_env_file=None, football_api_url=HttpUrl(url), football_api_key=SecretStr(TOKEN))
    with pytest.raises(SettingsError, match="FOOTBALL_API_URL must") as caught:
        football_data.open_session(settings)
    assert "secret-word" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://localhost:1/v4", "http://[::1]:1", "http://127.9.9.9", "https://example.org/v4"]
)
def test_takes_https_and_loopback(url: str, tmp_path: Path) -> None:
    settings = Settings(_env_file=None, football_api_url=HttpUrl(url), football_api_key=SecretStr(TOKEN))
    football_data.open_session(settings, budget=unlimited(tmp_path)).close()


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "tökén-tökén", " ", "nul\0nul"])
def test_rejects_a_token_that_no_header_can_carry(api: FakeApi, token: str) -> None:
    settings = settings_for(api, football_api_key=SecretStr(token))
    with pytest.raises(AuthenticationError, match="Check FOOTBALL_API_KEY") as caught:
        football_data.open_session(settings)
    assert not token.strip() or token not in str(caught.value)
