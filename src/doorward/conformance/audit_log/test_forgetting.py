"""The contract of AuditLog: the forgotten addresses of a user."""

import asyncio
from dataclasses import replace

import pytest

from application.pagination import EventQuery
from application.ports import AuditLog
from domain.audit.details import AccountChanged
from domain.audit.event import EventType
from domain.outcome import Outcome
from domain.request_context import UNKNOWN, RequestContext
from domain.session import SessionId
from doorward.conformance.support.audit_log import numbers, record_all, recorded
from doorward.conformance.support.examples import ADA, EVE, HERE, an_event, new_id
from doorward.conformance.support.opening import add_users, open_audit_log, open_users

pytestmark = pytest.mark.asyncio


async def test_forgetting_a_user_deletes_the_addresses_of_their_events(
    audit_log: AuditLog,
) -> None:
    own = an_event(user_id=ADA, session_id=SessionId(new_id()))
    done_to_eve = an_event(
        type=EventType.CHANGE_USER,
        user_id=EVE,
        actor=ADA,
        details=AccountChanged(disabled=True),
    )
    done_without_a_user = an_event(actor=ADA)
    done_to_herself = an_event(user_id=ADA, actor=ADA)
    events = [own, done_to_eve, done_without_a_user, done_to_herself]
    await record_all(audit_log, events)

    await audit_log.forget_addresses(ADA)

    nowhere = RequestContext("", HERE.request_id)
    assert await recorded(audit_log) == [replace(event, caller=nowhere) for event in events]
    assert await numbers(audit_log) == [1, 2, 3, 4]


async def test_no_address_is_kept_of_a_pending_refusal(audit_log: AuditLog) -> None:
    refusal = an_event(outcome=Outcome.WRONG_PASSWORD, user_id=ADA)
    await audit_log.record(refusal)

    await audit_log.forget_addresses(ADA)

    nowhere = RequestContext("", HERE.request_id)
    assert await recorded(audit_log) == [replace(refusal, caller=nowhere)]


async def test_the_addresses_of_other_users_stay(audit_log: AuditLog) -> None:
    done_by_eve = an_event(user_id=ADA, actor=EVE)
    events = [done_by_eve, an_event(user_id=EVE), an_event(), an_event(user_id=EVE, actor=EVE)]
    await record_all(audit_log, events)

    await audit_log.forget_addresses(ADA)

    assert await recorded(audit_log) == events


async def test_addresses_can_be_forgotten_repeatedly_and_where_there_are_none(
    audit_log: AuditLog,
) -> None:
    event = an_event(user_id=ADA, caller=UNKNOWN)
    await audit_log.forget_addresses(ADA)
    await record_all(audit_log, [event, an_event(user_id=ADA)])

    await audit_log.forget_addresses(ADA)
    await audit_log.forget_addresses(ADA)

    assert [each.caller.address for each in await recorded(audit_log)] == ["", ""]


async def test_later_events_of_a_user_have_their_address(audit_log: AuditLog) -> None:
    later = an_event(user_id=ADA)
    await audit_log.record(an_event(user_id=ADA))
    await audit_log.forget_addresses(ADA)

    await audit_log.record(later)

    assert (await recorded(audit_log))[-1] == later


async def test_an_event_without_its_address_is_found_and_repeating_it_restores_nothing(
    audit_log: AuditLog,
) -> None:
    events = [an_event(user_id=ADA, type=EventType.LOGOUT), an_event(user_id=EVE)]
    await record_all(audit_log, events)

    await audit_log.forget_addresses(ADA)
    await audit_log.record(events[0])

    [found] = await recorded(audit_log, EventQuery(user_id=ADA, type=EventType.LOGOUT))
    assert (found.id, found.caller.address) == (events[0].id, "")


async def test_a_late_event_of_a_deleted_user_has_no_address(audit_log_url: str) -> None:
    await add_users(audit_log_url, ADA)
    here, late = an_event(user_id=ADA), an_event(outcome=Outcome.INVALID_CREDENTIALS, user_id=ADA)
    done_to_her = an_event(user_id=ADA, actor=EVE)
    async with open_audit_log(audit_log_url) as log:
        await log.record(here)
        async with open_users(audit_log_url) as users:
            await users.delete(ADA)

        await record_all(log, [late, done_to_her])

        nowhere = RequestContext("", HERE.request_id)
        assert await recorded(log) == [
            here,
            replace(late, caller=nowhere),
            replace(done_to_her, caller=nowhere),  # Eve is not stored either
        ]


async def test_thousands_of_addresses_are_forgotten_in_one_call(audit_log: AuditLog) -> None:
    await asyncio.gather(*(audit_log.record(an_event(user_id=ADA)) for _ in range(2500)))

    await audit_log.forget_addresses(ADA)

    assert {event.caller.address for event in await recorded(audit_log)} == {""}
