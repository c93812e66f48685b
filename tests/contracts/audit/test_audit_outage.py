"""The audit log without an answer of its database: no caller waits, and no event is lost."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from datetime import timedelta

import asyncpg
import pytest
from structlog.testing import capture_logs

from application.pagination import EventQuery
from application.ports import AuditLog
from domain.audit.event import Event, EventType
from domain.errors import Unavailable
from domain.outcome import Outcome
from doorward.conformance.support.examples import an_event
from doorward.conformance.support.opening import PATIENT, add_users, open_audit_log, until
from doorward.jobs.flush_audit_log import flush_audit_log
from doorward.jobs.scheduler import running
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.sql.audit.verify import verify
from infrastructure.storage.sql.database import Database
from infrastructure.storage.stores import open_stores
from tests.conftest import schemes, url_for
from tests.contracts.conftest import HOW_MANY_WAIT, effects, eventually
from tests.support.builders import NOW, a_session, a_user
from tests.support.doubles import TcpProxy

HASTY = StoreOptions(timeout=timedelta(seconds=0.5))  # as long takes each test of silence
ONE_TIMEOUT = HASTY.timeout.total_seconds() + 1  # on a busy machine


@dataclass
class FaultyTcpProxy(TcpProxy):
    """A proxy that also disconnects or delays within a conversation.

    :ivar breaks_after: so many messages arrive, then all connections break, once; -1 for never.
    :ivar holds_a_commit: the next one arrives when ``commits`` is set, and nothing waits for it.
    :ivar loses_an_answer: the next commit arrives, and after that nothing.
    """

    breaks_after: int = -1
    holds_a_commit: bool = False
    loses_an_answer: bool = False
    commits: asyncio.Event = field(default_factory=asyncio.Event)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while octets := await reader.read(65536):
                await self._passes.wait()
                if self.breaks_after == 0:
                    for end in self._ends:
                        end.transport.abort()
                self.breaks_after -= 1
                is_commit = b"COMMIT;" in octets  # and no answer to one
                if is_commit and self.holds_a_commit:
                    self.holds_a_commit = False
                    await self.commits.wait()
                writer.write(octets)
                if is_commit and self.loses_an_answer:
                    self.loses_an_answer = False
                    self.stall()
        except OSError:
            pass
        finally:
            writer.close()


@dataclass
class Remote:
    """An audit log behind a connection that breaks.

    :ivar url: of the database, without the proxy.
    """

    url: str
    proxy: FaultyTcpProxy
    log: AuditLog

    async def recorded(self) -> list[Event]:
        """The oldest first."""
        async with open_audit_log(self.url) as log:
            return await events_in(log)

    async def is_whole(self, *events: Event) -> None:
        """Wait until these are recorded; check that each is there once, in this order."""
        async with open_audit_log(self.url) as log:
            await eventually(lambda: events_in(log), list(events))
        async with Database.open(self.url, PATIENT) as database:
            assert (await verify(database))[0] == len(events)


async def events_in(log: AuditLog) -> list[Event]:
    """Return all events, the oldest first."""
    page = await log.page(EventQuery(), None, 10_000)
    return [each.event for each in reversed(page.items)]


@pytest.fixture(params=schemes("audit_log", networked=True))
def url(request: pytest.FixtureRequest) -> str:
    return url_for(request.param, request)


@asynccontextmanager
async def a_remote(url: str) -> AsyncIterator[Remote]:
    """Open the log as a server process does, with the job that flushes it."""
    async with (
        FaultyTcpProxy(url) as proxy,
        open_audit_log(proxy.url, HASTY) as log,
        running([flush_audit_log(log)]),
    ):
        yield Remote(url, proxy, log)


@pytest.fixture
async def remote(url: str) -> AsyncIterator[Remote]:
    async with a_remote(url) as remote:
        yield remote


async def disconnect(proxy: TcpProxy) -> None:
    await proxy.disconnect()


async def stall(proxy: TcpProxy) -> None:
    proxy.stall()


OUTAGES: dict[str, Callable[[TcpProxy], Awaitable[None]]] = {"gone": disconnect, "silent": stall}
every_outage = pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)


async def end(proxy: TcpProxy) -> None:
    """Of an outage."""
    await proxy.disconnect()
    await proxy.accept()


@every_outage
async def test_events_of_an_outage_are_recorded_afterwards_in_order(
    remote: Remote, outage: Callable[[TcpProxy], Awaitable[None]]
) -> None:
    before, *during, after, later = events = [an_event() for _ in range(6)]
    await remote.log.record(before)

    await outage(remote.proxy)
    for event in during:
        await remote.log.record(event)
    await end(remote.proxy)
    await remote.log.record(after)

    await remote.is_whole(*events[:-1])
    await remote.log.record(later)
    await remote.is_whole(*events)


async def test_events_before_the_first_connection_are_recorded(
    remote: Remote,
) -> None:
    await remote.proxy.disconnect()
    events = [an_event() for _ in range(3)]
    for event in events[:2]:
        await remote.log.record(event)

    await remote.proxy.accept()
    await remote.log.record(events[2])

    await remote.is_whole(*events)


@every_outage
async def test_only_the_first_change_waits_for_a_database_that_is_down(
    remote: Remote, outage: Callable[[TcpProxy], Awaitable[None]]
) -> None:
    await remote.log.record(first := an_event())
    await outage(remote.proxy)
    events = [an_event() for _ in range(51)]

    async with asyncio.timeout(ONE_TIMEOUT):
        for event in events[:50]:
            await remote.log.record(event)

    await end(remote.proxy)
    await remote.log.record(events[50])
    await remote.is_whole(first, *events)


@every_outage
async def test_concurrent_events_of_an_outage_are_recorded_once_each(
    remote: Remote, outage: Callable[[TcpProxy], Awaitable[None]]
) -> None:
    await outage(remote.proxy)
    events = [an_event() for _ in range(51)]

    async with asyncio.timeout(ONE_TIMEOUT):
        await asyncio.gather(*map(remote.log.record, events[:50]))

    await end(remote.proxy)
    await remote.log.record(events[50])
    await remote.is_whole(*events)


async def test_events_during_a_failing_write_are_recorded_after_its_events(
    remote: Remote,
) -> None:
    first, second, third, last = [an_event() for _ in range(4)]
    remote.proxy.stall()

    async with asyncio.timeout(ONE_TIMEOUT), asyncio.TaskGroup() as calls:
        calls.create_task(remote.log.record(first))
        await until(lambda: remote.proxy.is_in_use)
        calls.create_task(remote.log.record(second))
        calls.create_task(remote.log.record(third))

    await end(remote.proxy)
    await remote.log.record(last)
    await remote.is_whole(first, second, third, last)


async def test_an_event_that_is_recorded_twice_during_an_outage_is_there_once(
    remote: Remote,
) -> None:
    twice, other = an_event(), an_event()
    await remote.proxy.disconnect()
    for event in (twice, twice, other, twice):
        await remote.log.record(event)

    await remote.proxy.accept()
    await remote.log.record(last := an_event())

    await remote.is_whole(twice, other, last)


async def test_an_event_that_finds_the_buffer_full_is_dropped_and_logged(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infrastructure.storage.sql.audit.audit_log._MOST_WAITING", 2)
    kept, dropped = [an_event(), an_event()], an_event()
    await remote.proxy.disconnect()

    with capture_logs() as logs:
        for event in (*kept, dropped):
            await remote.log.record(event)

    [full] = [each for each in logs if each["event"] == "audit_buffer_full"]
    assert full["event_id"] == dropped.id
    await remote.proxy.accept()
    await remote.is_whole(*kept)


async def test_pending_events_are_recorded_without_further_events(
    remote: Remote,
) -> None:
    events = [an_event() for _ in range(3)]
    await remote.proxy.disconnect()
    for event in events:
        await remote.log.record(event)

    await remote.proxy.accept()

    await remote.is_whole(*events)


async def test_after_several_outages_everything_is_recorded(remote: Remote) -> None:
    events = []
    for _ in range(4):
        await remote.proxy.disconnect()
        for _ in range(3):
            events.append(an_event())
            await remote.log.record(events[-1])
        await remote.proxy.accept()
        events.append(an_event())
        await remote.log.record(events[-1])

    await remote.is_whole(*events)


async def test_after_an_outage_each_change_waits_for_its_record_again(remote: Remote) -> None:
    await remote.proxy.disconnect()
    await remote.log.record(during := an_event())
    await remote.proxy.accept()
    await remote.log.record(after := an_event())
    await remote.is_whole(during, after)

    for _ in range(3):
        await remote.log.record(event := an_event())
        assert (await remote.recorded())[-1] == event


async def test_a_database_that_was_away_unnoticed_costs_no_event(remote: Remote) -> None:
    events = [an_event(), an_event()]
    await remote.log.record(events[0])

    await end(remote.proxy)
    await remote.log.record(events[1])

    assert await remote.recorded() == events


async def test_wherever_the_line_breaks_each_event_is_recorded_once(remote: Remote) -> None:
    events = []
    for messages in range(200):
        remote.proxy.breaks_after = messages
        events += [an_event(), an_event()]
        await remote.log.record(events[-2])
        has_broken = remote.proxy.breaks_after < 0
        remote.proxy.breaks_after = -1
        await remote.log.record(events[-1])
        await eventually(remote.recorded, events)
        if not has_broken:
            break

    assert 10 < messages < 199  # from the greeting to the commit's answer
    await remote.is_whole(*events)


async def test_a_commit_whose_response_is_lost_is_not_repeated(remote: Remote) -> None:
    events = [an_event() for _ in range(3)]
    await remote.log.record(events[0])

    remote.proxy.loses_an_answer = True
    await remote.log.record(events[1])
    await eventually(remote.recorded, events[:2])
    await end(remote.proxy)
    await remote.log.record(events[2])

    await remote.is_whole(*events)


async def test_a_commit_that_arrives_late_costs_no_event(remote: Remote) -> None:
    """It arrives while its events are being recorded again."""
    events = [an_event() for _ in range(3)]
    await remote.log.record(events[0])

    remote.proxy.holds_a_commit = True
    await remote.log.record(events[1])  # no caller waits for it
    await remote.log.record(events[2])
    witness = await asyncpg.connect(remote.url)
    await eventually(lambda: witness.fetchval(HOW_MANY_WAIT), 1)
    await witness.close()
    remote.proxy.commits.set()

    await eventually(remote.recorded, events)
    await remote.log.record(last := an_event())
    await remote.is_whole(*events, last)


async def test_an_event_is_recorded_though_its_caller_goes_away(remote: Remote) -> None:
    event, other = an_event(), an_event()
    busy = await asyncpg.connect(remote.url)
    async with busy.transaction():
        await busy.execute("SELECT * FROM audit_chain FOR UPDATE")
        call = asyncio.create_task(remote.log.record(event))
        await eventually(lambda: busy.fetchval(HOW_MANY_WAIT), 1)
        call.cancel()
    await busy.close()

    await remote.log.record(other)

    await remote.is_whole(event, other)


async def test_a_refusal_is_not_waited_for(remote: Remote) -> None:
    refusal, success = an_event(outcome=Outcome.INVALID_CREDENTIALS), an_event()
    busy = await asyncpg.connect(remote.url)
    async with busy.transaction():
        await busy.execute("SELECT * FROM audit_chain FOR UPDATE")

        await remote.log.record(refusal)

        assert await remote.recorded() == []
    await busy.close()
    page = await remote.log.page(EventQuery(), None, 10)
    assert [each.event for each in page.items] == [refusal]
    await remote.log.record(success)
    await remote.is_whole(refusal, success)


async def test_a_refusal_is_recorded_though_the_process_ends_at_once(url: str) -> None:
    refusal = an_event(outcome=Outcome.INVALID_CREDENTIALS)
    async with a_remote(url) as remote:
        await remote.log.record(refusal)

    await remote.is_whole(refusal)


async def test_pending_events_of_a_deleted_user_are_recorded_without_address(
    remote: Remote,
) -> None:
    user_id = a_user().id
    await add_users(remote.url, user_id)
    theirs, others, last = an_event(user_id=user_id), an_event(), an_event()
    await remote.proxy.disconnect()
    await remote.log.record(theirs)
    await remote.log.record(others)
    await remote.proxy.accept()

    await remote.log.forget_addresses(user_id)
    await remote.log.record(last)

    nowhere = replace(theirs.caller, address="")
    await remote.is_whole(replace(theirs, caller=nowhere), others, last)


async def test_events_in_flight_during_a_deletion_are_recorded_without_address(
    remote: Remote,
) -> None:
    user_id = a_user().id
    await add_users(remote.url, user_id)
    theirs, others = an_event(user_id=user_id), an_event()
    await remote.proxy.disconnect()
    await remote.log.record(theirs)
    await remote.proxy.accept()
    remote.proxy.holds_a_commit = True
    await remote.log.record(others)  # and with it what was waiting
    await until(lambda: not remote.proxy.holds_a_commit)

    forgetting = asyncio.create_task(remote.log.forget_addresses(user_id))
    await asyncio.wait([forgetting], timeout=0.1)  # or else it waits for the commit
    remote.proxy.commits.set()
    await forgetting

    nowhere = replace(theirs.caller, address="")
    await remote.is_whole(replace(theirs, caller=nowhere), others)


async def test_changes_of_other_users_are_not_undone(url: str) -> None:
    async with FaultyTcpProxy(url) as proxy, open_stores(proxy.url, "memory:", HASTY) as stores:
        session, event, later = a_session(), an_event(type=EventType.LOGOUT), an_event()
        await stores.sessions.add(session)

        await proxy.disconnect()
        await stores.sessions.delete(session.user_id, session.id, effects(event))
        await stores.audit_log.record(event)

        assert await stores.sessions.of_user(session.user_id) == []
        await proxy.accept()
        await stores.audit_log.record(later)
        await Remote(url, proxy, stores.audit_log).is_whole(event, later)


async def test_a_change_that_is_made_during_an_outage_of_the_log_is_made_or_not_with_its_event(
    url: str,
) -> None:
    async with FaultyTcpProxy(url) as proxy, open_stores(proxy.url, proxy.url, HASTY) as stores:
        user, event, later = a_user(), an_event(type=EventType.REGISTER), an_event()

        await proxy.disconnect()
        with pytest.raises(Unavailable):
            await stores.users.add(user, effects(event))
        await proxy.accept()
        await stores.audit_log.record(later)

        assert await stores.users.get(user.id) is None
        await Remote(url, proxy, stores.audit_log).is_whole(later)


async def test_pending_events_are_recorded_at_shutdown(url: str) -> None:
    events = [an_event() for _ in range(3)]
    async with a_remote(url) as remote:
        await remote.proxy.disconnect()
        for event in events:
            await remote.log.record(event)
        await remote.proxy.accept()

    await remote.is_whole(*events)


async def test_pending_events_are_recorded_at_shutdown_after_any_failure(url: str) -> None:
    events = [an_event() for _ in range(3)]

    async def fail() -> None:
        async with a_remote(url) as remote:
            await remote.proxy.disconnect()
            for event in events:
                await remote.log.record(event)
            await remote.proxy.accept()
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await fail()

    async with a_remote(url) as remote:
        await remote.is_whole(*events)


@every_outage
async def test_a_process_ends_though_the_database_does_not_come_back(
    url: str, outage: Callable[[TcpProxy], Awaitable[None]]
) -> None:
    async with asyncio.timeout(3 * ONE_TIMEOUT), a_remote(url) as remote:
        await outage(remote.proxy)
        await remote.log.record(an_event())
        await remote.log.record(an_event())

    assert await remote.recorded() == []


@every_outage
async def test_all_else_is_unavailable(
    remote: Remote, outage: Callable[[TcpProxy], Awaitable[None]]
) -> None:
    await outage(remote.proxy)

    async with asyncio.timeout(ONE_TIMEOUT):
        results = await asyncio.gather(
            remote.log.page(EventQuery(), None, 10),
            remote.log.forget_addresses(a_user().id),
            remote.log.prune(NOW),
            return_exceptions=True,
        )

    errors = {(type(result), str(result)) for result in results}
    assert errors == {(Unavailable, "audit log: no answer")}


async def test_events_during_an_sqlite_lock_are_recorded_afterwards(
    sqlite_url: str,
) -> None:
    events = [an_event() for _ in range(4)]
    path = sqlite_url.removeprefix("sqlite:///")
    async with open_audit_log(sqlite_url, HASTY) as log:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            async with asyncio.timeout(2 * ONE_TIMEOUT):
                for event in events[:3]:
                    await log.record(event)
            other.execute("ROLLBACK")

        await log.record(events[3])

    async with open_audit_log(sqlite_url) as log:
        page = await log.page(EventQuery(), None, 10)
        assert [each.event for each in reversed(page.items)] == events
