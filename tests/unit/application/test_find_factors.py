"""Which methods complete a login with a password."""

from dataclasses import replace

import pytest

from domain.actor import Operator
from domain.authentication import Method
from domain.errors import SecondFactorRequired
from domain.second_factors.factors import SecondFactors
from domain.user import User
from doorward.conformance.second_factors.test_passkeys import a_passkey
from tests.support.builders import PASSWORD
from tests.support.factors import enrolled
from tests.support.world import World


async def with_passkey(world: World, user: User) -> bytes:
    """Give a user a passkey; return the handle of the user."""
    handle = await world.passkeys.handle_of(user.id, b"a handle")
    assert (await world.passkeys.add(a_passkey(user.id))).changed
    return handle


async def test_a_passkey_is_a_factor_and_comes_first(world: World) -> None:
    ada = await world.sign_up()
    assert (await world.find_factors(ada)).methods == []

    await with_passkey(world, ada)

    with pytest.raises(SecondFactorRequired) as refused:
        await world.login("ada@example.org", PASSWORD)
    assert refused.value.methods == [Method.PASSKEY]
    ada = await enrolled(world, ada)
    methods = (await world.find_factors(ada)).methods
    assert methods == [Method.PASSKEY, Method.TOTP, Method.RECOVERY_CODE]


async def test_recovery_codes_stand_in_for_a_passkey(world: World) -> None:
    ada = await world.sign_up()
    none = SecondFactors(ada.id)
    codes = replace(none, recovery_codes=frozenset({"a" * 64}))
    assert (await world.second_factors.replace(none, codes)).changed
    assert (await world.find_factors(ada)).methods == []

    await with_passkey(world, ada)

    assert (await world.find_factors(ada)).methods == [Method.PASSKEY, Method.RECOVERY_CODE]


async def test_a_passkey_of_a_former_domain_still_counts_as_a_factor(world: World) -> None:
    """It cannot be used, and a setting must not make the password enough."""
    ada = await world.sign_up()
    assert world.passkey_verifier.rp_id != "former.example"
    await world.passkeys.handle_of(ada.id, b"a handle")
    await world.passkeys.add(a_passkey(ada.id, rp_id="former.example"))

    with pytest.raises(SecondFactorRequired):
        await world.login("ada@example.org", PASSWORD)


async def test_a_deleted_user_leaves_no_passkey_and_no_handle(world: World) -> None:
    ada = await world.sign_up()
    handle = await with_passkey(world, ada)

    await world.delete_user(Operator(), ada.id)

    assert await world.passkeys.of_user(ada.id) == []
    assert await world.passkeys.handle_of(ada.id, b"new") == b"new" != handle
