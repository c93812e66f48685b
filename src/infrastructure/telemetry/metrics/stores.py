"""Calls to stores: how long they took, and how many failed."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Histogram

from domain.errors import Unavailable

_STORE_TIMES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class StoreMetrics:
    """Counts and times calls to stores."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._store_seconds = Histogram(
            "doorward_store_seconds",
            "Time of a call to a store, including the wait for a connection.",
            ["store", "role"],
            buckets=_STORE_TIMES,
            registry=registry,
        )
        self._store_failures = Counter(
            "doorward_store_failures",
            "Calls to a store that failed or timed out.",
            ["store", "role"],
            registry=registry,
        )
        self._store_series: dict[tuple[str, str], tuple[Histogram, Counter]] = {}

    @contextmanager
    def call(self, store: str, role: str) -> Iterator[None]:
        """Time a call to a store. This is a
        :data:`~infrastructure.storage.options.StoreObserver`.
        """
        series = self._store_series.get((store, role))
        if series is None:
            series = (
                self._store_seconds.labels(store, role),
                self._store_failures.labels(store, role),
            )
            self._store_series[store, role] = series
        store_seconds, failures = series
        began = perf_counter()
        try:
            yield
        except Unavailable:
            failures.inc()
            raise
        finally:
            store_seconds.observe(perf_counter() - began)
