"""What watches the service at its work: metrics and traces. Each may be off, and nothing of it is
loaded then.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Self

from domain.audit_event import Event
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings
from infrastructure.storage.options import StoreObserver, unobserved

if TYPE_CHECKING:
    from infrastructure.telemetry.metrics import Metrics
    from infrastructure.telemetry.tracing import Tracing


@dataclass(frozen=True, slots=True)
class Observation:
    """
    :ivar metrics: and ``tracing``: ``None`` where that is off.
    """

    metrics: "Metrics | None" = None
    tracing: "Tracing | None" = None

    @classmethod
    def of_this_process(cls, settings: Settings) -> Self:
        """
        :raises ConfigurationError: traces are wanted, and what they need is not installed.
        """
        return cls(_metrics(settings), _tracing(settings))

    @property
    def store_call(self) -> StoreObserver:
        observers = [each.store_call for each in (self.tracing, self.metrics) if each]
        if not observers:
            return unobserved
        return observers[0] if len(observers) == 1 else _both(*observers)

    def announce(self, log: Callable[[Event], None]) -> Callable[[Event], None]:
        """
        :param log: which is told of each event in any case.
        """
        if self.metrics is None:
            return log
        count = self.metrics.happened

        def announce(event: Event) -> None:
            log(event)
            count(event)

        return announce


def _metrics(settings: Settings) -> "Metrics | None":
    if settings.metrics_port is None:
        return None
    from infrastructure.telemetry.metrics import Metrics  # noqa: PLC0415 - only if it is wanted

    metrics = Metrics()
    metrics.started(version("doorward"))
    return metrics


def _tracing(settings: Settings) -> "Tracing | None":
    if not settings.is_traced:
        return None
    require_tracing(settings)
    from infrastructure.telemetry.tracing import Tracing  # noqa: PLC0415 - only if it is wanted

    return Tracing.from_environment(version("doorward"))


def require_tracing(settings: Settings) -> None:
    """
    :raises ConfigurationError: traces are wanted, and what they need is not installed.
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
def published(listener: socket.socket | None, *, from_workers: bool) -> Iterator[None]:
    """Answer ``/metrics`` while the block runs.

    :param listener: of its port; ``None`` if there is none.
    :param from_workers: whether the service is in processes that this one starts, or in this one.
    """
    if listener is None:
        yield
        return
    from infrastructure.telemetry import metrics_server as metrics_port  # noqa: PLC0415 - only if it is wanted

    with ExitStack() as stack:
        if from_workers:
            registry = stack.enter_context(metrics_port.of_workers())
        else:
            from infrastructure.telemetry.metrics import REGISTRY as registry  # noqa: N811, PLC0415
        stack.enter_context(metrics_port.answering(listener, registry))
        yield


def _both(outer: StoreObserver, inner: StoreObserver) -> StoreObserver:
    @contextmanager
    def observe(store: str, role: str) -> Iterator[None]:
        with outer(store, role), inner(store, role):
            yield

    def both(store: str, role: str) -> AbstractContextManager[None]:
        return observe(store, role)

    return both
