"""The chain of the audit log detects or prevents tampering."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Executable, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from application.ports import Effects
from domain.audit.details import AccountChanged, EventsPruned
from domain.audit.event import Event, EventType
from domain.outcome import Outcome
from domain.permissions import Role
from domain.request_context import UNKNOWN, RequestContext
from domain.session import SessionId
from doorward.conformance.support.examples import ADA, EVE, an_event
from doorward.conformance.support.opening import PATIENT, add_users, open_audit_log
from infrastructure.storage.sql.audit.append import append
from infrastructure.storage.sql.audit.audit_log import SqlAuditLog
from infrastructure.storage.sql.audit.chain import Broken, Head, row_of
from infrastructure.storage.sql.audit.verify import verify
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.tables import audit_chain, audit_events
from tests.conftest import url_for
from tests.support.builders import MICROSECOND, NOW, SECOND, new_id

Statement = str | Executable
BEGINNING = "0" * 64
"""The digest before the first one."""

number = audit_events.c.number


def a_full_event(at: int = 0) -> Event:
    """Return an event that fills every column."""
    return an_event(
        type=EventType.CHANGE_USER,
        user_id=ADA,
        session_id=SessionId(new_id()),
        actor=EVE,
        details=AccountChanged(Role.ADMIN),
        at=NOW + at * SECOND,
    )


def a_pruning() -> Event:
    return an_event(
        id=new_id(),
        type=EventType.PRUNE_AUDIT_LOG,
        details=EventsPruned(NOW.date()),
        at=NOW + timedelta(days=30),
        caller=UNKNOWN,
    )


@dataclass
class AuditedDatabase:
    """A database with an audit log."""

    url: str
    database: Database
    log: SqlAuditLog

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    async def fill(self, many: int) -> None:
        async with self.database.transaction("test") as connection:
            await append(connection, [a_full_event(each) for each in range(many)])

    async def prune(self, before: datetime) -> int:
        return (await self.log.prune(before, Effects((a_pruning(),)))).changed

    async def run(self, *statements: Statement) -> Sequence[Any]:
        """Run statements past the store, in one step; return the rows of the last one."""
        rows: Sequence[Any] = []
        async with self.database.transaction("test") as connection:
            for each in statements:
                done = await connection.execute(text(each) if isinstance(each, str) else each)
                rows = done.all() if done.returns_rows else []
        return rows

    async def drop_triggers(self) -> None:
        if not self.is_sqlite:
            await self.run("ALTER TABLE audit_events DISABLE TRIGGER USER")
            return
        known = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'audit%'"
        for [name] in await self.run(known):
            await self.run(f"DROP TRIGGER {name}")

    async def tamper(self, *statements: Statement) -> None:
        await self.drop_triggers()
        await self.run(*statements)

    async def first_bad_row(self) -> int | None:
        """Return None if the chain is good."""
        try:
            await verify(self.database)
        except Broken as broken:
            return broken.number
        return None

    async def bad_rows(
        self, tampering: Mapping[str, Sequence[Statement]]
    ) -> dict[str, int | None]:
        """Tamper in each of these ways, one after the other; return the first bad row of each."""
        await self.drop_triggers()
        rows = [row._asdict() for row in await self.run(select(audit_events))]
        heads = [row._asdict() for row in await self.run(select(audit_chain))]
        found = {}
        for name, statements in tampering.items():
            await self.run(*statements)
            found[name] = await self.first_bad_row()
            await self.run(delete(audit_events), insert(audit_events).values(rows))
            await self.run(delete(audit_chain), insert(audit_chain).values(heads))
            assert await self.first_bad_row() is None
        return found

    async def digest_of(self, row: int) -> str:
        [[digest]] = await self.run(select(audit_events.c.digest).where(number == row))
        return str(digest)


@asynccontextmanager
async def open_audited(url: str) -> AsyncIterator[AuditedDatabase]:
    """Open an audit log without events; the users ADA and EVE are stored."""
    await add_users(url, ADA, EVE)
    async with Database.open(url, PATIENT) as database, SqlAuditLog.open(database) as log:
        yield AuditedDatabase(url, database, log)


@pytest.fixture
async def audited(sqlite_url: str) -> AsyncIterator[AuditedDatabase]:
    """Open an empty audit log in one database, for the digests, which no database decides."""
    async with open_audited(sqlite_url) as audited:
        yield audited


@pytest.fixture
async def five(audited: AuditedDatabase) -> AuditedDatabase:
    """Record five events in ``audited``."""
    await audited.fill(5)
    return audited


@pytest.fixture(params=["sqlite", "postgresql"])
async def each_audited(request: pytest.FixtureRequest) -> AsyncIterator[AuditedDatabase]:
    """Open an empty audit log in each database, for its types, triggers and isolation."""
    async with open_audited(url_for(request.param, request)) as audited:
        yield audited


@pytest.fixture
async def each_five(each_audited: AuditedDatabase) -> AuditedDatabase:
    """Record five events in ``each_audited``."""
    await each_audited.fill(5)
    return each_audited


async def test_an_empty_chain_is_good(audited: AuditedDatabase) -> None:
    assert await verify(audited.database) == (0, Head(0, BEGINNING))


async def test_a_chain_ends_with_the_last_event(each_audited: AuditedDatabase) -> None:
    for event in (a_full_event(), an_event(caller=UNKNOWN), an_event()):
        await each_audited.log.record(event)

    assert await verify(each_audited.database) == (3, Head(3, await each_audited.digest_of(3)))


async def test_every_event_moves_the_head(audited: AuditedDatabase) -> None:
    heads = []
    for _ in range(4):
        await audited.log.record(an_event())
        heads.append((await verify(audited.database))[1])

    assert [head.number for head in heads] == [1, 2, 3, 4]
    assert len({head.digest for head in heads}) == 4


async def test_the_same_event_has_another_digest_elsewhere_in_the_chain(
    audited: AuditedDatabase,
) -> None:
    same = [an_event(id=new_id(), caller=UNKNOWN) for _ in range(2)]
    for event in same:
        await audited.log.record(event)

    assert await audited.digest_of(1) != await audited.digest_of(2)


async def test_concurrent_events_of_processes_form_one_chain(
    each_audited: AuditedDatabase,
) -> None:
    async with open_audit_log(each_audited.url) as other:
        await asyncio.gather(
            *(log.record(an_event()) for _ in range(20) for log in (each_audited.log, other))
        )

    count, head = await verify(each_audited.database)
    assert (count, head.number) == (40, 40)


@pytest.mark.parametrize("kept", [4, 2, 1])
async def test_the_rest_of_a_pruned_chain_verifies(five: AuditedDatabase, kept: int) -> None:
    await five.prune(NOW + (5 - kept) * SECOND)

    assert await verify(five.database) == (kept + 1, Head(6, await five.digest_of(6)))


async def test_a_chain_of_which_only_the_pruning_is_left_is_good_and_goes_on(
    each_five: AuditedDatabase,
) -> None:
    await each_five.prune(NOW + timedelta(days=1))
    assert await verify(each_five.database) == (1, Head(6, await each_five.digest_of(6)))

    await each_five.log.record(an_event())
    assert await verify(each_five.database) == (2, Head(7, await each_five.digest_of(7)))


MOVE_START = (
    "UPDATE audit_chain SET (start_number, start_digest) = "
    "(SELECT number, digest FROM audit_events WHERE number = {last})"
)


@pytest.mark.parametrize("last", [5, 2])
async def test_two_statements_that_delete_as_pruning_does_are_detected(
    each_five: AuditedDatabase, last: int
) -> None:
    noted = (await verify(each_five.database))[1]

    await each_five.run(MOVE_START.format(last=last), delete(audit_events).where(number <= last))

    assert await each_five.first_bad_row() == 1
    assert await first_bad_row_since(each_five, noted) == 1


async def test_events_deleted_after_those_of_a_pruning_are_detected(five: AuditedDatabase) -> None:
    await five.prune(NOW + 2 * SECOND)

    await five.run(MOVE_START.format(last=4), delete(audit_events).where(number <= 4))

    assert await five.first_bad_row() == 3


async def test_a_pruning_by_an_earlier_release_explains_the_missing_rows(
    five: AuditedDatabase,
) -> None:
    await five.log.record(a_pruning())
    await five.run(MOVE_START.format(last=3), delete(audit_events).where(number <= 3))

    assert (await verify(five.database))[0] == 3


async def test_a_pruning_that_was_refused_explains_nothing(five: AuditedDatabase) -> None:
    await five.log.record(replace(a_pruning(), outcome=Outcome.INTERNAL_ERROR))
    await five.log.flush()
    await five.run(MOVE_START.format(last=3), delete(audit_events).where(number <= 3))

    assert await five.first_bad_row() == 1


async def test_a_chain_is_good_when_addresses_are_forgotten(each_five: AuditedDatabase) -> None:
    whole = await verify(each_five.database)

    await each_five.log.forget_addresses(EVE)

    [*addresses] = await each_five.run("SELECT DISTINCT address, address_salt FROM audit_events")
    assert addresses == [(None, None)]
    assert await verify(each_five.database) == whole


CHANGED: dict[str, object] = {
    "id": new_id(),
    "at": NOW + MICROSECOND,
    "what": "change users",
    "outcome": "WrongPassword",
    "user_id": uuid4(),
    "session_id": new_id(),
    "actor_id": uuid4(),
    "detail": "role user",
    "request_id": "request-8",
    "address": "192.0.2.10",
    "address_salt": "0" * 32,
    "address_digest": "0" * 64,
    "previous": "1" * 64,
    "digest": "1" * 64,
}
COLUMNS = [column.name for column in audit_events.c]


async def test_a_changed_column_is_found(five: AuditedDatabase) -> None:
    cells = {f"{name} in row {row}": (name, row) for row in (1, 3, 5) for name in CHANGED}

    found = await five.bad_rows(
        {cell: [change(row, **{name: CHANGED[name]})] for cell, (name, row) in cells.items()}
    )

    assert {*CHANGED, "number"} == set(COLUMNS)
    assert found == {cell: row for cell, (_, row) in cells.items()}


def change(row: int, **values: object) -> Executable:
    return update(audit_events).where(number == row).values(**values)


def remove(*rows: int) -> Executable:
    return delete(audit_events).where(number.in_(rows))


def move(*moves: tuple[int, int]) -> list[Statement]:
    return [change(old, number=new) for old, new in moves]


def a_row(row_number: int) -> Executable:
    """Return the statement that inserts a forged row."""
    facts = {**CHANGED, "number": row_number, "id": new_id()}
    return insert(audit_events).values(**facts)


def head(**values: object) -> Executable:
    return update(audit_chain).values(**values)


SPLIT_ELSEWHERE = """
    UPDATE audit_events SET address = substr(address_salt, 32) || address,
    address_salt = substr(address_salt, 1, 31) WHERE number = 3
