"""Delete users who have registered and not proven their address in time."""

from datetime import timedelta

from application.accounts.purge_unverified_users import PurgeUnverifiedUsers
from doorward.jobs.scheduler import Job

INTERVAL = timedelta(minutes=10)


def purge_unverified_users(purge: PurgeUnverifiedUsers) -> Job:
    """Purge every ten minutes at the latest. Of processes that find one user, one deletes it."""
    return Job("unverified_users_purge", purge, INTERVAL, jitter=0.5)
