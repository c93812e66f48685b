"""Logs, metrics and traces."""

from typing import TYPE_CHECKING

from dishka import Provider, Scope, from_context, provide

from application.ports import Announce
from doorward.wiring.use_cases import USE_CASES
from infrastructure.telemetry.logging import LoggedEvents
from infrastructure.telemetry.telemetry import Observation

if TYPE_CHECKING:
    from infrastructure.telemetry.tracing import Tracing


class TelemetryProvider(Provider):
    """Provides the observers of this process."""

    scope = Scope.APP

    observation = from_context(Observation)

    @provide
    def announce(self, observation: Observation) -> Announce:
        return observation.announce(LoggedEvents())


def traced_use_cases(tracing: "Tracing") -> Provider:
    """Provide the use cases once more; each of their calls is a span."""
    provider = Provider(Scope.APP)
    for use_case in USE_CASES:
        if "__call__" in vars(use_case):
            provider.provide(tracing.traced(use_case), provides=use_case)
    return provider
