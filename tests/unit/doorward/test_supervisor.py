"""The parent of the workers, with workers that have no process."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from uvicorn import Config
from uvicorn.supervisors.multiprocess import SIGNALS

from doorward.server import supervisor
from doorward.server.supervisor import Worker, Workers


@dataclass
class Process:
    """Stands in for a worker's process."""

    pid: int = 1
    exitcode: int | None = None
    was_killed: bool = False

    def is_alive(self) -> bool:
        return self.exitcode is None

    def kill(self) -> None:
        self.was_killed = True
        self.exitcode = -signal.SIGKILL

    def join(self, timeout: float | None = None) -> None:
        """Return at once."""


@dataclass
class Pipe:
    """Stands in for a pipe to a worker that does not answer.

    :ivar asked: called whenever the parent looks for an answer.
    """

    asked: Callable[[], object]
    waited: list[float] = field(default_factory=list)

    def send(self, octets: bytes) -> None:
        """Drop them."""

    def poll(self, timeout: float) -> bool:
        self.waited.append(timeout)
        self.asked()
        return False

    def close(self) -> None:
        """Do nothing."""


class Started:
    """The workers that the parent has started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.number = 0
        monkeypatch.setattr(Worker, "start", self.start)

    def start(self) -> None:
        self.number += 1


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    return Started(monkeypatch)


@pytest.fixture
def workers() -> Iterator[Workers]:
    before = {each: signal.getsignal(each) for each in SIGNALS}
    config = Config("unused", workers=2, log_config={"version": 1, "incremental": True})
    yield Workers(config, [], lambda: True, lambda _: None)
    for each, handler in before.items():
        signal.signal(each, handler)


def silent_worker(workers: Workers, asked: Callable[[], object]) -> tuple[Process, Pipe]:
    """Add a worker that answers no health check."""
    worker, process, pipe = Worker(workers.config, []), Process(), Pipe(asked)
    worker.process, worker.parent_conn = process, pipe  # type: ignore[assignment]
    workers.processes.append(worker)
    return process, pipe


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_exit_ends_a_health_check_and_no_worker_is_replaced(
    workers: Workers, started: Started, number: signal.Signals
) -> None:
    process, pipe = silent_worker(workers, lambda: workers.signal_queue.append(number))

    workers.keep_subprocess_alive()

    assert sum(pipe.waited) < 1
    assert not process.was_killed
    assert started.number == 0


def test_a_worker_that_exits_during_its_health_check_is_replaced(
    workers: Workers, started: Started
) -> None:
    process, pipe = silent_worker(workers, lambda: setattr(process, "exitcode", 1))

    workers.keep_subprocess_alive()

    assert sum(pipe.waited) < 1
    assert started.number == 1


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTTIN])
def test_no_worker_starts_after_a_signal_to_exit(
    workers: Workers, started: Started, number: signal.Signals
) -> None:
    silent_worker(workers, lambda: None)
    workers.signal_queue += [signal.SIGTERM, number]

    workers.handle_signals()

    assert workers.should_exit.is_set()
    assert started.number == 0


def test_no_further_worker_starts_after_a_signal_to_exit_during_the_start(
    workers: Workers, started: Started
) -> None:
    workers.signal_queue.append(signal.SIGINT)

    workers.init_processes()

    assert started.number == 0


def test_workers_that_ignore_a_further_signal_are_killed(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "FORCE_AFTER", 0)
    process, _ = silent_worker(workers, lambda: None)
    received: list[int] = []

    def receive(_: Worker, number: int) -> None:
        received.append(number)
        if number == signal.SIGKILL:
            process.kill()

    monkeypatch.setattr(Worker, "send_signal", receive)
    workers.signal_queue.append(signal.SIGINT)

    workers.join_all()

    assert received == [signal.SIGINT, signal.SIGKILL]
