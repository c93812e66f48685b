"""Passkeys for tests: both ceremonies with the use cases of a world."""

from typing import Any

from application.enrolment.passkeys import AddedPasskey
from application.ports import Assertion, Registration
from domain.actor import Principal
from domain.request_context import UNKNOWN, RequestContext
from tests.support.authenticator import Authenticator, assertion_of, encode, registration_of
from tests.support.factors import stepped_up
from tests.support.world import World


async def registration(
    world: World, me: Principal, device: Authenticator, **lies: Any
) -> Registration:
    """Return the answer of an authenticator to new options of this session."""
    offered = await world.offer_passkey(me)
    options = {"challenge": offered.challenge, "user": {"id": encode(offered.handle)}}
    return registration_of(device.create(options, **lies))


async def add(
    world: World,
    me: Principal,
    device: Authenticator,
    name: str | None = None,
    caller: RequestContext = UNKNOWN,
) -> AddedPasskey:
    """Step up, and add a passkey of the authenticator."""
    stepped = await stepped_up(world, me)
    made = await registration(world, stepped, device)
    return await world.add_passkey(stepped, made, name, caller)


async def principal_of(world: World, done: AddedPasskey) -> Principal:
    """Return the principal of the session that has taken the place of the former one."""
    return await world.authenticate(done.logged_in.tokens.access)


async def assertion(world: World, device: Authenticator, **lies: Any) -> Assertion:
    """Return the answer of an authenticator to new options."""
    offered = await world.offer_passkey_use()
    return assertion_of(device.get({"challenge": offered.challenge}, **lies))
