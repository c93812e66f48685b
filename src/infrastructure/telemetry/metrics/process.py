"""Server processes, and the version that runs."""

from prometheus_client import CollectorRegistry, Gauge


class ProcessMetrics:
    """Reports this process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._build_info = Gauge(
            "doorward_build_info",
            "1 for the version that runs.",
            ["version"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self._workers = Gauge(
            "doorward_workers",
            "Running server processes.",
            registry=registry,
            multiprocess_mode="livesum",
        )

    def started(self, version: str) -> None:
        """Report that this process runs."""
        self._build_info.labels(version).set(1)
        self._workers.set(1)
