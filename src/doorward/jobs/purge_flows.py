"""Delete expired flows and codes of logins at other providers: those that were not completed."""

from datetime import timedelta

from application.social_login.flows import PurgeFlows
from doorward.jobs.scheduler import Job

INTERVAL = timedelta(minutes=10)


def purge_flows(purge: PurgeFlows) -> Job:
    """Purge every ten minutes at the latest. Processes share the work: each skips locked rows."""
    return Job("expired_flows_purge", purge, INTERVAL, jitter=0.5)
