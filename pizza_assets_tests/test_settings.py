import traceback
from datetime import date
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pizza_assets.errors import SettingsError
from pizza_assets.settings import Settings


def test_defaults_need_nothing() -> None:
    settings = Settings.load()
    assert settings.pizza_lake == "lake"
    assert settings.pizza_allow_mock
    assert settings.football_api_key is None


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MOCK_SEED=1\nPIZZA_START_DATE=2024-01-01\nUNRELATED=x\n", encoding="utf-8")
    monkeypatch.setenv("MOCK_SEED", "2")
    settings = Settings.load()
    assert (settings.mock_seed, settings.pizza_start_date) == (2, date(2024, 1, 1))


def test_a_bucket_name_is_a_lake_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_BUCKET_NAME", "pizza-game-analytics")
    assert Settings.load().pizza_lake == "s3://pizza-game-analytics"
    monkeypatch.setenv("PIZZA_LAKE", "here")
    assert Settings.load().pizza_lake == "here"


def test_competitions_are_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTBALL_COMPETITIONS", "PL, CL")
    assert Settings.load().football_competitions == ("PL", "CL")


def test_clubs_are_known_by_any_of_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOCUS_TEAMS", "Man Utd, liverpool, Liverpool FC")
    assert Settings.load().focus_teams == ("Manchester United FC", "Liverpool FC")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("FOCUS_TEAMS", "Liverpool, Liverpol", r"expected clubs of .*teams.csv, found Liverpol\."),
        ("MAX_REQUESTS_PER_MINUTE", "0", "greater than or equal to 1"),
        ("MAX_API_RETRIES", "many", "valid integer"),
        ("PIZZA_ALLOW_MOCK", "perhaps", "valid boolean"),
        ("PIZZA_START_DATE", "last week", "valid date"),
        ("ORDERS_TIME_ZONE", "Europe/Londres", "not an IANA time zone"),
        ("ORDERS_COLUMNS", "{", "expected a JSON object"),
        ("ORDERS_CURRENCY", "pounds", "pattern"),
        ("FOOTBALL_API_URL", "nowhere", "valid URL"),
        ("FOOTBALL_COMPETITIONS", " , ", "competition codes"),
        ("MOCK_UPLIFT_CAP", "0", "greater than 0"),
    ],
)
def test_a_wrong_value_names_the_setting(monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=rf"(?is){name}.*{expected}|{expected}.*{name}"):
        Settings.load()


# Between tildes, because Hypothesis also draws words of our own code, which a traceback shows without a leak.
@given(st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=8).map(lambda text: f"~{text}~"))
def test_secrets_are_never_printed(secret: str) -> None:
    assume(secret not in repr(Settings.load()))  # Hypothesis draws words from our own code, too
    settings = Settings.load(football_api_key=secret, dominos_api_key=secret)
    assert secret not in f"{settings!r} {settings} {settings.model_dump_json()}"
    with pytest.raises(SettingsError) as caught:
        Settings.load(football_api_key=secret, max_api_retries=-1)
    assert secret not in "".join(traceback.format_exception(caught.value))