"""
TAMPERING: dict[str, tuple[int, list[Statement]]] = {
    "a time, by a microsecond": (3, [change(3, at=NOW + 2 * SECOND + MICROSECOND)]),
    "no user": (3, [change(3, user_id=None)]),
    "no actor": (3, [change(3, actor_id=None)]),
    "no session": (3, [change(3, session_id=None)]),
    "no detail": (3, [change(3, detail="")]),
    "the user for the actor": (3, [change(3, user_id=EVE, actor_id=ADA)]),
    "a word moved to the next": (3, [change(3, what="change", outcome=" usersuccess")]),
    "an empty address": (3, [change(3, address="")]),
    "no address at all": (3, [change(3, address=None, address_salt=None, address_digest="")]),
    "an address without a salt": (3, [change(3, address_salt=None)]),
    "an address and its digest": (3, [change(3, address="", address_salt="", address_digest="")]),
    "a character moved from the salt to the address": (3, [SPLIT_ELSEWHERE]),
    "two rows": (2, [change(4, detail=""), change(2, detail="")]),
    "the first row is gone": (1, [remove(1)]),
    "a row is gone": (3, [remove(3)]),
    "two rows are gone": (2, [remove(2, 3)]),
    "the last row is gone": (5, [remove(5)]),
    "all rows are gone": (1, [remove(1, 2, 3, 4, 5)]),
    "a row is gone and the others have moved up": (
        3,
        [remove(3), *move((4, 3), (5, 4)), head(last_number=4)],
    ),
    "a row has gone to the end": (3, move((3, 99))),
    "a row has gone to the beginning": (0, move((3, 0))),
    "the last row has moved on": (5, move((5, 6))),
    "all rows have moved on": (
        1,
        [*move((5, 6), (4, 5), (3, 4), (2, 3), (1, 2)), head(last_number=6)],
    ),
    "two rows have changed places": (2, move((2, 99), (3, 2), (99, 3))),
    "the last two have changed places": (4, move((4, 99), (5, 4), (99, 5))),
    "a row has come between": (
        3,
        [*move((5, 6), (4, 5), (3, 4)), a_row(3), head(last_number=6)],
    ),
    "a row has come before the first": (0, [a_row(0)]),
    "a row has come long before the first": (-7, [a_row(-7)]),
    "a row has been appended": (6, [a_row(6)]),
    "two rows have been appended": (6, [a_row(6), a_row(7)]),
    "a row has been appended far away": (99, [a_row(99)]),
    "a row has been appended with the head": (6, [a_row(6), head(last_number=6)]),
    "the head is too high": (6, [head(last_number=6)]),
    "the head is too low": (5, [head(last_number=4)]),
    "the head is much too low": (3, [head(last_number=2)]),
    "the start has another digest": (1, [head(start_digest="1" * 64)]),
}


async def test_tampering_is_found_and_the_first_bad_row_is_named(five: AuditedDatabase) -> None:
    found = await five.bad_rows({name: tampering for name, (_, tampering) in TAMPERING.items()})

    assert found == {name: row for name, (row, _) in TAMPERING.items()}


async def test_a_head_of_another_digest_is_found(five: AuditedDatabase) -> None:
    await five.tamper(head(last_digest="1" * 64))

    assert await five.first_bad_row() in (5, 6)  # either may be wrong: the end or the last row


async def test_a_chain_of_no_rows_is_not_good_when_its_head_says_otherwise(
    audited: AuditedDatabase,
) -> None:
    await audited.tamper(head(last_number=1, last_digest="1" * 64))

    assert await audited.first_bad_row() == 1


SECOND_HEAD = """
    INSERT INTO audit_chain
    SELECT 2, start_number, start_digest, last_number, last_digest FROM audit_chain
