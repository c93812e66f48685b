"""Deliver the messages of the outbox."""

from datetime import timedelta

from application.mail.delivery import DeliverMail
from doorward.jobs.scheduler import Job

INTERVAL = timedelta(seconds=1)


def deliver_mail(deliver: DeliverMail) -> Job:
    """Look for messages each second, at the latest. Processes share the work."""
    return Job("mail_delivery", deliver, INTERVAL, jitter=0.5, is_cancelled_at_shutdown=True)
