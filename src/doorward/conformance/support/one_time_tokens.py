"""Issue one-time tokens, spend them and see which are used."""

from dataclasses import replace
from datetime import timedelta

from application.ports import Effects
from domain.mail.one_time_token import OneTimeToken
from domain.user import User
from doorward.conformance.support.examples import (
    NOW,
    SECOND,
    a_message,
    a_token,
    a_user,
    an_event,
    new_id,
)
from doorward.conformance.support.opening import MailStores

LATER = NOW + timedelta(minutes=5)


async def stored(mail: MailStores, token: OneTimeToken) -> OneTimeToken | None:
    return await mail.tokens.by_digest(token.digest)


async def used(mail: MailStores, *tokens: OneTimeToken) -> list[bool]:
    found = [await stored(mail, token) for token in tokens]
    return [each is None or each.used_at is not None for each in found]


async def issued(
    mail: MailStores, user: User, count: int, **changes: object
) -> list[OneTimeToken]:
    """Issue tokens, a second apart."""
    tokens = [a_token(user, issued_at=NOW + each * SECOND, **changes) for each in range(count)]
    for token in tokens:
        await mail.tokens.issue(token)
    return tokens


async def a_stored_user(mail: MailStores) -> User:
    await mail.users.add(user := a_user())
    return user


async def spend(mail: MailStores, user: User, token: OneTimeToken) -> bool:
    """Rename the user with a token."""
    effects = Effects((an_event(),)).with_messages(a_message()).spending(token.used(LATER))
    done = await mail.users.replace(user, replace(user, name=f"Ada {new_id()}"), effects)
    if done.changed and not done.effects_stored:
        await mail.outbox.add(effects)
    return done.changed
