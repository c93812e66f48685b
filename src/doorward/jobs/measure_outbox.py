"""Report to the metrics what waits in the outbox."""

from collections.abc import Callable
from datetime import datetime, timedelta

from application.ports import Clock, Outbox, OutboxStatus
from doorward.jobs.scheduler import Job

INTERVAL = timedelta(seconds=15)


def measure_outbox(
    outbox: Outbox, report: Callable[[OutboxStatus, datetime], None], clock: Clock
) -> Job:
    """Measure the outbox as often as Prometheus usually asks. Only with metrics."""

    async def measure() -> None:
        report(await outbox.status(), clock())

    return Job("mail_measurement", measure, INTERVAL, jitter=0.5)
