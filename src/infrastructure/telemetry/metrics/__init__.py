"""The metrics for Prometheus, in a module for each subject: names, labels and meanings.

No label value comes from a client or belongs to one person, so the number of series is fixed.

This package is imported only if ``METRICS_PORT`` is set. With several server processes, each
writes its metrics into files in a folder of ``metrics_server``, which their parent reads;
prometheus_client decides that at import.
"""

from prometheus_client import CollectorRegistry, disable_created_metrics

from infrastructure.telemetry.metrics.events import EventMetrics
from infrastructure.telemetry.metrics.mail import MailMetrics
from infrastructure.telemetry.metrics.passwords import HashMetrics
from infrastructure.telemetry.metrics.process import ProcessMetrics
from infrastructure.telemetry.metrics.requests import RequestMetrics
from infrastructure.telemetry.metrics.signing_keys import KeyMetrics
from infrastructure.telemetry.metrics.stores import StoreMetrics

disable_created_metrics()  # type: ignore[no-untyped-call] # it would double the series

REGISTRY = CollectorRegistry()
"""The metrics of this process."""


class Metrics:
    """The metrics of one process, and the observers that feed them.

    :param registry: receives the metrics.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.requests = RequestMetrics(registry)
        self.events = EventMetrics(registry)
        self.hashes = HashMetrics(registry)
        self.stores = StoreMetrics(registry)
        self.mail = MailMetrics(registry)
        self.keys = KeyMetrics(registry)
        self.process = ProcessMetrics(registry)
