"""The contract of changes that spend a one-time token: each is good once."""

import asyncio
from dataclasses import replace

import pytest

from application.ports import Effects
from domain.mail.one_time_token import LIVE_TOKENS, Purpose
from doorward.conformance.support.examples import (
    MICROSECOND,
    NOW,
    SECOND,
    a_message,
    a_token,
    a_user,
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


async def test_of_parallel_changes_with_one_token_one_succeeds(mail: MailStores) -> None:
    user = await a_stored_user(mail)
    [token] = await issued(mail, user, 1)

    changed = await asyncio.gather(*(spend(mail, user, token) for _ in range(20)))

    assert changed.count(True) == 1
    assert await stored(mail, token) == token.used(LATER)
    assert len(await mail.outbox.page(None, None, 50)) == 1


async def test_a_token_is_good_once_though_the_user_is_read_again(mail: MailStores) -> None:
    user = await a_stored_user(mail)
    [token] = await issued(mail, user, 1)

    async def reset() -> bool:
        while current := await mail.users.get(user.id):
            if await spend(mail, current, token):
                return True
            if await mail.users.get(user.id) == current:
                return False
        raise AssertionError

    changed = await asyncio.gather(*(reset() for _ in range(20)))

    assert changed.count(True) == 1


async def test_a_spent_token_changes_nothing(mail: MailStores) -> None:
    user = await a_stored_user(mail)
    [token] = await issued(mail, user, 1)
    assert await spend(mail, user, token)
    current = await mail.users.get(user.id)
    assert current

    assert not await spend(mail, current, token)
    assert not await spend(mail, current, a_token(user))

    assert await mail.users.get(user.id) == current
    assert len(await mail.outbox.page(None, None, 50)) == 1


async def test_a_change_that_fails_spends_no_token(mail: MailStores) -> None:
    user = await a_stored_user(mail)
    [token] = await issued(mail, user, 1)

    assert not await spend(mail, replace(user, name="as it never was"), token)

    assert await stored(mail, token) == token


async def test_the_first_use_ends_all_tokens_of_its_purpose(mail: MailStores) -> None:
    user = await a_stored_user(mail)
    tokens = await issued(mail, user, LIVE_TOKENS)
    others = [
        *await issued(mail, user, 1, purpose=Purpose.EMAIL_VERIFICATION),
        *await issued(mail, a_user(), 1),
    ]

    assert await spend(mail, user, tokens[0])

    assert await used(mail, *tokens) == [True] * LIVE_TOKENS
    assert await used(mail, *others) == [False, False]


async def test_an_undo_leaves_those_of_earlier_changes(mail: MailStores) -> None:
    user = await a_stored_user(mail)
    tokens = await issued(mail, user, 3, purpose=Purpose.EMAIL_UNDO)

    assert await spend(mail, user, tokens[1])

    assert await used(mail, *tokens) == [False, True, True]


async def test_the_outbox_spends_the_token_of_a_change_in_another_store(mail: MailStores) -> None:
    user = await a_stored_user(mail)
    tokens = await issued(mail, user, LIVE_TOKENS)
    effects = Effects().with_messages(a_message()).spending(tokens[1].used(LATER))

    for _ in range(2):
        await mail.outbox.add(effects)

    assert await used(mail, *tokens) == [True] * LIVE_TOKENS


async def test_tokens_that_are_used_and_issued_in_parallel_end(mail: MailStores) -> None:
    """Transactions that wait for each other would fail: they lock rows in one order."""
    user = await a_stored_user(mail)
    tokens = await issued(mail, user, LIVE_TOKENS)

    await asyncio.gather(
        *(mail.outbox.add(Effects().spending(each.used(LATER))) for each in tokens * 5),
        *(mail.tokens.issue(a_token(user, issued_at=NOW - SECOND)) for _ in range(10)),
        *(spend(mail, user, each) for each in tokens),
    )

    assert await used(mail, *tokens) == [True] * LIVE_TOKENS


async def test_an_undo_that_is_issued_after_that_of_an_earlier_change_was_used_is_used_too(
    mail: MailStores,
) -> None:
    user = await a_stored_user(mail)
    [undo] = await issued(mail, user, 1, purpose=Purpose.EMAIL_UNDO)
    assert await spend(mail, user, undo)

    late = a_token(user, purpose=Purpose.EMAIL_UNDO, issued_at=LATER)
    new = a_token(user, purpose=Purpose.EMAIL_UNDO, issued_at=LATER + MICROSECOND)
    for token in (late, new):
        await mail.tokens.issue(token)

    assert await used(mail, late, new) == [True, False]
