"""Store the audit events of an outage."""

from datetime import timedelta

from application.ports import AuditLog
from doorward.jobs.scheduler import Job

INTERVAL = timedelta(seconds=1)


def flush_audit_log(audit_log: AuditLog) -> Job:
    """Retry every second. At shutdown the audit log stores what it has when it is closed."""
    return Job("audit_log_flush", audit_log.flush, INTERVAL, jitter=0.2)
