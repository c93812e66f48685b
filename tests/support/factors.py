"""Second factors for tests."""

from base64 import b32decode
from dataclasses import replace

from domain.actor import Principal
from domain.second_factors import totp
from domain.second_factors.factors import Totp
from domain.second_factors.recovery_codes import HOW_MANY, LENGTH, canonical, code_of
from domain.user import User
from tests.support.world import World

SECRET = b"12345678901234567890"
"""Of the authenticator app."""
CODES = [code_of(bytes([number] * LENGTH)) for number in range(HOW_MANY)]


async def enrolled(world: World, user: User) -> User:
    """Give a user an authenticator app and recovery codes; return the user as stored."""
    factors = await world.second_factors.of_user(user.id)
    digests = (world.factor_secrets.code_digests(user.id, canonical(each) or "") for each in CODES)
    stored = await world.second_factors.replace(
        factors,
        replace(
            factors,
            totp=Totp(world.factor_secrets.seal(user.id, SECRET)),
            recovery_codes=frozenset(each[0] for each in digests),
        ),
    )
    assert stored.changed
    changed = user.with_second_factor(has=True, now=world.clock())
    assert (await world.users.replace(user, changed)).changed
    return changed


async def stepped_up(world: World, me: Principal) -> Principal:
    """Return the principal of a session that was stepped up now."""
    session = await world.renew_session(me.session, me.user, is_step_up=True)
    return Principal(me.user, session)


def code_of_app(world: World, secret: str | None = None) -> str:
    """Return the code that an authenticator app shows now.

    :param secret: in base32; without it, the app has SECRET.
    """
    octets = SECRET if secret is None else b32decode(secret)
    return totp.code_at(octets, totp.step_at(world.clock()))
