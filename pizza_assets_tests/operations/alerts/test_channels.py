"""Slack and mail over real sockets on loopback."""

import socket

import pytest
from pydantic import SecretStr

from pizza_assets.errors import SettingsError
from pizza_assets.operations.alerts import channels as channels_module
from pizza_assets.operations.alerts.channels import ChannelError, Mail, Slack, channels
from pizza_assets.operations.alerts.message import Message
from pizza_assets.settings import Settings
from pizza_assets_tests.operations.alerts.receivers import SECRET_PATH, MailServer, SlackServer

MESSAGE = Message("Run failed: raw_orders", [("", "Kein Platz für 3 €."), ("What to do", "Free some space.")])


def mail_settings(server: MailServer, **changes: object) -> Settings:
    values: dict[str, object] = {
        "smtp_host": "127.0.0.1",
        "smtp_port": server.port,
        "alert_email_from": "dagster@example.org",
        "alert_email_to": ("a@example.org", "b@example.org"),
    }
    return Settings.load(**{**values, **changes})


def test_nothing_set_up_is_no_channel() -> None:
    assert channels(Settings.load()) == {}


def test_slack_gets_headline_and_paragraphs(slack: SlackServer) -> None:
    Slack(SecretStr(slack.url)).send(MESSAGE)
    (text,) = slack.texts
    assert text.startswith("Run failed: raw_orders\n")
    assert "Kein Platz für 3 €." in text
    assert "*What to do:* Free some space." in text


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_every_failure_of_slack_is_a_sentence_without_the_webhook(
    slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels_module, "TIMEOUTS", (0.2, 0.2))
    problems = []
    for status, hangs, url in (
        (404, False, slack.url),
        (302, False, slack.url),
        (200, True, slack.url),
        (200, False, f"http://127.0.0.1:{free_port()}{SECRET_PATH}"),
    ):
        slack.status, slack.hangs = status, hangs
        with pytest.raises(ChannelError) as caught:
            Slack(SecretStr(url)).send(MESSAGE)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None, "a requests exception carries the address"
        problems.append(str(caught.value))
    assert [word for word, text in zip(("404", "302", "no answer", "fails"), problems, strict=True) if word in text]
    assert not [text for text in problems if "very-secret" in text]


def test_mail_reaches_every_receiver_in_utf8(mail: MailServer) -> None:
    Mail(mail_settings(mail)).send(MESSAGE)
    (received,) = mail.mails
    assert received["Subject"] == "[pizza_assets] Run failed: raw_orders"
    assert received["From"] == "dagster@example.org"
    assert received.get_content().replace("\r\n", "\n").strip() == MESSAGE.text
    assert mail.receivers == [["a@example.org", "b@example.org"]]


def test_a_headline_cannot_add_headers(mail: MailServer) -> None:
    Mail(mail_settings(mail)).send(Message("Run failed:\r\nBcc: c@example.org", [("", "x")]))
    assert mail.mails[0]["Bcc"] is None
    assert mail.receivers == [["a@example.org", "b@example.org"]]


def test_a_mail_server_that_rejects_is_a_sentence_without_the_password(mail: MailServer) -> None:
    mail.rejects = True
    with pytest.raises(ChannelError, match=r"code 550.*Check SMTP_HOST") as caught:
        Mail(mail_settings(mail)).send(MESSAGE)
    assert caught.value.__context__ is None


def test_a_mail_server_that_is_away_is_a_sentence() -> None:
    settings = Settings.load(
        smtp_host="127.0.0.1", smtp_port=free_port(), alert_email_from="a@example.org", alert_email_to="b@example.org"
    )
    with pytest.raises(ChannelError, match="ConnectionRefusedError"):
        Mail(settings).send(MESSAGE)


def test_elsewhere_a_password_is_not_sent_in_plain_text(mail: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels_module, "is_loopback", lambda _: False)
    settings = mail_settings(mail, smtp_user="u", smtp_password="very-secret")
    with pytest.raises(ChannelError, match="SMTPNotSupportedError"):  # the server offers no STARTTLS
        Mail(settings).send(MESSAGE)
    assert mail.mails == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"slack_webhook_url": "http://hooks.slack.com/services/very-secret"}, "SLACK_WEBHOOK_URL: .*https://"),
        ({"smtp_host": "mail.example.org"}, "ALERT_EMAIL_FROM and ALERT_EMAIL_TO"),
        ({"alerts_per_hour": 0}, "ALERTS_PER_HOUR"),
    ],
)
def test_a_half_set_up_channel_names_the_setting(values: dict[str, object], expected: str) -> None:
    with pytest.raises(SettingsError, match=expected) as caught:
        Settings.load(**values)
    assert "very-secret" not in str(caught.value)
