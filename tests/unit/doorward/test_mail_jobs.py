"""The jobs of the outbox, and what they report."""

from dataclasses import replace
from datetime import datetime

import pytest
from structlog.testing import capture_logs

from application.ports import NO_EFFECTS, OutboxStatus
from domain.mail import Delivery, DeliveryState
from doorward.conformance.examples import a_message
from doorward.jobs.deliver_mail import deliver_mail
from doorward.jobs.measure_outbox import measure_outbox
from doorward.wiring.mail_delivery import log_delivery
from tests.support.builders import NOW, SECOND, World
from tests.support.jobs import JobTime


@pytest.fixture
def time(world: World) -> JobTime:
    return JobTime(world.clock)


async def test_a_message_is_delivered_within_a_second(world: World, time: JobTime) -> None:
    async with time.running(deliver_mail(world.deliver_mail)):
        await world.outbox.add(NO_EFFECTS.with_messages(a_message(created_at=world.clock())))
        await time.elapse(SECOND)

        assert len(world.mailbox.letters) == 1


async def test_the_outbox_is_measured_while_nothing_is_delivered(
    world: World, time: JobTime
) -> None:
    measured = list[tuple[OutboxStatus, datetime]]()
    await world.outbox.add(NO_EFFECTS.with_messages(a_message()))

    async with time.running(
        measure_outbox(world.outbox, lambda *each: measured.append(each), world.clock)
    ):
        await time.elapse(15 * SECOND)

    assert measured[0][0] == OutboxStatus(1, NOW)
    assert measured[0][1] > NOW


@pytest.mark.parametrize(
    ("state", "error", "event"),
    [
        (DeliveryState.SENT, "", "mail_sent"),
        (DeliveryState.QUEUED, "smtp_451", "mail_delayed"),
        (DeliveryState.GIVEN_UP, "smtp_550", "mail_given_up"),
    ],
)
def test_each_attempt_is_logged_without_the_address(
    state: DeliveryState, error: str, event: str
) -> None:
    delivery = replace(Delivery.of(a_message()), state=state, attempts=3, error=error)

    with capture_logs() as lines:
        log_delivery(delivery)

    [line] = lines
    assert (line["event"], line["kind"], line["attempts"]) == (event, "password_changed", 3)
    assert line.get("error", "") == error
    assert "ada@" not in str(line)
