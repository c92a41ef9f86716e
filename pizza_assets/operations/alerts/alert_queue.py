"""The queue: takes alerts in, and sends each cause once, no more than so many an hour, until it is delivered.

Belongs here: what was told when, what waits, and what to do when a channel does not answer. Does not belong here:
where this is kept between two looks; ``as_json`` and ``from_json`` make text of it.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Self

from pizza_assets.operations.alerts.alert import Alert, shortened
from pizza_assets.operations.alerts.channels import Channel, ChannelError
from pizza_assets.operations.alerts.message import Message, digest_of, message_of
from pizza_assets.platform.redaction import safe_text
from pizza_assets.settings import Settings

_LOGGER = logging.getLogger("pizza_assets.alerts")

#: A message that no channel took for so long is given up; the log has it.
LIFETIME = timedelta(hours=24)
#: One look at the queue sends for at most so long (s); what is left is sent at the next.
PATIENCE = 25.0
_HOUR = timedelta(hours=1)


@dataclass
class _Waiting:
    """A message on its way, and the channels that have not taken it yet."""

    message: Message
    channels: list[str]
    since: datetime


@dataclass
class _Cause:
    """When a cause was told, and how often it came up again since."""

    told_at: datetime
    repeats: int = 0


@dataclass
class AlertQueue:
    """Alerts on their way out. Instants are in UTC."""

    settings: Settings
    channels: Mapping[str, Channel]
    causes: dict[str, _Cause] = field(default_factory=dict)
    sent_at: list[datetime] = field(default_factory=list)
    inbox: list[Alert] = field(default_factory=list)
    outbox: list[_Waiting] = field(default_factory=list)

    def receive(self, alerts: Iterable[Alert], now: datetime) -> None:
        """Take alerts in: those of one cause as one, and of causes that were told lately none."""
        for alert in alerts:
            clean = _safe(alert)
            same = next((place for place, other in enumerate(self.inbox) if other.cause == clean.cause), None)
            known = self.causes.get(clean.cause)
            if same is not None:
                self.inbox[same] = self.inbox[same].joined(clean)
            elif known and now - known.told_at < timedelta(hours=self.settings.alert_repeat_hours):
                known.repeats += 1
            else:
                self.inbox.append(clean)
        self._forget(now)

    def prepare(self, now: datetime) -> None:
        """Make messages of what was taken in, as far as this hour has room: the last one may stand for many."""
        self.sent_at = [at for at in self.sent_at if now - at < _HOUR]
        room = self.settings.alerts_per_hour - len(self.sent_at)
        if room <= 0 or not self.inbox:
            return
        alone = self.inbox if len(self.inbox) <= room else self.inbox[: room - 1]
        together = self.inbox[len(alone) :]
        ui = str(self.settings.dagster_ui_url)
        messages = [message_of(alert, ui, self._repeats(alert)) for alert in alone]
        if together:
            messages.append(digest_of(together, ui))
        for message in messages:
            _LOGGER.warning("%s\n%s", message.headline, message.text)
            self.outbox.append(_Waiting(message, list(self.channels), now))
            self.sent_at.append(now)
        for alert in self.inbox:
            self.causes[alert.cause] = _Cause(now)
        self.inbox = []

    def deliver(self, now: datetime, save: Callable[[], None]) -> list[str]:
        """Send what waits; `save` is called after each message that a channel took. Return what went wrong.

        A channel that fails is left alone until the next time, and holds up no other.
        """
        failed: dict[str, str] = {}
        deadline = monotonic() + PATIENCE
        for waiting in list(self.outbox):
            for name in list(waiting.channels):
                if name in failed or monotonic() > deadline:
                    continue
                problem = self._send(name, waiting.message)
                if problem:
                    failed[name] = problem
                else:
                    waiting.channels.remove(name)
                    save()
            if waiting.channels and now - waiting.since > LIFETIME:
                _LOGGER.error(
                    "This message could not be sent for %s and is given up: %s", LIFETIME, waiting.message.headline
                )
                waiting.channels.clear()
        self.outbox = [waiting for waiting in self.outbox if waiting.channels]
        save()
        return list(failed.values())

    def _send(self, name: str, message: Message) -> str:
        channel = self.channels.get(name)
        if channel is None:
            return ""  # no longer set up
        try:
            channel.send(message)
        except ChannelError as error:
            _LOGGER.warning("An alert waits. %s", error)
            return str(error)
        return ""

    def _repeats(self, alert: Alert) -> int:
        known = self.causes.get(alert.cause)
        return known.repeats if known else 0

    def _forget(self, now: datetime) -> None:
        kept = 2 * timedelta(hours=self.settings.alert_repeat_hours)
        self.causes = {cause: known for cause, known in self.causes.items() if now - known.told_at < kept}

    def as_json(self) -> dict[str, Any]:
        """Return the queue's state."""
        return {
            "causes": {cause: [known.told_at.isoformat(), known.repeats] for cause, known in self.causes.items()},
            "sent_at": [at.isoformat() for at in self.sent_at],
            "inbox": [alert.as_json() for alert in self.inbox],
            "outbox": [
                {**vars(waiting.message), "channels": waiting.channels, "since": waiting.since.isoformat()}
                for waiting in self.outbox
            ],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any], settings: Settings, channels: Mapping[str, Channel]) -> Self:
        """Return the queue whose state `as_json` gave; an empty document makes a new one."""
        return cls(
            settings,
            channels,
            {
                cause: _Cause(datetime.fromisoformat(at), repeats)
                for cause, (at, repeats) in document.get("causes", {}).items()
            },
            [datetime.fromisoformat(at) for at in document.get("sent_at", [])],
            [Alert.from_json(alert) for alert in document.get("inbox", [])],
            [_waiting(item) for item in document.get("outbox", [])],
        )


def _waiting(item: Mapping[str, Any]) -> _Waiting:
    paragraphs = [(label, text) for label, text in item["paragraphs"]]
    message = Message(item["headline"], paragraphs, item["link"])
    return _Waiting(message, list(item["channels"]), datetime.fromisoformat(item["since"]))


def _safe(alert: Alert) -> Alert:
    """Return an alert that is safe to keep and to send."""
    return replace(
        alert,
        subject=safe_text(alert.subject),
        sentence=shortened(safe_text(alert.sentence)),
        action=safe_text(alert.action),
    )
