"""Channels: Slack and mail.

Belongs here: handing one message to one service, within seconds. Does not belong here: what it says, and trying
again. An error names the channel and what is wrong, never the webhook's address or a password.
"""

import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from typing import Protocol
from urllib.parse import urlsplit

import requests
from pydantic import SecretStr

from pizza_assets.errors import PizzaAssetsError
from pizza_assets.operations.alerts.message import Message, slack_payload
from pizza_assets.platform.addresses import is_loopback
from pizza_assets.settings import Settings

#: Seconds to wait for a connection, and for an answer.
TIMEOUTS = (3.0, 5.0)
_TLS_PORT = 465


class ChannelError(PizzaAssetsError):
    """A channel did not take a message."""


class Channel(Protocol):
    """Takes messages."""

    def send(self, message: Message) -> None:
        """Hand the message over. Raises ChannelError."""


class Slack:
    """An incoming webhook."""

    def __init__(self, webhook: SecretStr) -> None:
        self._webhook = webhook

    def send(self, message: Message) -> None:
        """Post the message."""
        # The error is raised outside of ``except``: a requests exception carries the address, which is the secret.
        try:
            with requests.Session() as session, self._post(session, message) as response:
                problem = "" if response.status_code == 200 else f"status {response.status_code}"
        except requests.Timeout:
            problem = f"no answer within {TIMEOUTS[1]:g} s"
        except requests.RequestException as error:
            problem = f"a connection that fails ({type(error).__name__})"
        if problem:
            raise ChannelError(f"Slack: expected status 200, found {problem}. Check SLACK_WEBHOOK_URL.")

    def _post(self, session: requests.Session, message: Message) -> requests.Response:
        address = self._webhook.get_secret_value()
        session.trust_env = not is_loopback(urlsplit(address).hostname)  # no proxy on the way to this machine
        # The status is all we want: with ``stream`` a body that never ends holds nobody up.
        return session.post(address, json=slack_payload(message), timeout=TIMEOUTS, allow_redirects=False, stream=True)


class Mail:
    """A mail server: TLS, and no plain text except on this machine's own loopback."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def send(self, message: Message) -> None:
        """Send the message to every receiver."""
        problem = ""
        try:
            with self._connected() as server:
                server.send_message(self._mail(message))
        except smtplib.SMTPResponseException as error:
            problem = f"code {error.smtp_code}"
        except (smtplib.SMTPException, OSError) as error:
            problem = type(error).__name__
        if problem:
            raise ChannelError(
                f"Mail: {self._settings.smtp_host}:{self._settings.smtp_port} did not take the message ({problem}). "
                "Check SMTP_HOST, SMTP_PORT, SMTP_USER, SMTP_PASSWORD and ALERT_EMAIL_FROM."
            )

    def _connected(self) -> smtplib.SMTP:
        settings = self._settings
        host, port, limit = settings.smtp_host or "", settings.smtp_port, TIMEOUTS[1]
        if port == _TLS_PORT:
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=limit, context=ssl.create_default_context())
        else:
            server = smtplib.SMTP(host, port, timeout=limit)
        try:
            if port != _TLS_PORT and not is_loopback(host):
                server.starttls(context=ssl.create_default_context())
            if settings.smtp_user and settings.smtp_password:
                server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        except BaseException:
            server.close()
            raise
        return server

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = " ".join(f"[pizza_assets] {message.headline}".split())
        mail["From"] = self._settings.alert_email_from
        mail["To"] = ", ".join(self._settings.alert_email_to)
        mail.set_content(message.text)
        return mail


def channels(settings: Settings) -> Mapping[str, Channel]:
    """Return the channels that are set up, by name."""
    found: dict[str, Channel] = {}
    if settings.slack_webhook_url:
        found["Slack"] = Slack(settings.slack_webhook_url)
    if settings.smtp_host:
        found["mail"] = Mail(settings)
    return found
