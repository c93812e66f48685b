"""Store where and by what sessions were last used."""

from datetime import timedelta

from application.session_activity import FlushSessionActivity
from doorward.jobs.scheduler import Job

INTERVAL = timedelta(seconds=5)


def flush_session_activity(flush: FlushSessionActivity) -> Job:
    """Flush every five seconds and at shutdown."""
    return Job("session_activity_flush", flush, INTERVAL, jitter=0.2, runs_at_shutdown=True)
