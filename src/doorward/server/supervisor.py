"""Several server processes and their parent, as far as they differ from uvicorn's.

uvicorn stops a replaced worker as it stops the service, by SIGTERM, on which a ``GracefulServer``
reports not ready. So a replaced worker gets a signal of its own. SIGHUP reads the configuration
again. A signal to exit interrupts a replacement and a health check, and no worker starts after it.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import resource_tracker
from socket import socket

import structlog
from uvicorn import Config, Server
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from doorward.server.signals import SHUTDOWN_WITHOUT_DELAY, terminal_is_gone

Reconfigure = Callable[[], bool]
"""Reads the configuration again, for the next workers, and returns whether it is valid."""

WorkerExited = Callable[[int], None]
"""Receives the process id of each worker that has exited while the service runs."""

FORCE_AFTER = 1.0
"""Seconds after a second SIGINT until workers that have not exited are killed."""

log = structlog.stdlib.get_logger("doorward")


class Worker(Process):
    """A process whose server ``config.app`` makes, a function named as ``module:function``: only
    the process of the worker imports it.
    """

    @property
    def server(self) -> Server:
        if self._server is None:
            module, _, function = str(self.config.app).partition(":")
            self._server = getattr(import_module(module), function)()
        return self._server

    def target(self, sockets: list[socket] | None = None) -> None:
        """Serve, in the process of the worker."""
        try:
            self._server = self.server  # made now: a thread uses it, too
        except Exception:
            log.exception("worker_start_failed", pid=os.getpid())
            sys.exit(STARTUP_FAILURE)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        super().target(sockets)

    def start(self) -> None:
        """Start the process. It receives SIGINT once it can handle it.

        A terminal sends SIGINT to all processes, and Python would print a traceback if it comes
        while a process imports its modules.
        """
        with sigint_blocked():
            super().start()

    def is_healthy(self, timeout: float, should_exit: threading.Event) -> bool:
        """Ask the worker whether it runs, as ``is_alive`` does.

        :param timeout: how long it may take to answer, in seconds.
        :param should_exit: ends the wait: a worker that exits does not answer.
        """
        deadline = time.monotonic() + timeout
        try:
            self.parent_conn.send(b"ping")
            while not self.parent_conn.poll(0.1):
                if should_exit.is_set() or not self.process.is_alive():
                    return False
                if time.monotonic() >= deadline:
                    return False
            self.parent_conn.recv()
        except (OSError, EOFError):
            return False
        return self.process.is_alive()

    def send_signal(self, number: signal.Signals) -> None:
        if self.pid is not None and self.process.is_alive():
            os.kill(self.pid, number)

    def has_exited(self, timeout: float = 0) -> bool:
        """
        :param timeout: how long to wait for that, in seconds.
        """
        self.process.join(timeout)
        return not self.process.is_alive()


class Workers(Multiprocess):
    """Pass SIGTERM and SIGINT on, and each further SIGINT, on which workers cancel requests.

    SIGHUP replaces the workers one by one.

    :ivar processes: the workers that serve, without those that are being replaced.
    """

    processes: list[Worker]  # type: ignore[assignment] # a list of another kind of Process

    def __init__(
        self,
        config: Config,
        sockets: list[socket],
        reconfigure: Reconfigure,
        worker_exited: WorkerExited,
    ) -> None:
        super().__init__(config, sockets)
        self.should_exit = _ExitRequest(self.signal_queue)
        self._reconfigure = reconfigure
        self._worker_exited = worker_exited
        self._retired: list[Worker] = []
        self._exit_signal = signal.SIGTERM

    def init_processes(self) -> None:
        for _ in range(self.processes_num):
            if self.should_exit.is_set():
                return
            self.processes.append(self._start_worker())

    def keep_subprocess_alive(self) -> None:
        self._forget_retired()
        for index, worker in enumerate(self.processes):
            is_healthy = worker.is_healthy(
                self.config.timeout_worker_healthcheck, self.should_exit
            )
            if self.should_exit.is_set():
                return
            if is_healthy:
                continue
            worker.kill()  # it may hang
            worker.join()
            self._forget(worker)
            if worker.exitcode == STARTUP_FAILURE:  # as the next one would
                log.error("worker_start_failed", pid=worker.pid, consequence="shutdown")
                self.should_exit.set()
                return
            log.error("worker_died", pid=worker.pid, exit_code=worker.exitcode)
            self.processes[index] = self._start_worker()

    def handle_int(self) -> None:
        # A terminal sends SIGINT to the workers too, and a second one would cancel requests.
        self._exit_signal = SHUTDOWN_WITHOUT_DELAY
        super().handle_int()

    def handle_hup(self) -> None:
        if self.should_exit.is_set():
            return
        if terminal_is_gone():
            self.handle_int()
            return
        if self._reconfigure():
            self.restart_all()

    def restart_all(self) -> None:
        for index, old in enumerate(self.processes):
            new = self._start_worker()
            if not new.wait_until_ready(self.config.timeout_worker_healthcheck, self.should_exit):
                new.kill()
                new.join()
                self._forget(new)
                if not self.should_exit.is_set():
                    log.error("worker_start_failed", pid=new.pid, consequence="restart aborted")
                return
            self.processes[index] = new
            self._retire(old)
            while not old.has_exited(timeout=0.1):
                if self.should_exit.is_set():
                    return
            self._forget_retired()

    def handle_ttin(self) -> None:
        if not self.should_exit.is_set():
            self.processes.append(self._start_worker())

    def handle_ttou(self) -> None:
        if len(self.processes) > 1:
            self._retire(self.processes.pop())

    def terminate_all(self) -> None:
        for worker in self.processes:
            worker.send_signal(self._exit_signal)
        for listener in self.sockets:  # else it would accept connections that no worker serves
            listener.close()

    def join_all(self) -> None:
        """Wait for the workers. Each further SIGINT makes them exit at once, or kills them."""
        kill_at = float("inf")
        while any(not worker.has_exited(timeout=0.05) for worker in self.processes):
            if signal.SIGINT in self.signal_queue:
                self.signal_queue.remove(signal.SIGINT)
                kill_at = min(kill_at, time.monotonic() + FORCE_AFTER)
                for worker in self.processes:
                    worker.send_signal(signal.SIGINT)
            if time.monotonic() >= kill_at:
                for worker in self.processes:
                    worker.send_signal(signal.SIGKILL)

    def _start_worker(self) -> Worker:
        worker = Worker(self.config, self.sockets)
        worker.start()
        return worker

    def _retire(self, worker: Worker) -> None:
        worker.send_signal(SHUTDOWN_WITHOUT_DELAY)
        self._retired.append(worker)

    def _forget_retired(self) -> None:
        for worker in [each for each in self._retired if each.has_exited()]:
            self._retired.remove(worker)
            self._forget(worker)

    def _forget(self, worker: Worker) -> None:
        if worker.pid is not None:
            self._worker_exited(worker.pid)


@contextmanager
def sigint_blocked() -> Iterator[None]:
    """Block SIGINT in this thread, and in the processes that it starts meanwhile."""
    resource_tracker.ensure_running()  # unblocks it when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _ExitRequest(threading.Event):
    """Set as soon as a signal to exit is queued: uvicorn reads its queue between two restarts.

    :param signals: uvicorn's queue.
    """

    def __init__(self, signals: list[int]) -> None:
        super().__init__()
        self._signals = signals

    def is_set(self) -> bool:
        return super().is_set() or not {signal.SIGTERM, signal.SIGINT}.isdisjoint(self._signals)