"""


@pytest.mark.parametrize(
    "statement", ["DELETE FROM audit_chain", SECOND_HEAD], ids=["none", "two"]
)
async def test_a_chain_has_one_head(five: AuditedDatabase, statement: str) -> None:
    await five.tamper(statement)

    with pytest.raises(Broken):
        await verify(five.database)


async def test_rows_before_the_start_are_found(five: AuditedDatabase) -> None:
    """Moving only the start would hide the rows before it from every verification."""
    await five.tamper(head(start_number=2, start_digest=await five.digest_of(2)))

    assert await five.first_bad_row() == 1


async def test_a_row_in_place_of_one_that_was_pruned_is_found(five: AuditedDatabase) -> None:
    await five.prune(NOW + 2 * SECOND)

    await five.tamper(a_row(2))

    assert await five.first_bad_row() == 2


async def test_tampering_with_a_pruned_chain_is_found(five: AuditedDatabase) -> None:
    await five.prune(NOW + 2 * SECOND)

    await five.tamper(remove(3))

    assert await five.first_bad_row() == 3


@pytest.mark.parametrize("row", [1, 3, 5])
async def test_a_row_changed_with_its_digest_is_detected_by_the_next_row(
    five: AuditedDatabase, row: int
) -> None:
    """An attacker with the digest's formula must forge all following rows, and the head."""
    previous = await five.digest_of(row - 1) if row > 1 else BEGINNING

    await five.tamper(change(row, **row_of(row, an_event(), previous)))

    assert await five.first_bad_row() == row + 1


