"""Issuing and finding one-time tokens."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from application.ports import NO_EFFECTS, Effects, MailRefused, Stored
from domain.errors import OneTimeTokenInvalid
from domain.mail.one_time_token import LIVE_TOKENS, OneTimeToken, Purpose
from domain.user import User, UserId
from doorward.conformance.support.examples import a_message
from infrastructure.signing.one_time_secrets import HmacOneTimeSecrets
from infrastructure.storage.memory.one_time_tokens import MemoryOneTimeTokens
from tests.support.builders import SECOND, new_id
from tests.support.world import World

MINUTE = timedelta(minutes=1)
RESET = Purpose.PASSWORD_RESET


async def issue(world: World, user: User, token_id: str | None = None) -> str | None:
    issued_at = world.clock()
    issued = await world.issue_token(
        token_id or new_id(), RESET, user, user.email, issued_at, issued_at + 30 * MINUTE
    )
    return issued.changed


@pytest.fixture
async def user(world: World) -> User:
    return await world.sign_up()


async def test_a_token_that_is_issued_again_is_the_same(world: World, user: User) -> None:
    token_id = new_id()

    secret = await issue(world, user, token_id)

    assert secret is not None
    assert await issue(world, user, token_id) == secret


async def test_a_token_is_found_under_the_secret_it_was_issued_with(
    world: World, user: User
) -> None:
    token_id = new_id()
    secret = await issue(world, user, token_id)

    world.secrets = HmacOneTimeSecrets(lambda: [b"the next one", b"outside the database"])

    assert await issue(world, user, token_id) == secret


async def test_a_token_of_a_lost_secret_is_not_issued_again(world: World, user: User) -> None:
    token_id = new_id()
    await issue(world, user, token_id)

    world.secrets = HmacOneTimeSecrets(lambda: [b"another one"])

    with pytest.raises(MailRefused, match="secret_lost"):
        await issue(world, user, token_id)


async def test_the_newest_tokens_are_good(world: World, user: User) -> None:
    secrets = []
    for _ in range(LIVE_TOKENS + 2):
        secrets.append(await issue(world, user))
        world.clock.advance(SECOND)

    good = []
    for secret in secrets:
        assert secret is not None
        try:
            await world.find_token(secret, RESET)
        except OneTimeTokenInvalid:
            continue
        good.append(secret)

    assert good == secrets[-LIVE_TOKENS:]


async def test_a_token_is_good_for_its_purpose_only(world: World, user: User) -> None:
    secret = await issue(world, user)
    assert secret is not None

    for purpose in set(Purpose) - {RESET}:
        with pytest.raises(OneTimeTokenInvalid):
            await world.find_token(secret, purpose)


@pytest.mark.parametrize("secret", ["", "unknown", "x" * 43, "x" * 100_000])
async def test_an_unknown_token_is_refused(world: World, secret: str) -> None:
    with pytest.raises(OneTimeTokenInvalid):
        await world.find_token(secret, RESET)


async def test_a_token_of_a_deleted_user_is_refused(world: World, user: User) -> None:
    secret = await issue(world, user)
    await world.users.delete(user.id)
    assert secret is not None

    with pytest.raises(OneTimeTokenInvalid):
        await world.find_token(secret, RESET)


async def test_an_expired_token_is_refused(world: World, user: User) -> None:
    secret = await issue(world, user)
    assert secret is not None

    world.clock.advance(30 * MINUTE - SECOND)
    await world.find_token(secret, RESET)
    world.clock.advance(SECOND)

    with pytest.raises(OneTimeTokenInvalid):
        await world.find_token(secret, RESET)


async def test_a_token_is_not_issued_again_for_another_user(world: World, user: User) -> None:
    token_id = new_id()
    await issue(world, user, token_id)

    assert await issue(world, replace(user, id=UserId(uuid4())), token_id) is None


class LoggedTokens(MemoryOneTimeTokens):
    """Tokens that are stored with their effects, and the calls.

    :ivar effects: those of the last token that was issued.
    :ivar lookups: how many tokens were looked up.
    """

    def __init__(self) -> None:
        super().__init__()
        self.effects = NO_EFFECTS
        self.lookups = 0

    async def issue(
        self, token: OneTimeToken, effects: Effects = NO_EFFECTS
    ) -> Stored[OneTimeToken]:
        self.effects = effects
        return replace(await super().issue(token), effects_stored=True)

    async def by_digest(self, digest: str) -> OneTimeToken | None:
        self.lookups += 1
        return await super().by_digest(digest)


async def test_the_effects_of_a_token_are_stored_with_it(world: World, user: User) -> None:
    world.tokens = tokens = LoggedTokens()
    effects = NO_EFFECTS.with_messages(a_message())
    now = world.clock()

    issued = await world.issue_token(new_id(), RESET, user, user.email, now, now + MINUTE, effects)

    assert tokens.effects is effects
    assert issued.effects_stored


async def test_a_text_that_is_too_long_for_a_secret_is_not_looked_up(world: World) -> None:
    world.tokens = tokens = LoggedTokens()

    for length, lookups in ((100, 1), (101, 1)):
        assert await world.find_token.purpose_of("x" * length) is None
        assert tokens.lookups == lookups
