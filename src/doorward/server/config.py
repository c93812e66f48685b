"""What the web server has to know, in each of its processes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from uvicorn import Config

from api.lifecycle import Lifecycle
from doorward.wiring.http import origin_policy
from infrastructure.config.settings import Settings

Application = str | Callable[[], Any]
"""What makes the application, or where to import that from. Workers get it pickled."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How to serve.

    :ivar workers: server processes.
    :ivar request_seconds: how long a caller may take to send a request.
    :ivar delay_seconds: from SIGTERM on, how long everybody is still served.
    :ivar is_https: whether browsers reach the service by https.
    """

    workers: int
    request_seconds: float
    delay_seconds: float
    is_https: bool


def server_options(settings: Settings) -> ServerOptions:
    """Return the options of the web server as configured."""
    return ServerOptions(
        settings.workers,
        settings.request_timeout.total_seconds(),
        settings.shutdown_delay.total_seconds(),
        is_https=origin_policy(settings).is_https,
    )


class ServerConfig(Config):
    """uvicorn's configuration, which each process has, with ours."""

    def __init__(
        self,
        server_options: ServerOptions,
        application: Application,
        lifecycle: Lifecycle,
        **options: Any,
    ) -> None:
        super().__init__(application, workers=server_options.workers, **options)
        self.server_options = server_options
        self.lifecycle = lifecycle
