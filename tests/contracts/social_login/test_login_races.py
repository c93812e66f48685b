"""Logins at other providers on every backend of users: callbacks that arrive at one moment."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from application.login.complete import LoggedIn
from application.mail.messages import MailPolicy
from application.pagination import EventQuery, UserQuery
from application.social_login.flows import TakenFlow
from domain.audit.event import EventType
from domain.email import Email
from domain.errors import SocialFlowInvalid
from domain.user import NO_PASSWORD
from doorward.conformance.support.opening import PATIENT
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.storage.stores import open_stores
from tests.conftest import schemes, url_for
from tests.support.builders import PASSWORD
from tests.support.social_login import an_account, linked, stepped_up_now, with_provider
from tests.support.world import World

ADA = "ada@example.org"


@pytest.fixture(params=schemes("users"))
async def world(request: pytest.FixtureRequest, signer: JwtSigner) -> AsyncIterator[World]:
    url = url_for(request.param, request)
    async with open_stores(url, url, PATIENT) as stores:
        world = World.on(signer, stores)
        with_provider(world)
        yield world


async def test_parallel_callbacks_for_one_new_person_make_one_user(world: World) -> None:
    done = await asyncio.gather(*(world.login_with_identity(an_account()) for _ in range(8)))

    users = {(await world.authenticate(each.tokens.access)).user.id for each in done}
    assert len(users) == 1
    assert (await world.users.count(UserQuery())).count == 1
    [user_id] = users
    [identity] = await world.identities.of_user(user_id)
    events = (await world.audit_log.page(EventQuery(user_id=user_id), None, 50)).items
    types = [each.event.type for each in events]
    assert types.count(EventType.REGISTER) == types.count(EventType.LINK_IDENTITY) == 1
    assert types.count(EventType.LOGIN) == 8
    assert identity.user_id == user_id


async def test_parallel_callbacks_take_one_account_over_once(world: World) -> None:
    stranger = (await world.register("Eve", ADA, PASSWORD)).user
    await world.log_in(ADA)

    done = await asyncio.gather(*(world.login_with_identity(an_account()) for _ in range(8)))

    stored = await world.users.by_email(Email.parse(ADA))
    assert stored is not None
    assert (stored.id, stored.password_hash, stored.verified) == (stranger.id, NO_PASSWORD, True)
    assert stored.generation == stranger.generation + 1
    assert len(await world.identities.of_user(stored.id)) == 1
    sessions = await world.sessions.of_user(stored.id)
    assert len(sessions) == len(done)
    assert {each.generation for each in sessions} == {stored.generation}


async def test_one_callback_that_arrives_several_times_ends_its_flow_once(world: World) -> None:
    begun = await world.begin_social_login("acme", "/account")
    state = begun.url.partition("state=")[2]

    ends = await asyncio.gather(
        *(world.take_flow("acme", state, begun.secret) for _ in range(8)), return_exceptions=True
    )

    assert sum(isinstance(each, TakenFlow) for each in ends) == 1
    assert sum(isinstance(each, SocialFlowInvalid) for each in ends) == 7


async def test_of_two_last_accounts_one_stays_linked(world: World) -> None:
    ada = await world.sign_up(ADA)
    me = await stepped_up_now(world, await world.authenticate((await world.log_in(ADA)).access))
    both = [await linked(world, ada, an_account(subject=each)) for each in "ab"]
    await world.change(ada, password_hash=NO_PASSWORD)
    world.mail_policy = MailPolicy(is_on=False)

    ends = await asyncio.gather(
        *(world.unlink_identity(me, each.id) for each in both), return_exceptions=True
    )

    assert sum(isinstance(each, LoggedIn) for each in ends) == 1
    assert len(await world.identities.of_user(ada.id)) == 1
