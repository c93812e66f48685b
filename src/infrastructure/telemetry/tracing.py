"""OpenTelemetry traces of requests, use cases and calls to stores.

This module is imported only if traces are configured: its packages come with the extra ``otel``.
The SDK reads from its own variables what to export, and where to.

A span has an operation, its duration and its outcome. It has no personal data: no path but its
template, no address, no token, no SQL statement.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, Self, TypeVar, cast

import structlog
from opentelemetry import context, propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from domain.errors import AuthError, DomainError, Unavailable

_UseCase = TypeVar("_UseCase")

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_PATIENCE = 3.0
"""Seconds to send the last spans when the process exits: Docker kills it soon after."""


class Tracing:
    """The tracing of one process."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("doorward")

    @classmethod
    def from_environment(cls, version: str) -> Self:
        """Configure tracing by the environment variables ``OTEL_…``."""
        resource = Resource.create({"service.version": version})
        if str(resource.attributes["service.name"]).startswith("unknown_service"):
            resource = resource.merge(Resource({"service.name": "doorward"}))
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return cls(provider)

    def close(self) -> None:
        """Send the last spans, and wait some seconds for the collector at most."""
        thread = Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        thread.start()
        thread.join(_PATIENCE)

    def request(
        self, method: str, route: str, headers: Iterable[tuple[bytes, bytes]]
    ) -> Callable[[int], None]:
        """Start the span of a request, and add its ids to the log lines of that request.

        :param route: the template of the path.
        :param headers: may name the trace that the request belongs to (W3C Trace Context).
        :returns: a function that ends the span; it takes the status, 0 if there was no response.
        """
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        known = method if method in _METHODS else "_OTHER"
        span = self._tracer.start_span(
            f"{'HTTP' if known == '_OTHER' else known} {route}",
            propagate.extract(carrier),
            SpanKind.SERVER,
            {"http.request.method": known, "http.route": route},
        )
        token = context.attach(trace.set_span_in_context(span))
        ids = span.get_span_context()
        structlog.contextvars.bind_contextvars(
            trace_id=trace.format_trace_id(ids.trace_id), span_id=trace.format_span_id(ids.span_id)
        )

        def end(status: int) -> None:
            if status:
                span.set_attribute("http.response.status_code", status)
            if status >= 500:
                span.set_attribute("error.type", str(status))
                span.set_status(Status(StatusCode.ERROR))
            context.detach(token)
            span.end()

        return end

    def traced(self, use_case: _UseCase) -> _UseCase:
        """Return a stand-in for a use case. Each call of it is a span."""
        return cast("_UseCase", _Traced(use_case, self._tracer))

    @contextmanager
    def store_call(self, store: str, role: str) -> Iterator[None]:
        """Trace a call to a store within a request. This is a ``StoreObserver``."""
        if not trace.get_current_span().is_recording():
            yield
            return
        attributes = {"db.system.name": store, "doorward.role": role}
        with _span(
            self._tracer.start_span(f"{store} {role}", kind=SpanKind.CLIENT, attributes=attributes)
        ):
            yield


class _Traced:
    """Traces the calls of a use case, and has its other members too."""

    def __init__(self, use_case: Any, tracer: Tracer) -> None:
        self._use_case = use_case
        self._tracer = tracer
        self._name = type(use_case).__name__

    async def __call__(self, *arguments: Any, **named: Any) -> Any:
        with _span(self._tracer.start_span(self._name)):
            return await self._use_case(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._use_case, name)


@contextmanager
def _span(span: Span) -> Iterator[None]:
    """Record the type of an error, but not its message: a driver may quote a value in it."""
    with trace.use_span(
        span, end_on_exit=True, record_exception=False, set_status_on_exception=False
    ):
        try:
            yield
        except Exception as error:
            span.set_attribute("error.type", _error_type(error))
            if isinstance(error, Unavailable) or not isinstance(error, AuthError):
                span.set_status(Status(StatusCode.ERROR))
            raise


def _error_type(error: Exception) -> str:
    """Return a name for the semantic convention ``error.type``: stable for errors of Doorward."""
    return error.outcome.value if isinstance(error, DomainError) else type(error).__name__
