"""Limits on connections, and which connection is closed when one is reached."""

import resource
from collections.abc import Iterator

import pytest

from doorward.server import connections
from doorward.server.connections import (
    OTHER_FILES,
    ConnectionLimits,
    Connections,
    raise_file_limit,
)

ONE, OTHER, PROXY = "192.0.2.1", "2001:db8::1", "10.0.0.1"
BESIDE_OTHER = "2001:db8::2"


class Connection:
    was_used = False
    was_evicted = False
    is_in_work = False

    def waits_for_client(self) -> bool:
        return not self.is_in_work

    def evict(self) -> None:
        self.was_evicted = True


def limited(total: int, per_address: int) -> Connections:
    return Connections(ConnectionLimits(total, per_address, 1, lambda address: address == PROXY))


def admitted(connections: Connections, *addresses: str) -> list[Connection]:
    admitted = [Connection() for _ in addresses]
    for connection, address in zip(admitted, addresses, strict=True):
        assert connections.admit(connection, address)
    return admitted


async def test_a_new_connection_evicts_the_oldest_of_its_network() -> None:
    kept = limited(9, 2)
    connections = admitted(kept, ONE, OTHER, OTHER, BESIDE_OTHER)

    assert [each.was_evicted for each in connections] == [False, True, False, False]


async def test_above_the_total_the_least_recently_used_connection_is_evicted() -> None:
    kept = limited(3, 3)
    first, second, third = admitted(kept, ONE, OTHER, ONE)
    first.was_used = third.was_used = True
    admitted(kept, BESIDE_OTHER)
    evicted = [each.was_evicted for each in (first, second, third)]
    third.was_used = True
    admitted(kept, BESIDE_OTHER)

    assert evicted == [False, True, False]
    assert [each.was_evicted for each in (first, second, third)] == [True, True, False]


async def test_a_connection_whose_request_is_in_work_is_never_evicted() -> None:
    kept = limited(2, 2)
    first, second = admitted(kept, ONE, OTHER)
    first.is_in_work = second.is_in_work = True

    assert not kept.admit(Connection(), ONE)
    kept.remove(first)
    assert kept.admit(Connection(), ONE)
    assert not first.was_evicted
    assert not second.was_evicted


async def test_the_connections_of_a_proxy_count_for_the_total_only() -> None:
    kept = limited(3, 1)
    first, *others = admitted(kept, PROXY, PROXY, PROXY)
    evicted = [each.was_evicted for each in (first, *others)]
    admitted(kept, PROXY)

    assert not any(evicted)
    assert [each.was_evicted for each in (first, *others)] == [True, False, False]


async def test_removed_connections_leave_nothing_behind() -> None:
    kept = limited(9, 9)
    for each in admitted(kept, ONE, OTHER, BESIDE_OTHER, PROXY):
        kept.remove(each)
        kept.remove(each)

    assert (kept._all.queue, kept._networks, kept._groups) == ({}, {}, {})


async def test_evictions_are_logged_at_once_and_then_counted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = limited(9, 2)
    admitted(kept, *[OTHER] * 7)
    assert kept._report
    kept._report.cancel()
    kept._log(kept._groups[next(iter(kept._groups))][0])
    monkeypatch.setattr(connections, "REPORT_EVERY", 0)

    logged = [each.msg for each in caplog.records if isinstance(each.msg, dict)]
    assert [
        (each["event"], each["limit"], each["network"], each["evicted"], each["refused"])
        for each in logged
    ] == [
        ("connection_limit_reached", "MAX_CONNECTIONS_PER_ADDRESS", "2001:db8::/64", 1, 0),
        ("connection_limit_reached", "MAX_CONNECTIONS_PER_ADDRESS", "2001:db8::/64", 4, 0),
    ]


@pytest.mark.parametrize(
    ("files", "total", "backlog"),
    [(1_048_576, 4096, 2048), (1024, 1024 - 256 - OTHER_FILES, 256), (64, 1, 16)],
)
def test_the_limit_of_open_files_lowers_that_of_connections(
    files: int, total: int, backlog: int
) -> None:
    limits = ConnectionLimits.within(files, 4096, 512, bool)

    assert (limits.total, limits.backlog) == (total, backlog)


@pytest.fixture
def file_limit() -> Iterator[int]:
    """Lower the soft limit of open files, and return the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_soft_limit_of_open_files_becomes_the_hard_one(file_limit: int) -> None:
    assert raise_file_limit() == file_limit
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (file_limit, file_limit)
