"""The queue: one message per cause, no more than so many an hour, none lost, none twice."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.operations.alerts.alert import Alert
from pizza_assets.operations.alerts.alert_queue import LIFETIME, AlertQueue
from pizza_assets.operations.alerts.channels import Channel, ChannelError
from pizza_assets.operations.alerts.message import Message
from pizza_assets.settings import Settings

NOW = datetime(2026, 6, 10, 18, 5, tzinfo=UTC)
ALERT = Alert("Run failed", "raw_orders", "The disk is full.", "Free some.", ("2026-06-10",), run_id="r1")


class Receiver:
    """A channel that takes messages while it is up."""

    def __init__(self) -> None:
        self.got: list[Message] = []
        self.is_up = True

    def send(self, message: Message) -> None:
        if not self.is_up:
            raise ChannelError("Slack: down.")
        self.got.append(message)

    @property
    def headlines(self) -> list[str]:
        return [message.headline for message in self.got]


class Office:
    """A queue that is kept as text between two looks, as the instance keeps it."""

    def __init__(self, settings: Settings | None = None, **channels: Channel) -> None:
        self.settings, self.channels = settings or Settings.load(), channels
        self.kept: Mapping[str, Any] = {}

    def look(self, *alerts: Alert, now: datetime = NOW) -> list[str]:
        queue = AlertQueue.from_json(self.kept, self.settings, self.channels)
        queue.receive(alerts, now)
        queue.prepare(now)
        self._save(queue)()
        return queue.deliver(now, self._save(queue))

    def _save(self, queue: AlertQueue) -> Callable[[], None]:
        def save() -> None:
            self.kept = json.loads(json.dumps(queue.as_json()))

        return save


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def office(receiver: Receiver) -> Office:
    return Office(Slack=receiver)


def causes(number: int) -> list[Alert]:
    return [replace(ALERT, subject=f"asset {chr(97 + n)}") for n in range(number)]


def test_300_days_of_one_cause_are_one_message(office: Office, receiver: Receiver) -> None:
    days = [f"2026-{1 + n // 28:02}-{1 + n % 28:02}" for n in range(300)]
    office.look(*(replace(ALERT, partitions=(day,)) for day in days))
    (message,) = receiver.got
    assert f"300 from {days[0]} to {days[-1]}" in message.text


def test_a_cause_is_told_again_after_a_day_with_how_often_it_came_up(office: Office, receiver: Receiver) -> None:
    office.look(ALERT)
    for hours in (1, 5, 23):
        office.look(ALERT, now=NOW + timedelta(hours=hours))
    assert len(receiver.got) == 1
    office.look(ALERT, now=NOW + timedelta(hours=24))
    assert len(receiver.got) == 2
    assert "came up 3 more times" in receiver.got[1].text


def test_another_cause_is_told_at_once(office: Office, receiver: Receiver) -> None:
    office.look(ALERT)
    office.look(replace(ALERT, sentence="The bucket is gone."))
    assert len(receiver.got) == 2


def test_a_flood_ends_in_one_message_that_has_the_rest(receiver: Receiver) -> None:
    office = Office(Settings.load(alerts_per_hour=3), Slack=receiver)
    office.look(*causes(8))
    assert receiver.headlines == ["Run failed: asset a", "Run failed: asset b", "6 more alerts"]
    assert all(f"asset {letter}" in receiver.got[2].text for letter in "cdefgh")
    office.look(*causes(8), now=NOW + timedelta(hours=2))
    assert len(receiver.got) == 3, "in a digest they are told, too"


def test_what_comes_when_the_hour_is_full_waits_for_room(receiver: Receiver) -> None:
    office = Office(Settings.load(alerts_per_hour=1), Slack=receiver)
    office.look(causes(3)[0])
    office.look(*causes(3)[1:], now=NOW + timedelta(minutes=30))
    assert len(receiver.got) == 1
    office.look(now=NOW + timedelta(minutes=61))
    assert receiver.headlines[1:] == ["2 more alerts"]


def test_a_channel_that_is_down_gets_its_message_later_and_holds_up_no_other() -> None:
    slack, mail = Receiver(), Receiver()
    office = Office(Slack=slack, mail=mail)
    slack.is_up = False
    assert office.look(*causes(2)) == ["Slack: down."]
    assert (len(slack.got), len(mail.got)) == (0, 2)
    slack.is_up = True
    assert office.look(now=NOW + timedelta(minutes=1)) == []
    assert (len(slack.got), len(mail.got)) == (2, 2), "the mail does not come twice"


def test_a_message_that_nobody_takes_is_given_up_after_a_day(
    office: Office, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.is_up = False
    office.look(ALERT)
    office.look(now=NOW + LIFETIME + timedelta(seconds=1))
    assert office.kept["outbox"] == []
    assert "This message could not be sent" in caplog.text


def test_killed_between_two_messages_nothing_is_lost_and_nothing_twice(office: Office) -> None:
    class Killed(BaseException):
        pass

    class Flaky(Receiver):
        kills = True

        def send(self, message: Message) -> None:
            if self.kills and self.got:
                raise Killed
            super().send(message)

    flaky = Flaky()
    office.channels = {"Slack": flaky}
    with pytest.raises(Killed):
        office.look(*causes(3))
    flaky.kills = False
    office.look(now=NOW + timedelta(minutes=1))
    assert flaky.headlines == ["Run failed: asset a", "Run failed: asset b", "Run failed: asset c"]


def test_without_a_channel_an_alert_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "pizza_assets.alerts"):
        Office().look(ALERT)
    assert "Run failed: raw_orders" in caplog.text
    assert "The disk is full." in caplog.text


def test_a_channel_that_is_no_longer_set_up_is_not_waited_for(office: Office, receiver: Receiver) -> None:
    receiver.is_up = False
    office.look(ALERT)
    office.channels = {}
    office.look(now=NOW + timedelta(minutes=1))
    assert office.kept["outbox"] == []


@given(st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=8))
def test_planted_secrets_are_neither_sent_nor_kept(secret: str) -> None:
    receiver = Receiver()
    office = Office(Settings.load(football_api_key=f"key-{secret}"), Slack=receiver)
    alert = replace(ALERT, sentence=f"Rejected key-{secret} at https://u:pw-{secret}@host", subject=f"a key-{secret}")
    office.look(alert)
    assert f"key-{secret}" not in f"{receiver.got}{office.kept}"
    assert f"pw-{secret}" not in f"{receiver.got}{office.kept}"


@given(st.lists(st.lists(st.integers(0, 40), max_size=30), max_size=12), st.integers(1, 5))
def test_whatever_comes_in_each_cause_is_told_and_the_limit_holds(looks: list[list[int]], limit: int) -> None:
    receiver = Receiver()
    office = Office(Settings.load(alerts_per_hour=limit), Slack=receiver)
    sent_at: list[datetime] = []
    now = NOW
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO"
    for look in [*looks, [], [], []]:
        before = len(receiver.got)
        office.look(*(replace(ALERT, subject=f"<{letters[number]}>") for number in look), now=now)
        sent_at += [now] * (len(receiver.got) - before)
        now += timedelta(minutes=31)
    told = "".join(message.headline + message.text for message in receiver.got)
    wanted = {letters[number] for look in looks for number in look}
    assert all(told.count(f"<{letter}>") == 1 for letter in wanted)
    assert all(sum(at - timedelta(hours=1) < other <= at for other in sent_at) <= limit for at in sent_at)
