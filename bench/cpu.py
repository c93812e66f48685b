"""The processor time and the memory that the processes of a server use."""

from collections.abc import Callable
from dataclasses import dataclass

import psutil

from tests.support.processes import Service


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of some requests, signatures or hashes.

    :ivar seconds: by the clock.
    :ivar cpu_seconds: of the processes that did the work, all cores together.
    """

    count: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        return self.count / self.seconds

    @property
    def per_cpu_second(self) -> float:
        return self.count / self.cpu_seconds

    @property
    def cpu_microseconds(self) -> float:
        """The processor time of one request."""
        return self.cpu_seconds / self.count * 1e6


def cost_of(service: Service, work: Callable[[], tuple[int, float]]) -> Cost:
    """
    :param work: has the service do something, and returns how often and in how many seconds.
    """
    before = cpu_seconds(service)
    count, seconds = work()
    return Cost(count, seconds, cpu_seconds(service) - before)


def cpu_seconds(service: Service) -> float:
    times = [process.cpu_times() for process in processes(service)]
    return sum(float(each.user + each.system) for each in times)


def resident_bytes(service: Service) -> int:
    """The memory that a service of one worker holds (RSS)."""
    return sum(int(process.memory_info().rss) for process in processes(service))


def processes(service: Service) -> list[psutil.Process]:
    assert service.process is not None
    parent = psutil.Process(service.process.pid)
    return [parent, *parent.children(recursive=True)]
