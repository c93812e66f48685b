"""Mail: the outbox, and attempts of delivery."""

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge

from application.ports import OutboxStatus
from domain.mail.message import Delivery, DeliveryState, MailKind

_RESULTS = {
    DeliveryState.SENT: "sent",
    DeliveryState.QUEUED: "failed",
    DeliveryState.GIVEN_UP: "given_up",
}


class MailMetrics:
    """Reports the outbox, and counts attempts of delivery."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._mail_queued = Gauge(
            "doorward_mail_queued",
            "Mails in the outbox that are neither sent nor given up. All processes see the same.",
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self._mail_oldest = Gauge(
            "doorward_mail_oldest_seconds",
            "Age of the oldest of them; 0 if there is none.",
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self._mail_deliveries = Counter(
            "doorward_mail_deliveries",
            "Attempts to deliver a mail. `result` is sent, failed (it will be tried again) or "
            "given_up.",
            ["kind", "result"],
            registry=registry,
        )
        for kind in MailKind:
            for result in _RESULTS.values():
                self._mail_deliveries.labels(kind.value, result)

    def count_delivery(self, delivery: Delivery) -> None:
        """Count an attempt to deliver a mail. This is a
        :data:`~application.ports.ReportDelivery`.
        """
        result = _RESULTS[delivery.state]
        self._mail_deliveries.labels(delivery.message.kind.value, result).inc()

    def report_outbox(self, status: OutboxStatus, now: datetime) -> None:
        """Report what waits in the outbox."""
        age = (now - status.oldest).total_seconds() if status.oldest else 0.0
        self._mail_queued.set(status.queued)
        self._mail_oldest.set(max(age, 0.0))
