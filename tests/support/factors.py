"""Second factors for tests."""

from dataclasses import replace

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
