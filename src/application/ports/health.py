"""The health of what the service depends on."""

from collections.abc import Awaitable, Callable, Mapping

HealthCheck = Callable[[], Awaitable[None]]
"""Check that a dependency works now. Any error says that it does not."""

HealthChecks = Mapping[str, HealthCheck]
"""By the name of the dependency: ``users``, ``sessions``, ``keys``."""
