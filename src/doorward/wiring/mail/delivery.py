"""The outbox: what is put into it, and the jobs that empty it."""

from typing import NewType

import structlog
from dishka import Provider, Scope, provide, provide_all

from application.mail.delivery import DeliverMail, MailRetention, PruneMail, WriteLetter
from application.mail.messages import LIFETIMES, MailPolicy
from application.ports import Clock, Outbox, ReportDelivery
from domain.mail.message import Delivery, DeliveryState, MailKind
from doorward.jobs.deliver_mail import deliver_mail
from doorward.jobs.measure_outbox import measure_outbox
from doorward.jobs.prune_mail import prune_mail
from doorward.jobs.scheduler import Job
from infrastructure.config.settings import Settings
from infrastructure.telemetry.telemetry import Observation

log = structlog.stdlib.get_logger("doorward")

MailJobs = NewType("MailJobs", tuple[Job, ...])

_EVENTS = {
    DeliveryState.SENT: "mail_sent",
    DeliveryState.QUEUED: "mail_delayed",
    DeliveryState.GIVEN_UP: "mail_given_up",
}


class MailDeliveryProvider(Provider):
    """Provides what use cases need to send mail, and the jobs that deliver it."""

    scope = Scope.APP

    delivery = provide_all(WriteLetter, DeliverMail, PruneMail)

    @provide
    def policy(self, settings: Settings) -> MailPolicy:
        lifetimes = {
            **LIFETIMES,
            MailKind.PASSWORD_RESET: settings.mail.reset_link_lifetime,
            MailKind.INVITATION: settings.mail.invitation_lifetime,
            MailKind.EMAIL_VERIFICATION: settings.registration.verification_lifetime,
        }
        return MailPolicy(
            is_on=settings.sends_mail,
            lifetimes=lifetimes,
            notices=settings.mail.notices,
            link_targets=frozenset(settings.mail.link_targets),
        )

    @provide
    def retention(self, settings: Settings) -> MailRetention:
        return MailRetention(settings.mail.kept)

    @provide
    def report(self, observation: Observation) -> ReportDelivery:
        if observation.metrics is None:
            return log_delivery
        count = observation.metrics.mail.count_delivery

        def report(delivery: Delivery) -> None:
            log_delivery(delivery)
            count(delivery)

        return report

    @provide
    def jobs(
        self,
        policy: MailPolicy,
        deliver: DeliverMail,
        prune: PruneMail,
        outbox: Outbox,
        clock: Clock,
        observation: Observation,
    ) -> MailJobs:
        jobs = [prune_mail(prune)]
        if policy.is_on:  # or a process that starts with MAIL_URL finds its mails given up
            jobs.insert(0, deliver_mail(deliver))
        if observation.metrics:
            jobs.append(measure_outbox(outbox, observation.metrics.mail.report_outbox, clock))
        return MailJobs(tuple(jobs))


def log_delivery(delivery: Delivery) -> None:
    """Log the outcome of an attempt, without the address."""
    write = log.warning if delivery.state is DeliveryState.GIVEN_UP else log.info
    kind, error = delivery.message.kind.value, {"error": delivery.error} if delivery.error else {}
    write(_EVENTS[delivery.state], kind=kind, attempts=delivery.attempts, **error)
