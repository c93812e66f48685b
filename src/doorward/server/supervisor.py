"""Several server processes and their parent, which replaces and ends them."""

import os
import signal
import time
from collections.abc import Callable
from socket import socket

import structlog
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from doorward.server.config import ServerConfig, ServerOptions
from doorward.server.graceful_server import (
    SHUTDOWN_WITHOUT_DELAY,
    GracefulServer,
    terminal_is_gone,
)

Reconfigure = Callable[[], ServerOptions | None]
"""Reads the configuration anew, for the workers to come; ``None`` if it is not good."""

log = structlog.stdlib.get_logger("doorward")


class Worker(Process):
    config: ServerConfig

    @property
    def server(self) -> GracefulServer:
        if not isinstance(self._server, GracefulServer):
            self._server = GracefulServer(self.config)
        return self._server

    def tell(self, what: signal.Signals) -> None:
        if self.pid is not None and self.process.is_alive():
            os.kill(self.pid, what)

    def has_ended(self, timeout: float) -> bool:
        self.process.join(timeout)
        return not self.process.is_alive()


class Workers(Multiprocess):
    """SIGTERM and SIGINT are passed on, and each further SIGINT, which hurries the workers. SIGHUP
    replaces them one by one.

    :ivar processes: those that are to serve.
    """

    config: ServerConfig
    processes: list[Worker]  # type: ignore[assignment] # a list of another kind of Process

    def __init__(
        self, config: ServerConfig, sockets: list[socket], reconfigure: Reconfigure
    ) -> None:
        super().__init__(config, sockets)
        self._reconfigure = reconfigure
        self._end_by = signal.SIGTERM

    def init_processes(self) -> None:
        self.processes = [self._started() for _ in range(self.processes_num)]

    def keep_subprocess_alive(self) -> None:
        for index, worker in enumerate(self.processes):
            if worker.is_alive(timeout=self.config.timeout_worker_healthcheck):
                continue
            worker.kill()  # if it hangs
            worker.join()
            if worker.exitcode == STARTUP_FAILURE:  # as it would each time
                log.error("worker_start_failed", consequence="shutdown")
                self.should_exit.set()
                return
            log.error("worker_died", pid=worker.pid, exit_code=worker.exitcode)
            self.processes[index] = self._started()

    def handle_int(self) -> None:
        # A terminal sends SIGINT to the workers too, where a second one would cut requests off.
        self._end_by = SHUTDOWN_WITHOUT_DELAY
        super().handle_int()

    def handle_hup(self) -> None:
        if terminal_is_gone():
            self.handle_int()
            return
        options = self._reconfigure()
        if options is not None:
            self.config.server_options = options
            self.restart_all()

    def restart_all(self) -> None:
        """One by one, the new one before the old one. Whoever is replaced is not ending as a
        service: it says nothing of that, for what is asked whether it is ready is all of them."""
        for index, old in enumerate(self.processes):
            new = self._started()
            if not self._is_ready(new):
                new.kill()
                new.join()
                if not self._is_to_end():
                    log.error("worker_start_failed", consequence="previous workers stay")
                return
            self.processes[index] = new
            old.tell(SHUTDOWN_WITHOUT_DELAY)
            while not old.has_ended(0.1):
                if self._is_to_end():
                    return

    def handle_ttin(self) -> None:
        self.processes.append(self._started())

    def handle_ttou(self) -> None:
        if len(self.processes) > 1:
            self.processes.pop().tell(SHUTDOWN_WITHOUT_DELAY)

    def terminate_all(self) -> None:
        for worker in self.processes:
            worker.tell(self._end_by)
        for listener in self.sockets:  # the workers', too, is open for as long as they accept
            listener.close()

    def join_all(self) -> None:
        for worker in self.processes:
            while not worker.has_ended(0.1):
                if signal.SIGINT in self.signal_queue:
                    self.signal_queue.remove(signal.SIGINT)
                    for each in self.processes:
                        each.tell(signal.SIGINT)

    def _started(self) -> Worker:
        worker = Worker(self.config, self.sockets)
        worker.start()
        return worker

    def _is_ready(self, worker: Worker) -> bool:
        deadline = time.monotonic() + self.config.timeout_worker_healthcheck
        while worker.process.is_alive() and time.monotonic() < deadline:
            if self._is_to_end():
                return False
            if worker.is_ready(timeout=1):
                return True
            time.sleep(0.05)
        return False

    def _is_to_end(self) -> bool:
        return not {signal.SIGTERM, signal.SIGINT}.isdisjoint(self.signal_queue)