async def heads_of(audited: AuditedDatabase) -> list[Head]:
    """Return all heads that the chain has had, by the number of rows from 0 on."""
    digests = await audited.run(select(audit_events.c.digest).order_by(number))
    return [Head(0, BEGINNING), *(Head(index + 1, each) for index, [each] in enumerate(digests))]


async def rewrite(audited: AuditedDatabase) -> None:
    """Forge all rows and the head, with the digest's formula."""
    await audited.tamper("DELETE FROM audit_events", f"UPDATE audit_chain SET {AT_THE_BEGINNING}")  # noqa: S608
    await audited.fill(5)


AT_THE_BEGINNING = (
    f"start_number = 0, start_digest = '{BEGINNING}', last_number = 0, last_digest = '{BEGINNING}'"
)


async def first_bad_row_since(audited: AuditedDatabase, noted: Head) -> int:
    with pytest.raises(Broken) as broken:
        await verify(audited.database, noted)
    return broken.value.number


async def test_every_head_that_was_noted_is_still_in_a_good_chain(five: AuditedDatabase) -> None:
    whole = await verify(five.database)
    for noted in await heads_of(five):
        assert await verify(five.database, noted) == whole

    await five.log.record(an_event())
    for noted in await heads_of(five):
        assert (await verify(five.database, noted))[0] == 6


