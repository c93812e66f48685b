"""Logs, metrics and traces."""

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from dishka import Provider, Scope, from_context, provide

from application.figures.counting import UnrecordedCounts
from application.ports import Announce
from domain.audit.event import Event
from doorward.wiring.use_cases import USE_CASES
from infrastructure.telemetry.logging import LoggedEvents
from infrastructure.telemetry.telemetry import Observation

if TYPE_CHECKING:
    from infrastructure.telemetry.tracing import Tracing


class TelemetryProvider(Provider):
    """Provides the observers of this process."""

    scope = Scope.APP

    observation = from_context(Observation)

    unrecorded_counts = provide(UnrecordedCounts)

    @provide
    def announce(self, observation: Observation, unrecorded: UnrecordedCounts) -> Announce:
        log = observation.announce(LoggedEvents())

        def announce(event: Event) -> None:
            log(event)
            unrecorded.note(event)

        return announce


def traced_use_cases(tracing: "Tracing") -> Provider:
    """Decorate the use cases that providers before this one provide: each call is a span.

    Those that wait for nothing are left alone: their callers do not await them.
    """
    provider = Provider(Scope.APP)
    for use_case in USE_CASES:
        if iscoroutinefunction(vars(use_case).get("__call__")):
            provider.decorate(_decorator(tracing, use_case), provides=use_case)
    return provider


def _decorator(tracing: "Tracing", use_case: type) -> Callable[[Any], Any]:
    def trace(untraced: Any) -> Any:
        return tracing.traced(untraced)

    trace.__annotations__ = {"untraced": use_case, "return": use_case}  # read by dishka
    return trace
