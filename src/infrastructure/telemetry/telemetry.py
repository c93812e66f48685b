"""Metrics and traces. Each is off unless configured, and then its packages are not loaded."""

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Self

from domain.audit.event import Event
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.telemetry import TelemetrySettings
from infrastructure.storage.options import StoreObserver, unobserved

if TYPE_CHECKING:
    from infrastructure.telemetry.metrics import Metrics
    from infrastructure.telemetry.tracing import Tracing

WorkerExited = Callable[[int], None]
"""Receives the process id of a worker that has exited."""


@dataclass(frozen=True, slots=True)
class Observation:
    """
    :ivar metrics: ``None`` if metrics are off.
    :ivar tracing: ``None`` if traces are off.
    """

    metrics: "Metrics | None" = None
    tracing: "Tracing | None" = None

    @classmethod
    def of_this_process(cls, settings: TelemetrySettings) -> Self:
        """
        :raises ConfigurationError: traces are configured, and their packages are missing.
        """
        return cls(_metrics(settings), _tracing(settings))

    @property
    def store_call(self) -> StoreObserver:
        observers = [self.tracing.store_call] if self.tracing else []
        observers += [self.metrics.stores.call] if self.metrics else []
        if not observers:
            return unobserved
        return observers[0] if len(observers) == 1 else _both(*observers)

    def announce(self, log: Callable[[Event], None]) -> Callable[[Event], None]:
        """Count each event, if metrics are on, beside logging it."""
        if self.metrics is None:
            return log
        count = self.metrics.events.count

        def announce(event: Event) -> None:
            log(event)
            count(event)

        return announce


def _metrics(settings: TelemetrySettings) -> "Metrics | None":
    if settings.metrics_port is None:
        return None
    from infrastructure.telemetry.metrics import Metrics  # noqa: PLC0415 - only if it is wanted

    metrics = Metrics()
    metrics.process.started(version("doorward"))
    return metrics


def _tracing(settings: TelemetrySettings) -> "Tracing | None":
    if not settings.is_traced:
        return None
    require_tracing(settings)
    from infrastructure.telemetry.tracing import Tracing  # noqa: PLC0415 - only if it is wanted

    return Tracing.from_environment(version("doorward"))


def require_tracing(settings: TelemetrySettings) -> None:
    """
    :raises ConfigurationError: traces are configured, and their packages are missing.
    """
    if not settings.is_traced:
        return
    try:
        import infrastructure.telemetry.tracing  # noqa: F401, PLC0415
    except ImportError:
        raise ConfigurationError(
            "OTEL_TRACES_EXPORTER or OTEL_EXPORTER_OTLP_ENDPOINT",
            "is set, and the packages for traces are missing: install doorward[otel], or set "
            "OTEL_SDK_DISABLED=true",
        ) from None


@contextmanager
def serving_metrics(
    listener: socket.socket | None, *, from_workers: bool
) -> Iterator[WorkerExited]:
    """Answer ``/metrics`` while the block runs, and yield what a supervisor calls for each worker
    that exited: its gauges end, its counters stay.

    :param listener: ``None`` if metrics are off.
    :param from_workers: whether this process starts others that serve, or serves itself.
    """
    if listener is None:
        yield _ignore
        return
    from infrastructure.telemetry import metrics_server  # noqa: PLC0415 - only if it is wanted

    with ExitStack() as stack:
        exited: WorkerExited = _ignore
        if from_workers:
            from prometheus_client.multiprocess import mark_process_dead as exited  # noqa: PLC0415

            registry = stack.enter_context(metrics_server.multiprocess_registry())
        else:
            from infrastructure.telemetry.metrics import REGISTRY as registry  # noqa: N811, PLC0415
        stack.enter_context(metrics_server.serving(listener, registry))
        yield exited


def _ignore(_process: int) -> None:
    pass


def _both(outer: StoreObserver, inner: StoreObserver) -> StoreObserver:
    @contextmanager
    def observe(store: str, role: str) -> Iterator[None]:
        with outer(store, role), inner(store, role):
            yield

    def both(store: str, role: str) -> AbstractContextManager[None]:
        return observe(store, role)

    return both
