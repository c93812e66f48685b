"""Audit rows of the release before events were typed: their chain holds and they are typed events.

``earlier_audit_rows.jsonl`` holds what revision 4230614 wrote, digests included: every event that
it recorded, with every detail.
"""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import insert, update

from application.pagination import EventQuery
from domain.actor import Operator, Scheduler
from domain.audit.details import (
    AccountChanged,
    Details,
    EventsPruned,
    HashesExported,
    KeyRevoked,
    KeysRotated,
    OtherDetails,
    RoleGiven,
    SessionLimitReached,
    UsersImported,
)
from domain.audit.event import Event, EventType
from domain.key_ring import KeyId
from domain.outcome import Outcome
from domain.permissions import Role
from domain.request_context import UNKNOWN
from domain.token import TokenKind
from domain.user import UserId
from doorward.conformance.support.examples import ADA, an_event
from doorward.conformance.support.opening import PATIENT, add_users
from infrastructure.storage.sql.audit.audit_log import SqlAuditLog
from infrastructure.storage.sql.audit.chain import Head
from infrastructure.storage.sql.audit.verify import verify
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.tables import audit_chain, audit_events
from tests.conftest import url_for
from tests.contracts.conftest import by_hand

FILE = Path(__file__).with_name("earlier_audit_rows.jsonl")
KEY_ID = KeyId("Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE")

TYPED: list[tuple[EventType, Outcome, Details | None]] = [
    (EventType.ROTATE_KEYS, Outcome.SUCCESS, None),
    (EventType.REGISTER, Outcome.SUCCESS, RoleGiven(Role.ADMIN)),
    (EventType.REGISTER, Outcome.SUCCESS, None),
    (EventType.LOGIN, Outcome.SUCCESS, None),
    (EventType.LOGIN, Outcome.INVALID_CREDENTIALS, None),
    (EventType.REFRESH, Outcome.REFRESH_TOKEN_REUSED, None),
    (EventType.LOGOUT, Outcome.SUCCESS, None),
    (EventType.CHANGE_PASSWORD, Outcome.SUCCESS, None),
    (EventType.CHANGE_PASSWORD, Outcome.WRONG_PASSWORD, None),
    (EventType.CHANGE_PROFILE, Outcome.SUCCESS, None),
    (EventType.EXPORT_ACCOUNT, Outcome.SUCCESS, None),
    (EventType.END_SESSION, Outcome.SUCCESS, None),
    (EventType.END_SESSION, Outcome.SUCCESS, SessionLimitReached()),
    (EventType.END_ALL_SESSIONS, Outcome.SUCCESS, None),
    (EventType.CHANGE_USER, Outcome.SUCCESS, AccountChanged(Role.ADMIN)),
    (EventType.CHANGE_USER, Outcome.SUCCESS, AccountChanged(Role.USER, disabled=True)),
    (EventType.CHANGE_USER, Outcome.SUCCESS, AccountChanged(disabled=False)),
    (EventType.CHANGE_USER, Outcome.SUCCESS, AccountChanged(disabled=True)),
    (EventType.CHANGE_USER, Outcome.LAST_ADMINISTRATOR, AccountChanged(Role.USER)),
    (EventType.END_SESSIONS_OF_USER, Outcome.SUCCESS, None),
    (EventType.IMPORT_USERS, Outcome.SUCCESS, UsersImported(2, 1001, 3)),
    (EventType.EXPORT_USERS, Outcome.SUCCESS, None),
    (EventType.EXPORT_USERS, Outcome.SUCCESS, HashesExported()),
    (EventType.ROTATE_KEYS, Outcome.SUCCESS, KeysRotated(tuple(TokenKind))),
    (EventType.REVOKE_KEY, Outcome.SUCCESS, KeyRevoked(KEY_ID, TokenKind.ACCESS)),
    (EventType.REVOKE_KEY, Outcome.SUCCESS, None),
    (EventType.PRUNE_AUDIT_LOG, Outcome.SUCCESS, EventsPruned(date(2025, 10, 20))),
    (EventType.DELETE_ACCOUNT, Outcome.WRONG_PASSWORD, None),
    (EventType.DELETE_USER, Outcome.SUCCESS, None),
    (EventType.DELETE_ACCOUNT, Outcome.SUCCESS, None),
]


def earlier_rows() -> list[dict[str, Any]]:
    rows = [msgspec.json.decode(line) for line in FILE.read_bytes().splitlines()]
    for row in rows:
        row["at"] = datetime.fromisoformat(row["at"])
        for column in ("user_id", "actor_id"):
            row[column] = row[column] and UUID(hex=row[column])
    return rows


def later_rows() -> list[dict[str, Any]]:
    """Rows that a later release might write, which knows more events."""
    first, second = earlier_rows()[:2]
    return [
        first | {"what": "unknown act", "detail": "by link"},
        second | {"outcome": "unknown_outcome", "detail": ""},
    ]


class Log:
    """An audit log with rows of another release."""

    def __init__(self, url: str, database: Database, log: SqlAuditLog) -> None:
        self.url = url
        self.database = database
        self.log = log

    async def events(self, query: EventQuery | None = None) -> list[Event]:
        """The oldest first."""
        page = await self.log.page(query or EventQuery(), None, 100)
        return [each.event for each in reversed(page.items)]

    async def put(self, rows: list[dict[str, Any]]) -> None:
        head = {"last_number": rows[-1]["number"], "last_digest": rows[-1]["digest"]}
        await by_hand(
            self.url, insert(audit_events).values(rows), update(audit_chain).values(head)
        )