async def test_a_head_that_was_noted_may_have_been_pruned(five: AuditedDatabase) -> None:
    heads = await heads_of(five)
    await five.prune(NOW + 2 * SECOND)

    for noted in heads:
        assert (await verify(five.database, noted))[0] == 4
    await five.prune(NOW + timedelta(days=1))
    for noted in heads:
        assert (await verify(five.database, noted))[0] == 2


async def test_a_rewritten_chain_is_detected_by_a_noted_head(five: AuditedDatabase) -> None:
    _, *heads = await heads_of(five)

    await rewrite(five)

    assert (await verify(five.database))[0] == 5  # nothing in it tells
    for noted in heads:
        assert await first_bad_row_since(five, noted) == noted.number


async def test_a_rewritten_pruned_chain_is_detected_by_a_noted_head(five: AuditedDatabase) -> None:
    """The first remaining row follows the last pruned head."""
    noted = (await heads_of(five))[2]
    await rewrite(five)
    assert (await five.log.prune(NOW + 2 * SECOND)).changed == 2

    assert await first_bad_row_since(five, noted) == 2


@pytest.mark.parametrize("left", [0, 3])
async def test_a_truncated_chain_is_detected_by_a_noted_head(
    five: AuditedDatabase, left: int
) -> None:
    heads = await heads_of(five)
    end = heads[left]

    await five.tamper(
        remove(*range(left + 1, 6)), head(last_number=end.number, last_digest=end.digest)
    )

    assert await verify(five.database) == (left, end)
    assert await verify(five.database, end) == (left, end)
    for noted in heads[left + 1 :]:
        assert await first_bad_row_since(five, noted) == left + 1


UNREADABLE = {
    "a time": "at = 'yesterday'",
    "a user": "user_id = 'nobody'",
    "octets": "detail = x'ff'",
    "a number": "outcome = 7",
    "an address of octets": "address = x'ff'",
}


@pytest.mark.parametrize("change", UNREADABLE.values(), ids=UNREADABLE)
async def test_a_value_of_a_wrong_sqlite_type_is_detected(
    five: AuditedDatabase, change: str
) -> None:
    await five.tamper(f"UPDATE audit_events SET {change} WHERE number = 3")  # noqa: S608

    assert await five.first_bad_row() == 3


async def test_an_event_with_a_time_that_is_none_does_not_end_the_counting(
    five: AuditedDatabase,
) -> None:
    await five.tamper("UPDATE audit_events SET at = 'yesterday' WHERE number = 3")

    tally = await five.log.tally(0, 100)

    assert (tally.through, sum(tally.events.values())) == (5, 4)


async def test_a_part_of_an_address_moved_to_its_salt_is_detected(
    audited: AuditedDatabase,
) -> None:
    """SQLite has room for it in the salt, wherever a digest divides the two."""
    address = "2001:db8::7"
    await audited.log.record(an_event(caller=RequestContext(address)))
    [[salt]] = await audited.run(select(audit_events.c.address_salt))

    for cut in range(1, len(address)):
        for mark in ("", ":"):
            moved, rest = address[:cut], address[cut + len(mark) :]
            await audited.tamper(change(1, address=rest, address_salt=f"{salt}{mark}{moved}"))
            assert await audited.first_bad_row() == 1


