"""The contract of OneTimeTokenStore: tokens that are issued, found, and deleted."""

import asyncio
from dataclasses import replace

import pytest

from application.ports import Effects
from domain.email import Email
from domain.mail.one_time_token import LIVE_TOKENS, Purpose
from doorward.conformance.support.examples import (
    MICROSECOND,
    NOW,
    SECOND,
    a_message,
    a_token,
    a_user,
    an_event,
    new_id,
)
from doorward.conformance.support.one_time_tokens import (
    LATER,
    a_stored_user,
    issued,
    spend,
    stored,
    used,
)
from doorward.conformance.support.opening import MailStores

pytestmark = pytest.mark.asyncio


async def test_a_token_comes_back_exactly(mail: MailStores) -> None:
    user = await a_stored_user(mail)
    token = a_token(
        user,
        purpose=Purpose.EMAIL_CHANGE,
        generation=7,
        email=Email.parse("Ädä+x@Example.org"),
        issued_at=NOW + MICROSECOND,
    )

    done = await mail.tokens.issue(token)

    assert done.changed == token
    found = await stored(mail, token)
    assert found == token
    assert found.email.address == token.email.address
    assert await stored(mail, a_token(user)) is None


async def test_a_token_that_is_issued_again_stays_as_it_is(mail: MailStores) -> None:
    user = await a_stored_user(mail)
    [token] = await issued(mail, user, 1)
    assert await spend(mail, user, token)

    again = replace(token, digest=a_token(user).digest, expires_at=LATER)
    done = await mail.tokens.issue(again, Effects((an_event(),)))

    assert done.changed == token.used(LATER)
    assert not done.effects_stored
    assert await stored(mail, again) is None


async def test_the_newest_tokens_of_a_user_and_purpose_stay_usable(mail: MailStores) -> None:
    user = await a_stored_user(mail)
    [other] = await issued(mail, user, 1, purpose=Purpose.EMAIL_VERIFICATION)
    [of_another] = await issued(mail, a_user(), 1)

    tokens = await issued(mail, user, LIVE_TOKENS + 2)

    assert await used(mail, *tokens) == [True, True, *[False] * LIVE_TOKENS]
    assert await used(mail, other, of_another) == [False, False]


async def test_a_token_older_than_the_newest_is_used_at_once(mail: MailStores) -> None:
    user = await a_stored_user(mail)
    tokens = await issued(mail, user, LIVE_TOKENS)

    done = await mail.tokens.issue(late := a_token(user, issued_at=NOW - SECOND))

    assert done.changed.used_at is not None
    assert await used(mail, late, *tokens) == [True, *[False] * LIVE_TOKENS]


async def test_of_tokens_issued_in_parallel_few_stay_usable(mail: MailStores) -> None:
    user = await a_stored_user(mail)
    tokens = [a_token(user) for _ in range(20)]

    await asyncio.gather(*(mail.tokens.issue(each) for each in tokens))

    assert (await used(mail, *tokens)).count(False) == LIVE_TOKENS


async def test_processes_that_issue_one_token_get_the_same(
    two_mails: tuple[MailStores, MailStores],
) -> None:
    user = await a_stored_user(two_mails[0])
    token_id = new_id()

    done = await asyncio.gather(
        *(mail.tokens.issue(a_token(user, id=token_id)) for mail in two_mails for _ in range(5))
    )

    assert len({each.changed for each in done}) == 1


async def test_processes_that_issue_one_token_for_a_deleted_user_get_the_same(
    two_mails: tuple[MailStores, MailStores],
) -> None:
    user, token_id = a_user(), new_id()

    done = await asyncio.gather(
        *(mail.tokens.issue(a_token(user, id=token_id)) for mail in two_mails for _ in range(5))
    )

    assert len({each.changed for each in done}) == 1


async def test_the_messages_of_a_new_token_are_queued_once(mail: MailStores) -> None:
    user = await a_stored_user(mail)
    token, message = a_token(user), a_message()
    effects = Effects((an_event(),)).with_messages(message)

    for _ in range(2):
        done = await mail.tokens.issue(token, effects)
        if not done.effects_stored:
            await mail.outbox.add(replace(effects, events=()))

    assert [each.message for each in await mail.outbox.page(None, None, 10)] == [message]


async def test_expired_tokens_are_purged(mail: MailStores) -> None:
    user = await a_stored_user(mail)
    expired = await issued(mail, user, 5, expires_at=NOW)
    [good] = await issued(mail, user, 1, expires_at=NOW + MICROSECOND)

    assert await mail.tokens.purge(NOW, 3) == 0
    counts = [await mail.tokens.purge(NOW + MICROSECOND, 3) for _ in range(3)]

    assert counts == [3, 2, 0]
    assert [await stored(mail, each) for each in expired] == [None] * 5
    assert await stored(mail, good) is not None


async def test_the_tokens_of_a_deleted_user_are_forgotten(mail: MailStores) -> None:
    user = await a_stored_user(mail)
    [theirs] = await issued(mail, user, 1)
    [other] = await issued(mail, a_user(), 1)

    await mail.tokens.forget(user.id)

    assert await stored(mail, theirs) is None
    assert await stored(mail, other) == other


async def test_later_undos_leave_an_earlier_one_usable(mail: MailStores) -> None:
    user = await a_stored_user(mail)

    undos = await issued(mail, user, LIVE_TOKENS + 2, purpose=Purpose.EMAIL_UNDO)

    assert await used(mail, *undos) == [False] * len(undos)


async def test_the_unused_tokens_for_an_address_are_found(mail: MailStores) -> None:
    user, another = await a_stored_user(mail), a_user()
    email, spelled = Email.parse("former@example.org"), Email.parse("FORMER@example.org")
    undo, purpose = Purpose.EMAIL_UNDO, Purpose.EMAIL_CHANGE
    first = a_token(user, purpose=undo, email=email)
    second = a_token(another, purpose=undo, email=spelled, expires_at=NOW)
    for token in (
        first,
        second,
        a_token(user, purpose=purpose, email=email),
        a_token(user, purpose=undo),
        a_token(user, purpose=undo, email=email, used_at=NOW),
    ):
        await mail.tokens.issue(token)

    found = await mail.tokens.unused(spelled, undo)

    assert sorted(each.id for each in found) == sorted([first.id, second.id])
