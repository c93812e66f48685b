"""Limits on the connections of one process: all of them, and those of one network.

An open connection is a file, and a process may have so many files. When a limit is reached, the
connection is closed that was used least recently, unless its request is in work (CWE-400, ADR 31).
"""

import asyncio
import resource
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, Self

import structlog

from domain.client.network import network_of

REPORT_EVERY = 60.0
"""Seconds from one log line about closed connections to the next."""

LARGEST_BACKLOG = 2048
"""Limit of connections that wait to be accepted."""

OTHER_FILES = 128
"""Open files of a process that are no connections of clients: stores, listeners, modules."""

log = structlog.stdlib.get_logger("doorward")


class Connection(Protocol):
    """
    :ivar was_used: whether a request has arrived since this was last set to ``False``.
    """

    was_used: bool

    def waits_for_client(self) -> bool:
        """Whether nothing can be done before the client sends a request or reads a response."""

    def evict(self) -> None:
        """Close this connection at once."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """
    :ivar total: the most connections of one process.
    :ivar per_address: the most of one IPv4 address or IPv6 /64 network.
    :ivar backlog: the most that wait to be accepted; the process may accept all of them at once.
    :ivar trusts_proxy: whether an address is a proxy's, which has the connections of many clients.
    """

    total: int
    per_address: int
    backlog: int
    trusts_proxy: Callable[[str], bool]

    @classmethod
    def within(
        cls, files: int, total: int, per_address: int, trusts_proxy: Callable[[str], bool]
    ) -> Self:
        """Return these limits, lowered to what a process with so many open files can keep."""
        backlog = min(LARGEST_BACKLOG, files // 4)
        room = max(1, files - backlog - OTHER_FILES)
        return cls(min(total, room), per_address, backlog, trusts_proxy)


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS allows less than its hard limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return soft


@dataclass
class _Group:
    """Connections under one limit, the least recently used first, approximately."""

    name: str
    limit: int
    queue: OrderedDict[Connection, None] = field(default_factory=OrderedDict)

    def evictable(self) -> Connection | None:
        """Find a connection by the algorithm "second chance", so that a request costs nothing.

        One that was used since the last search moves to the end of the queue.
        """
        for _ in range(2 * len(self.queue)):
            connection = next(iter(self.queue))
            if connection.waits_for_client() and not connection.was_used:
                return connection
            connection.was_used = False
            self.queue.move_to_end(connection)
        return None


class Connections:
    """Admits connections, and evicts others that wait for their clients: idle ones, and those
    whose client takes its time to send a request or to read a response.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._all = _Group("MAX_CONNECTIONS", limits.total)
        self._networks: dict[str, _Group] = {}
        self._groups: dict[Connection, list[_Group]] = {}
        self._evicted = self._refused = 0
        self._report: asyncio.TimerHandle | None = None

    def admit(self, connection: Connection, address: str) -> bool:
        """Count a new connection.

        :returns: whether there is room for it, if need be that of another one.
        """
        groups = [self._all]
        if address and not self._limits.trusts_proxy(address):
            groups.insert(0, self._group_of(network_of(address)))
        for group in groups:
            if len(group.queue) >= group.limit and not self._evict_from(group):
                return False
        self._groups[connection] = groups
        for group in groups:
            group.queue[connection] = None
            if group is not self._all:
                self._networks[group.name] = group
        return True

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        for group in self._groups.pop(connection, ()):
            del group.queue[connection]
            if not group.queue:
                self._networks.pop(group.name, None)

    def _group_of(self, network: str) -> _Group:
        return self._networks.get(network) or _Group(network, self._limits.per_address)

    def _evict_from(self, group: _Group) -> bool:
        evicted = group.evictable()
        if evicted is None:
            self._refused += 1
        else:
            self._evicted += 1
            self.remove(evicted)
            evicted.evict()
        if self._report is None:
            self._log(group)
        return evicted is not None

    def _log(self, group: _Group) -> None:
        """Log the first connection at once, and the number of the following ones each minute."""
        self._report = None
        if not self._evicted and not self._refused:
            return
        is_total = group is self._all
        log.warning(
            "connection_limit_reached",
            limit="MAX_CONNECTIONS" if is_total else "MAX_CONNECTIONS_PER_ADDRESS",
            network=None if is_total else group.name,
            most=group.limit,
            evicted=self._evicted,
            refused=self._refused,
        )
        self._evicted = self._refused = 0
        self._report = asyncio.get_running_loop().call_later(REPORT_EVERY, self._log, group)
