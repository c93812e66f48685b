"""Password hashes: their queue, and how long they take."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_HASH_TIMES = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10)


class HashMetrics:
    """Observes hashes: a :class:`~infrastructure.passwords.hashing_pool.HashObserver`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._hash_queue_length = Gauge(
            "doorward_hash_queue_length",
            "Password hashes waiting for a thread.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._hash_wait_seconds = Histogram(
            "doorward_hash_wait_seconds",
            "Time that a password hash waited for a thread.",
            buckets=_HASH_TIMES,
            registry=registry,
        )
        self._hash_seconds = Histogram(
            "doorward_hash_seconds",
            "Time that a password hash took on its thread.",
            buckets=_HASH_TIMES,
            registry=registry,
        )
        self._hash_refusals = Counter(
            "doorward_hash_refusals",
            "Password hashes refused because the queue was full.",
            registry=registry,
        )

    def joined(self) -> None:
        self._hash_queue_length.inc()

    def left(self, waited: float | None) -> None:
        self._hash_queue_length.dec()
        if waited is not None:
            self._hash_wait_seconds.observe(waited)

    def computed(self, seconds: float) -> None:
        self._hash_seconds.observe(seconds)

    def refused(self) -> None:
        self._hash_refusals.inc()
