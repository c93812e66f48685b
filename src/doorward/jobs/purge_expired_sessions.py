"""Delete expired sessions from stores that do not do that by themselves."""

from datetime import timedelta

from application.sessions.purge import PurgeExpiredSessions
from doorward.jobs.scheduler import Job

INTERVAL = timedelta(minutes=10)


def purge_expired_sessions(purge: PurgeExpiredSessions) -> Job:
    """Purge every ten minutes at the latest. Processes share the work: each skips locked rows."""
    return Job("expired_sessions_purge", purge, INTERVAL, jitter=0.5)
