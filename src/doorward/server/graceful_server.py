"""One server process, which shuts down in three steps: report not ready, drain, exit.

SIGTERM starts with the first step, SIGINT with the second (ADR 17).
"""

import asyncio
import signal
import socket
import time
from types import FrameType

from uvicorn import Server

from doorward.server.config import ServerConfig
from doorward.server.http_protocol import BoundedHttp
from doorward.server.signals import SHUTDOWN_WITHOUT_DELAY, terminal_is_gone

GRACE = 7
"""Seconds to drain. With ``SHUTDOWN_DELAY`` before, less than the 10 after which Docker kills."""

REFUSE_AFTER = 6
"""Seconds of draining after which pending requests are refused."""


class GracefulServer(Server):
    """uvicorn's server, which reports not ready before it drains."""

    config: ServerConfig

    def __init__(self, config: ServerConfig) -> None:
        super().__init__(config)
        self._lifecycle = config.lifecycle
        self._drain_at: float | None = None  # in monotonic seconds

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.add_signal_handler(SHUTDOWN_WITHOUT_DELAY, self._drain_now)
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Accept any number of SIGTERM: systemd sends it to the parent and to each worker."""
        if sig == signal.SIGINT:
            super().handle_exit(sig, frame)
        elif self._drain_at is None:
            self._captured_signals.append(sig)
            self._lifecycle.reports_not_ready = True
            self._drain_at = time.monotonic() + self.config.server_options.delay_seconds

    async def on_tick(self, counter: int) -> bool:
        if self._drain_at is not None and time.monotonic() >= self._drain_at:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._lifecycle.is_draining = True
        deadline = asyncio.get_running_loop().call_later(REFUSE_AFTER, self._refuse_pending)
        await super().shutdown(sockets)
        deadline.cancel()

    def _refuse_pending(self) -> None:
        """Answer what uvicorn would cancel without an answer."""
        for listener in self._lifecycle.on_deadline:
            listener()
        for connection in list(self.server_state.connections):
            if isinstance(connection, BoundedHttp):
                connection.refuse_incomplete()

    def _drain_now(self) -> None:
        self.should_exit = True

    def _reload(self) -> None:
        if terminal_is_gone():
            self.should_exit = True
        elif self.config.workers == 1:  # else the parent replaces this process
            for listener in self._lifecycle.on_reload:
                listener()
