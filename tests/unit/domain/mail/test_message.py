"""The deliveries of messages: their schedule and their end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.email import Email
from domain.mail.message import Delivery, DeliveryState, MailKind, Message, MessageId

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MESSAGE = Message(
    id=MessageId("0" * 32),
    kind=MailKind.PASSWORD_RESET,
    to=Email.parse("ada@example.com"),
    created_at=NOW,
    expires_at=NOW + timedelta(days=1),
)


def test_a_new_message_is_due_at_once() -> None:
    delivery = Delivery.of(MESSAGE)

    assert (delivery.state, delivery.due_at, delivery.attempts) == (DeliveryState.QUEUED, NOW, 0)


def test_a_leased_message_is_due_again_when_its_lease_ends() -> None:
    leased = Delivery.of(MESSAGE).leased(NOW + timedelta(minutes=2))

    assert (leased.due_at, leased.attempts) == (NOW + timedelta(minutes=2), 1)


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 10), (2, 60), (3, 300), (4, 1800), (5, 7200), (6, 7200)]
)
def test_each_failure_delays_the_next_attempt_for_longer(attempts: int, seconds: int) -> None:
    delivery = Delivery(MESSAGE, NOW, attempts=attempts)

    assert delivery.delayed("timeout", 0, NOW).due_at == NOW + timedelta(seconds=seconds)
    assert delivery.delayed("timeout", 1, NOW).due_at == NOW + timedelta(seconds=seconds * 1.2)


def test_a_delayed_message_stays_queued_with_the_reason() -> None:
    delayed = Delivery(MESSAGE, NOW, attempts=1).delayed("smtp_451", 0, NOW)

    assert (delayed.state, delayed.error, delayed.ended_at) == (
        DeliveryState.QUEUED,
        "smtp_451",
        None,
    )


@pytest.mark.parametrize("chance", [0, 1])
def test_a_link_is_tried_until_it_is_about_to_expire(chance: float) -> None:
    expires_at = NOW + timedelta(minutes=30)
    delivery, now = Delivery.of(replace(MESSAGE, expires_at=expires_at)), NOW

    attempts = list[timedelta]()
    while delivery.state is DeliveryState.QUEUED:
        attempts.append(expires_at - now)
        delivery = delivery.leased(now + timedelta(minutes=2)).delayed("timeout", chance, now)
        now = delivery.due_at

    assert timedelta(0) < attempts[-1] <= timedelta(seconds=20)
    assert len(attempts) < 15


def test_a_message_that_is_about_to_expire_is_given_up() -> None:
    late = MESSAGE.expires_at - timedelta(seconds=20)

    given_up = Delivery(MESSAGE, NOW, attempts=1).delayed("timeout", 0, late)

    assert (given_up.state, given_up.error, given_up.ended_at) == (
        DeliveryState.GIVEN_UP,
        "timeout",
        late,
    )


def test_a_sent_message_keeps_no_error() -> None:
    sent = Delivery(MESSAGE, NOW, attempts=2, error="timeout").sent(NOW)

    assert (sent.state, sent.error, sent.ended_at) == (DeliveryState.SENT, "", NOW)


def test_a_retried_message_begins_again() -> None:
    given_up = Delivery(MESSAGE, NOW, attempts=7).given_up("smtp_550", NOW)
    later = NOW + timedelta(hours=1)

    assert given_up.retried(later) == Delivery(MESSAGE, later)
