"""One server process, which ends in steps.

SIGTERM: it says that it is ending, and serves for a while as if nothing was; it accepts nobody
more, and answers what is under way; it ends. SIGINT leaves the first step out.
"""

import asyncio
import os
import signal
import socket
import time
from types import FrameType

from uvicorn import Server

from doorward.server.config import ServerConfig
from doorward.server.http_protocol import BoundedHttp

SHUTDOWN_WITHOUT_DELAY = signal.SIGUSR1
"""As SIGINT, but however often it comes it never makes the process end before it is done."""

GRACE = 7
"""Seconds that requests have to end. With SHUTDOWN_DELAY before it, less than the 10 after which
Docker kills."""

REFUSE_AFTER = 6
"""Seconds after which those that would take longer are refused."""


_HAD_TERMINAL = os.isatty(0)


def terminal_is_gone() -> bool:
    """Whether SIGHUP has its first meaning: the window was closed in which the service ran."""
    return _HAD_TERMINAL and not os.isatty(0)


class GracefulServer(Server):
    """A server that says that it will end, before it does."""

    config: ServerConfig

    def __init__(self, config: ServerConfig) -> None:
        super().__init__(config)
        self._lifecycle = config.lifecycle
        self._end: float | None = None  # when it stops to accept

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.add_signal_handler(SHUTDOWN_WITHOUT_DELAY, self._end_now)
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM may come twice, from a parent and to all processes: only SIGINT hurries."""
        if sig == signal.SIGINT:
            super().handle_exit(sig, frame)
        elif self._end is None:
            self._captured_signals.append(sig)
            self._lifecycle.is_ending = True
            self._end = time.monotonic() + self.config.server_options.delay_seconds

    async def on_tick(self, counter: int) -> bool:
        if self._end is not None and time.monotonic() >= self._end:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._lifecycle.is_closing = True
        late = asyncio.get_running_loop().call_later(REFUSE_AFTER, self._give_up)
        await super().shutdown(sockets)
        late.cancel()

    def _give_up(self) -> None:
        """uvicorn is about to cancel what is under way. That would be no answer."""
        for listener in self._lifecycle.when_late:
            listener()
        for connection in list(self.server_state.connections):
            if isinstance(connection, BoundedHttp):
                connection.refuse_incomplete()

    def _end_now(self) -> None:
        self.should_exit = True

    def _reload(self) -> None:
        if terminal_is_gone():
            self.should_exit = True
        elif self.config.workers == 1:  # else the parent hears it too, and replaces this process
            for listener in self._lifecycle.when_reloaded:
                listener()