@pytest.fixture(params=["sqlite", "postgresql"])
async def empty(request: pytest.FixtureRequest) -> AsyncIterator[Log]:
    url = url_for(request.param, request)
    await add_users(url, ADA)
    async with Database.open(url, PATIENT) as database, SqlAuditLog.open(database) as log:
        yield Log(url, database, log)


@pytest.fixture
async def earlier(empty: Log) -> Log:
    await empty.put(earlier_rows())
    return empty


async def test_the_chain_of_earlier_rows_holds(earlier: Log) -> None:
    last = earlier_rows()[-1]

    assert await verify(earlier.database) == (30, Head(30, last["digest"]))


async def test_earlier_rows_are_typed_events(earlier: Log) -> None:
    events = await earlier.events()

    assert [(each.type, each.outcome, each.details) for each in events] == TYPED
    assert [each.detail for each in events] == [row["detail"] for row in earlier_rows()]
    assert [each.request_id for each in events] == [row["request_id"] for row in earlier_rows()]


async def test_the_actor_of_an_earlier_row_is_derived_from_its_columns(earlier: Log) -> None:
    known = {"(command line)": Operator(), "(schedule)": Scheduler()}

    actors = [each.actor for each in await earlier.events()]

    assert actors == [row["actor_id"] or known.get(row["request_id"]) for row in earlier_rows()]
    assert {Operator(), Scheduler(), None} < set(actors)


async def test_a_new_row_of_the_operator_equals_an_earlier_one(earlier: Log) -> None:
    event = an_event(caller=UNKNOWN, actor=Operator())
    await earlier.log.record(event)

    new = (await earlier.events())[-1]
    [[request_id]] = await by_hand(
        earlier.url, "SELECT request_id FROM audit_events WHERE number = 31"
    )
    assert (new, request_id) == (event, "(command line)")


async def test_earlier_and_new_rows_are_one_chain_and_read_alike(earlier: Log) -> None:
    wrong = an_event(outcome=Outcome.INVALID_CREDENTIALS, user_id=ADA)
    disabled = an_event(
        type=EventType.CHANGE_USER, user_id=ADA, details=AccountChanged(Role.USER, disabled=True)
    )
    for event in (wrong, disabled):
        await earlier.log.record(event)

    assert (await verify(earlier.database))[0] == 32
    events = await earlier.events()
    assert events[30:] == [wrong, disabled]
    assert (events[30].type, events[30].outcome) == (events[4].type, events[4].outcome)
    assert (events[31].detail, events[31].details) == (events[15].detail, events[15].details)


async def test_new_rows_hold_stable_names(earlier: Log) -> None:
    await earlier.log.record(an_event(outcome=Outcome.INVALID_CREDENTIALS, user_id=ADA))
    await earlier.events()  # once they are written

    rows = await by_hand(earlier.url, "SELECT what, outcome FROM audit_events WHERE number > 30")
    assert [tuple(row) for row in rows] == [("login", "invalid_credentials")]


@pytest.mark.parametrize("outcome", Counter(outcome for _, outcome, _ in TYPED))
async def test_earlier_and_new_rows_are_found_by_one_outcome(
    earlier: Log, outcome: Outcome
) -> None:
    new = an_event(outcome=outcome, user_id=ADA)
    await earlier.log.record(new)

    found = await earlier.events(EventQuery(outcome=outcome))

    expected = [each for each in await earlier.events() if each.outcome is outcome]
    assert found == expected
    assert found[-1] == new
    assert len(found) > 1


@pytest.mark.parametrize("event_type", Counter(event_type for event_type, _, _ in TYPED))
async def test_earlier_rows_are_found_by_their_type(earlier: Log, event_type: EventType) -> None:
    found = await earlier.events(EventQuery(type=event_type))

    assert found
    assert found == [each for each in await earlier.events() if each.type is event_type]


async def test_earlier_rows_are_found_by_type_and_outcome_of_one_user(earlier: Log) -> None:
    user_id = UserId(UUID("0b8f2c1e-5a4d-4c3b-9f2e-1d0c9b8a7f6e"))
    query = EventQuery(user_id, EventType.LOGIN, Outcome.INVALID_CREDENTIALS)

    assert await earlier.events(query) == [(await earlier.events())[4]]


async def test_the_addresses_of_earlier_rows_can_be_forgotten(earlier: Log) -> None:
    user_id = UserId(UUID("0b8f2c1e-5a4d-4c3b-9f2e-1d0c9b8a7f6e"))

    await earlier.log.forget_addresses(user_id)

    mine = await earlier.events(EventQuery(user_id=user_id))
    assert {each.caller.address for each in mine if each.actor_id is None} == {""}
    assert (await verify(earlier.database))[0] == 30


async def test_a_row_of_a_later_release_is_unknown_and_keeps_its_text(empty: Log) -> None:
    await empty.put(later_rows())

    unknown_type, unknown_outcome = await empty.events()

    assert unknown_type.type is EventType.UNKNOWN
    assert unknown_type.outcome is Outcome.SUCCESS
    assert unknown_type.details == OtherDetails("unknown act success by link")
    assert (unknown_outcome.type, unknown_outcome.outcome) == (EventType.REGISTER, Outcome.UNKNOWN)
    assert unknown_outcome.details == OtherDetails("register unknown_outcome")


async def test_rows_of_a_later_release_are_found_as_unknown(empty: Log) -> None:
    await empty.put(later_rows())
    unknown_type, unknown_outcome = await empty.events()

    assert await empty.events(EventQuery(type=EventType.UNKNOWN)) == [unknown_type]
    assert await empty.events(EventQuery(outcome=Outcome.UNKNOWN)) == [unknown_outcome]
