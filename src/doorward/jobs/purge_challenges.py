"""Delete expired challenges: those of logins that were not completed, for example."""

from datetime import timedelta

from application.second_factors.challenges import PurgeChallenges
from doorward.jobs.scheduler import Job

INTERVAL = timedelta(minutes=10)


def purge_challenges(purge: PurgeChallenges) -> Job:
    """Purge every ten minutes at the latest. Processes share the work: each skips locked rows."""
    return Job("expired_challenges_purge", purge, INTERVAL, jitter=0.5)
