"""Delete messages that are done, and expired one-time tokens."""

from datetime import timedelta

from application.mail.delivery import PruneMail
from doorward.jobs.scheduler import Job

INTERVAL = timedelta(minutes=10)


def prune_mail(prune: PruneMail) -> Job:
    """Prune every ten minutes at the latest. Processes share the work: each skips locked rows."""
    return Job("mail_pruning", prune, INTERVAL, jitter=0.5)
