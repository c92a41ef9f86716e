"""Messages: alerts as Slack and mail show them.

Belongs here: words and their markup. Does not belong here: sending.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pizza_assets.operations.alerts.alert import Alert

_HEADER_LIMIT, _SECTION_LIMIT = 150, 2900  # Slack: 150 and 3000 characters


@dataclass(frozen=True)
class Message:
    """A headline, and paragraphs of (label, text). An empty label stands for none."""

    headline: str
    paragraphs: Sequence[tuple[str, str]]
    link: str = ""

    @property
    def text(self) -> str:
        """Return the message as plain text."""
        parts = [f"{label}: {text}" if label else text for label, text in self.paragraphs]
        return "\n\n".join([*parts, *([self.link] if self.link else [])])


def message_of(alert: Alert, ui: str, repeats: int = 0) -> Message:
    """Return the message of one alert.

    Parameters
    ----------
    ui
        Address of Dagster's UI.
    repeats
        How often the cause came up again since its last message.
    """
    paragraphs = [("", alert.sentence), ("What to do", alert.action)]
    if alert.span:
        paragraphs.insert(1, ("Partitions", alert.span))
    if repeats:
        paragraphs.append(("", f"It came up {repeats} more times since the last message about it."))
    link = f"{ui.rstrip('/')}/runs/{alert.run_id}" if alert.run_id else ""
    return Message(f"{alert.title}: {alert.subject}", paragraphs, link)


def digest_of(alerts: Sequence[Alert], ui: str) -> Message:
    """Return one message of many alerts, a line each."""
    lines = [
        f"{alert.title}: {alert.subject}{f' ({alert.span})' if alert.span else ''}: {alert.sentence.splitlines()[0]}"
        for alert in alerts
    ]
    return Message(f"{len(alerts)} more alerts", [("", "\n".join(f"- {line}" for line in lines))], ui.rstrip("/"))


def slack_payload(message: Message) -> Mapping[str, Any]:
    """Return what an incoming webhook of Slack takes: blocks, and a text for notifications."""
    blocks: list[Mapping[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": message.headline[:_HEADER_LIMIT]}}
    ]
    for label, text in message.paragraphs:
        shown = f"*{label}:* {_escaped(text)}" if label else _escaped(text)
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": shown[:_SECTION_LIMIT]}})
    if message.link:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": f"<{message.link}|Open in Dagster>"}})
    return {"text": _escaped(message.headline), "blocks": blocks}


def _escaped(text: str) -> str:
    """Return text that Slack shows as it is, links and mentions of everybody among it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
