"""The jobs of the outbox, and what they report."""

from dataclasses import replace
from datetime import datetime

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from application.ports import NO_EFFECTS, OutboxStatus, ReportDelivery, ReportMailLimit
from domain.mail.message import Delivery, DeliveryState
from domain.token import TokenKind
from doorward.conformance.support.examples import a_message
from doorward.jobs.deliver_mail import deliver_mail
from doorward.jobs.measure_outbox import measure_outbox
from doorward.wiring.container import make_container
from doorward.wiring.mail.delivery import MailJobs, log_delivery
from infrastructure.config.settings import Settings
from infrastructure.signing.signing_key import SigningKey
from infrastructure.telemetry.metrics import Metrics
from infrastructure.telemetry.telemetry import Observation
from tests.support.builders import NOW, SECOND, in_environment
from tests.support.jobs import JobTime
from tests.support.world import World


@pytest.fixture
def time(world: World) -> JobTime:
    return JobTime(world.clock)


async def test_a_message_is_delivered_within_a_second(world: World, time: JobTime) -> None:
    async with time.running(deliver_mail(world.deliver_mail)):
        await world.outbox.add(NO_EFFECTS.with_messages(a_message(created_at=world.clock())))
        await time.elapse(SECOND)

        assert len(world.mailbox.letters) == 1


def test_the_delivery_begins_no_letter_at_shutdown(world: World) -> None:
    assert deliver_mail(world.deliver_mail).is_cancelled_at_shutdown


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


async def test_mails_over_the_limit_of_all_clients_are_logged(settings: Settings) -> None:
    container = make_container(settings)
    report = await container.get(ReportMailLimit)

    with capture_logs() as lines:
        report()

    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("mail_limit_reached", "warning")
    ]
    await container.close()


@pytest.fixture
def settings(keys: dict[TokenKind, SigningKey]) -> Settings:
    return Settings.read(
        {"DATABASE_URL": "memory:", "MAIL_URL": "memory:", **in_environment(keys)}
    )


async def test_deliveries_are_logged_and_counted_where_metrics_are_on(settings: Settings) -> None:
    registry = CollectorRegistry()
    observation = Observation(metrics=Metrics(registry))
    container = make_container(settings, observation=observation)
    report: ReportDelivery = await container.get(ReportDelivery)

    with capture_logs() as lines:
        report(Delivery.of(a_message()).sent(NOW))

    assert [line["event"] for line in lines] == ["mail_sent"]
    labels = {"kind": "password_changed", "result": "sent"}
    assert registry.get_sample_value("doorward_mail_deliveries_total", labels) == 1
    jobs = [job.name for job in await container.get(MailJobs)]
    assert jobs == ["mail_delivery", "mail_pruning", "mail_measurement"]
    await container.close()


async def test_without_metrics_nothing_is_measured(settings: Settings) -> None:
    container = make_container(settings)

    jobs = [job.name for job in await container.get(MailJobs)]

    assert jobs == ["mail_delivery", "mail_pruning"]
    await container.close()