async def test_tampering_is_found_wherever_it_is_in_a_long_chain(audited: AuditedDatabase) -> None:
    await audited.fill(2500)
    good = await verify(audited.database)
    assert good[0] == 2500

    for row in (1, 1000, 1001, 2500):
        await audited.tamper(change(row, detail="x"))
        assert await audited.first_bad_row() == row
        await audited.tamper(change(row, detail="role admin"))
    assert await verify(audited.database) == good

    for row in (1000, 1001):
        [gone] = await audited.run(select(audit_events).where(number == row))
        await audited.tamper(remove(row))
        assert await audited.first_bad_row() == row
        await audited.tamper(insert(audit_events).values(**gone._asdict()))
    assert await verify(audited.database) == good


async def test_a_chain_of_whole_thousands_is_good(audited: AuditedDatabase) -> None:
    for count in (1000, 2000):
        await audited.fill(1000)
        assert (await verify(audited.database))[0] == count


async def test_events_that_come_meanwhile_do_not_disturb(each_audited: AuditedDatabase) -> None:
    await each_audited.fill(1100)
    counts = set()

    async with open_audit_log(each_audited.url) as other:
        coming = asyncio.gather(*(record_some(other, 20) for _ in range(3)))
        while not coming.done():
            count, end = await verify(each_audited.database)
            assert end.number == count
            counts.add(count)
        await coming

    assert (await verify(each_audited.database))[0] == 1160
    assert len(counts) > 1


@pytest.mark.parametrize("row", [0, 1_000_000])
async def test_a_row_outside_the_chain_is_found_though_events_come_meanwhile(
    each_audited: AuditedDatabase, row: int
) -> None:
    await each_audited.fill(1100)
    await each_audited.tamper(a_row(row))

    async with open_audit_log(each_audited.url) as other, asyncio.TaskGroup() as group:
        coming = [group.create_task(record_some(other, 20)) for _ in range(3)]
        while not all(each.done() for each in coming):
            assert await each_audited.first_bad_row() == row


async def record_some(log: Any, many: int) -> None:
    for _ in range(many):
        await log.record(an_event())


async def test_pruning_meanwhile_does_not_disturb(each_audited: AuditedDatabase) -> None:
    await each_audited.fill(1100)
    starts = set()

    async def prune() -> None:
        async with open_audit_log(each_audited.url) as other:
            for each in range(0, 1100, 50):
                await other.prune(NOW + each * SECOND, Effects((a_pruning(),)))

    pruning = asyncio.create_task(prune())
    while not pruning.done():
        count, end = await verify(each_audited.database)
        starts.add(end.number - count)
    await pruning

    assert (await verify(each_audited.database))[0] == 50 + 21  # with the events of the prunings
    assert len(starts) > 1


REFUSED: dict[str, Sequence[Statement]] = {
    "a row": [remove(3)],
    "the first row": [remove(1)],
    "the last row": [remove(5)],
    "all rows": ["DELETE FROM audit_events"],
    "another address": [change(3, address="192.0.2.10", address_salt="0" * 32)],
    "an empty address": [change(3, address="", address_salt=None)],
    "an address without its salt": [change(3, address=None)],
    "a salt without its address": [change(3, address_salt=None)],
    "an address and a word": [change(3, address=None, address_salt=None, what="logout")],
    "an address and a user": [change(3, address=None, address_salt=None, user_id=None)],
    "an address and its digest": [change(3, address=None, address_salt=None, address_digest="")],
}


async def test_the_database_refuses_to_take_anything_away(each_five: AuditedDatabase) -> None:
    for statements in REFUSED.values():
        await is_refused(each_five, *statements)


async def test_the_database_refuses_a_change_of_any_column(each_five: AuditedDatabase) -> None:
    for column, value in {**CHANGED, "number": 99}.items():
        await is_refused(each_five, change(3, **{column: value}))


async def test_the_database_refuses_it_also_where_there_is_no_address(
    each_audited: AuditedDatabase,
) -> None:
    await each_audited.fill(2)
    await each_audited.log.record(an_event(caller=UNKNOWN))

    for column, value in {**CHANGED, "number": 99}.items():
        if not column.startswith("address"):
            await is_refused(each_audited, change(3, **{column: value}))


