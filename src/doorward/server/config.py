"""Configuration of the web server, which every server process has."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from uvicorn import Config

from api.lifecycle import Lifecycle
from doorward.server.connections import ConnectionLimits, Connections
from doorward.wiring.http import origin_policy
from doorward.wiring.refusals import Refusals, refusals
from infrastructure.config.http import HttpSettings
from infrastructure.config.logging import LogSettings
from infrastructure.telemetry.access_log import AccessLog

Application = str | Callable[[], Any]
"""Makes the application, or names the function that does. Workers receive it pickled."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How to serve.

    :ivar workers: number of server processes.
    :ivar request_seconds: time limit for a request to arrive, and for a blocked response.
    :ivar delay_seconds: after SIGTERM, time to report not ready and still serve every request.
    :ivar connections: limits on the connections of each process.
    :ivar refusals: responses to requests that never reach the application.
    :ivar access_log: logs those requests, too; ``None`` if it is off.
    """

    workers: int
    request_seconds: float
    delay_seconds: float
    connections: ConnectionLimits
    refusals: Refusals
    access_log: AccessLog | None = None


def server_options(settings: HttpSettings, logs: LogSettings, files: int) -> ServerOptions:
    """Return the options of the web server as configured.

    :param files: how many open files each process may have.
    """
    policy = origin_policy(settings)
    return ServerOptions(
        settings.workers,
        settings.request_timeout.total_seconds(),
        settings.shutdown_delay.total_seconds(),
        ConnectionLimits.within(
            files,
            settings.max_connections,
            settings.max_connections_per_address,
            policy.trusts_proxy,
        ),
        refusals(policy),
        AccessLog.of(logs),
    )


class ServerConfig(Config):
    """uvicorn's configuration, extended by the server's options and the process's lifecycle."""

    def __init__(
        self,
        server_options: ServerOptions,
        application: Application,
        lifecycle: Lifecycle,
        **options: Any,
    ) -> None:
        super().__init__(
            application,
            workers=server_options.workers,
            backlog=server_options.connections.backlog,
            **options,
        )
        self.server_options = server_options
        self.lifecycle = lifecycle

    @cached_property
    def connections(self) -> Connections:
        """The connections of this process."""
        return Connections(self.server_options.connections)