async def is_refused(audited: AuditedDatabase, *statements: Statement) -> None:
    """And everything is as it was."""
    before = await audited.run(select(audit_events).order_by(number))

    with pytest.raises(DBAPIError, match="append-only"):
        await audited.run(*statements)

    assert await audited.run(select(audit_events).order_by(number)) == before


@pytest.mark.parametrize("options", ["", " CASCADE", " RESTART IDENTITY"])
async def test_postgresql_refuses_to_truncate(postgres_url: str, options: str) -> None:
    async with Database.open(postgres_url, PATIENT) as database, SqlAuditLog.open(database) as log:
        audited = AuditedDatabase(postgres_url, database, log)
        await audited.fill(5)

        await is_refused(audited, f"TRUNCATE audit_events{options}")
        await is_refused(audited, f"TRUNCATE users, audit_events{options}")


@pytest.mark.parametrize(
    "changed",
    [{"what": "'logout'"}, {"number": "6"}],
    ids=["a row of that number", "a row of that id"],
)
async def test_sqlite_refuses_to_replace(five: AuditedDatabase, changed: dict[str, str]) -> None:
    """REPLACE deletes rows without firing the triggers of deletions."""
    columns = ", ".join(changed.get(name, f'"{name}"') for name in COLUMNS)

    some = f"SELECT {columns} FROM audit_events WHERE number = 3"  # noqa: S608
    await is_refused(five, f"REPLACE INTO audit_events {some}")
    await is_refused(five, "UPDATE OR REPLACE audit_events SET number = 2 WHERE number = 3")


async def test_without_a_head_nothing_can_be_taken_away_either(each_five: AuditedDatabase) -> None:
    await each_five.run("DELETE FROM audit_chain")

    await is_refused(each_five, "DELETE FROM audit_events")


async def test_the_database_lets_addresses_be_forgotten(each_five: AuditedDatabase) -> None:
    good = await verify(each_five.database)

    await each_five.run(change(3, address=None, address_salt=None))
    await each_five.run(change(3, address=None, address_salt=None))

    assert await verify(each_five.database) == good


async def test_the_database_allows_deletions_by_pruning(each_five: AuditedDatabase) -> None:
    assert await each_five.prune(NOW + 2 * SECOND) == 2

    await is_refused(each_five, remove(3))
    assert (await verify(each_five.database))[0] == 4


async def test_the_state_of_a_good_chain_is_its_head_and_nothing_is_broken(
    each_five: AuditedDatabase,
) -> None:
    state = await each_five.log.state(range(1, 6))

    assert (state.last, state.digest) == (5, await each_five.digest_of(5))
    assert not state.broken


async def test_the_state_names_the_events_that_do_not_follow_on_their_neighbours(
    five: AuditedDatabase,
) -> None:
    tampering: dict[str, tuple[Statement, list[int]]] = {
        "a changed event": (change(3, detail="role user"), [3]),
        "an address": (change(2, address="192.0.2.10"), [2]),
        "a digest in the middle": (change(3, digest="1" * 64), [3, 4]),
        "the digest of the last one": (change(5, digest="1" * 64), [5]),
        "a missing event": (remove(3), [2, 3, 4]),
        "the last event": (remove(5), [4, 5]),
        "the digest of the start": (head(start_digest="1" * 64), [1]),
        "the number of the head": (head(last_number=4), [4, 5]),
        "the head": (delete(audit_chain), [1, 2, 3, 4, 5]),
        "all events": (delete(audit_events), [1, 2, 3, 4, 5]),
    }
    await five.drop_triggers()
    rows = [row._asdict() for row in await five.run(select(audit_events))]
    heads = [row._asdict() for row in await five.run(select(audit_chain))]

    for name, (statement, broken) in tampering.items():
        await five.run(statement)
        assert (await five.log.state(range(1, 6))).broken == broken, name
        await five.run(delete(audit_events), insert(audit_events).values(rows))
        await five.run(delete(audit_chain), insert(audit_chain).values(heads))


async def test_a_few_events_are_checked_with_their_neighbours_alone(
    each_five: AuditedDatabase,
) -> None:
    await each_five.tamper(change(1, detail="role user"))

    assert not (await each_five.log.state([3, 5])).broken
    assert (await each_five.log.state([1, 3])).broken == [1]
