"""Flows that end: who may end them, once, and what comes of it."""

import asyncio
from datetime import timedelta

import pytest

from application.login.complete import LoggedIn
from application.rate_limiting import RateLimits
from application.registration_policy import EmailVerification, RegistrationPolicy
from application.second_factors.policy import SecondFactorPolicy
from application.social_login.begin import Begun
from application.social_login.codes import IssuedCode
from application.social_login.finish import Linked, SteppedUp
from application.social_login.flows import TakenFlow
from application.social_login.policy import SocialPolicy
from domain.actor import Principal
from domain.audit.event import Event, EventType
from domain.authentication import Level, Method
from domain.errors import (
    AuthError,
    EmailUnverified,
    EnrolmentRequired,
    IdentityTaken,
    InvalidCredentials,
    NotFound,
    ProviderCancelled,
    ProviderRefused,
    ProviderUnavailable,
    SocialFlowInvalid,
    StepUpRequired,
    TokenRejected,
)
from domain.rate_limit import RateLimit, TooManyRequests
from domain.request_context import RequestContext
from domain.session import Transport
from domain.social_login.flow import LIFETIME, AppClient, Intent, code_challenge_of
from domain.user import NO_PASSWORD
from tests.support.builders import MICROSECOND
from tests.support.social_login import (
    ANSWER,
    FakeProvider,
    an_account,
    linked,
    stepped_up_now,
    with_provider,
    without_password,
)
from tests.support.world import World

CALLER = RequestContext("192.0.2.1")
APP_ADDRESS, VERIFIER = "https://app.example/callback", "v" * 43


@pytest.fixture
def acme(world: World) -> FakeProvider:
    world.social_policy = SocialPolicy(app_addresses=frozenset({APP_ADDRESS}))
    return with_provider(world)


def state_of(begun: Begun) -> str:
    return begun.url.partition("state=")[2]


async def take(world: World, begun: Begun) -> TakenFlow:
    return await world.take_flow("acme", state_of(begun), begun.secret, CALLER)


def last_event(world: World) -> Event:
    return world.events.events[-1]


async def test_a_login_ends_with_the_tokens_of_a_browser(world: World, acme: FakeProvider) -> None:
    begun = await world.begin_social_login("acme", "/account", CALLER)
    taken = await take(world, begun)

    done = await world.finish_flow(taken, ANSWER, CALLER)

    assert taken.flow.return_to == "/account"
    assert acme.checked == acme.sent  # the same state, verifier and nonce
    assert isinstance(done, LoggedIn)
    session = (await world.authenticate(done.tokens.access)).session
    assert session.transport is Transport.COOKIE
    assert not session.is_stepped_up
    assert begun.secret not in repr(taken)
    assert state_of(begun) not in repr(taken)


@pytest.mark.usefixtures("acme")
async def test_an_application_gets_a_code_and_nothing_has_happened_yet(world: World) -> None:
    app = AppClient(code_challenge_of(VERIFIER))
    begun = await world.begin_social_login("acme", APP_ADDRESS, app=app)

    done = await world.finish_flow(await take(world, begun), ANSWER)

    assert isinstance(done, IssuedCode)
    assert len(done.secret) == 43
    assert done.secret not in repr(done)
    assert world.events.events == []
    await world.login_with_code(done.secret, VERIFIER)


@pytest.mark.usefixtures("acme")
async def test_a_flow_ends_once(world: World) -> None:
    begun = await world.begin_social_login("acme", "/account")

    ends = await asyncio.gather(*(take(world, begun) for _ in range(5)), return_exceptions=True)

    assert sum(isinstance(each, TakenFlow) for each in ends) == 1
    assert sum(isinstance(each, SocialFlowInvalid) for each in ends) == 4


@pytest.mark.usefixtures("acme")
async def test_two_flows_of_one_browser_do_not_disturb_each_other(world: World) -> None:
    first = await world.begin_social_login("acme", "/one")
    second = await world.begin_social_login("acme", "/two")

    assert (await take(world, second)).flow.return_to == "/two"
    assert (await take(world, first)).flow.return_to == "/one"


@pytest.mark.usefixtures("acme")
async def test_a_browser_without_the_cookie_leaves_the_flow_to_its_own(world: World) -> None:
    begun = await world.begin_social_login("acme", "/account")

    with pytest.raises(SocialFlowInvalid):
        await world.take_flow("acme", state_of(begun), None)

    event = last_event(world)
    assert (event.type, event.outcome) == (EventType.LOGIN, SocialFlowInvalid.outcome)
    await take(world, begun)


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("wrong", ["secret", "provider", "state", "long state", "long secret"])
async def test_a_flow_is_refused_elsewhere(world: World, wrong: str) -> None:
    begun = await world.begin_social_login("acme", "/account")
    provider, state, secret = {
        "secret": ("acme", state_of(begun), "another"),
        "provider": ("umbrella", state_of(begun), begun.secret),
        "state": ("acme", state_of(begun)[:-1], begun.secret),
        "long state": ("acme", state_of(begun) + "x" * 100, begun.secret),
        "long secret": ("acme", state_of(begun), begun.secret * 3),
    }[wrong]

    with pytest.raises(SocialFlowInvalid):
        await world.take_flow(provider, state, secret)


@pytest.mark.usefixtures("acme")
async def test_a_flow_expires(world: World) -> None:
    early = await world.begin_social_login("acme", "/account")
    late = await world.begin_social_login("acme", "/account")
    world.clock.advance(LIFETIME - MICROSECOND)
    await take(world, early)
    world.clock.advance(MICROSECOND)

    with pytest.raises(SocialFlowInvalid):
        await take(world, late)


@pytest.mark.usefixtures("acme")
async def test_callbacks_are_counted(world: World) -> None:
    world.limits = RateLimits(login_address=RateLimit("login", 1, timedelta(minutes=1)))
    for _ in range(3):
        with pytest.raises(SocialFlowInvalid):
            await world.take_flow("acme", "unknown", "secret", CALLER)

    with pytest.raises(TooManyRequests):
        await world.take_flow("acme", "unknown", "secret", CALLER)


@pytest.mark.parametrize(
    "refusal", [ProviderCancelled(), ProviderRefused("nonce"), ProviderUnavailable("slow")]
)
async def test_what_a_provider_refuses_is_an_event_and_changes_nothing(
    world: World, acme: FakeProvider, refusal: AuthError
) -> None:
    acme.says = refusal
    taken = await take(world, await world.begin_social_login("acme", "/account"))

    with pytest.raises(type(refusal)):
        await world.finish_flow(taken, ANSWER, CALLER)

    [event] = world.events.events
    assert (event.type, event.outcome) == (EventType.LOGIN, refusal.outcome)
    assert event.caller.address == CALLER.address
    assert not event.is_kept


async def begin_link(world: World, me: Principal) -> tuple[Principal, TakenFlow]:
    me = await stepped_up_now(world, me)
    begun = await world.begin_link(me, "acme", "/account/security", CALLER)
    return me, await take(world, begun)


async def test_a_refused_link_is_an_event_of_its_user(
    world: World, acme: FakeProvider, me: Principal
) -> None:
    me, taken = await begin_link(world, me)
    acme.says = ProviderCancelled()

    with pytest.raises(ProviderCancelled):
        await world.finish_flow(taken, ANSWER)

    event = last_event(world)
    assert (event.type, event.user_id, event.session_id) == (
        EventType.LINK_IDENTITY, me.user.id, me.session.id,
    )  # fmt: skip


@pytest.mark.usefixtures("acme")
async def test_a_flow_of_a_provider_that_was_removed_meanwhile_is_refused(world: World) -> None:
    taken = await take(world, await world.begin_social_login("acme", "/account"))
    world.identity_providers = type(world.identity_providers)()

    with pytest.raises(NotFound):
        await world.finish_flow(taken, ANSWER)


@pytest.mark.usefixtures("acme")
async def test_a_link_adds_the_account_and_sessions_stay(world: World, me: Principal) -> None:
    me, taken = await begin_link(world, me)

    done = await world.finish_flow(taken, ANSWER, CALLER)

    assert isinstance(done, Linked)
    assert await world.list_identities(me) == [done.identity]
    assert done.identity.user_id == me.user.id
    event = last_event(world)
    assert (event.type, event.detail, event.session_id) == (
        EventType.LINK_IDENTITY, f"acme {done.identity.id}", me.session.id,
    )  # fmt: skip
    assert event.is_kept
    assert event.cause_of_end is None


async def end_session(world: World, me: Principal) -> None:
    await world.sessions.delete(me.user.id, me.session.id)


async def expire_session(world: World, me: Principal) -> None:
    world.clock.now = me.session.expires_at


async def end_all(world: World, me: Principal) -> None:
    await world.change(me.user, generation=me.user.generation + 1)


async def disable(world: World, me: Principal) -> None:
    await world.change(me.user, disabled=True)


async def delete(world: World, me: Principal) -> None:
    await world.users.delete(me.user.id)


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("end", [end_session, expire_session, end_all, disable, delete])
@pytest.mark.parametrize("intent", [Intent.LINK, Intent.STEP_UP])
async def test_a_flow_dies_with_the_session_that_has_begun_it(
    world: World, me: Principal, intent: Intent, end: object
) -> None:
    assert callable(end)
    if intent is Intent.LINK:
        me, taken = await begin_link(world, me)
    else:
        me, taken = await begin_step_up(world, me)
    stored = await world.users.get(me.user.id)
    assert stored is not None
    await end(world, Principal(stored, me.session))

    with pytest.raises(SocialFlowInvalid):
        await world.finish_flow(taken, ANSWER)

    event = last_event(world)
    assert (event.outcome, event.is_kept) == (SocialFlowInvalid.outcome, False)


@pytest.mark.usefixtures("acme")
async def test_a_flow_without_a_starter_links_nothing(world: World, me: Principal) -> None:
    _, taken = await begin_link(world, me)

    with pytest.raises(SocialFlowInvalid):
        await world.find_starter(None)

    assert taken.flow.starter is not None


@pytest.mark.usefixtures("acme")
async def test_a_link_needs_what_it_needed_at_its_begin(world: World, me: Principal) -> None:
    me, taken = await begin_link(world, me)
    world.second_factor_policy = SecondFactorPolicy.EVERYBODY
    with pytest.raises(EnrolmentRequired):
        await world.finish_flow(taken, ANSWER)

    world.policy = RegistrationPolicy(email_verification=EmailVerification.OPTIONAL)
    with pytest.raises(EmailUnverified):
        await world.finish_flow(taken, ANSWER)

    assert await world.list_identities(me) == []


@pytest.mark.usefixtures("acme")
async def test_a_link_of_the_account_of_another_user_is_refused(
    world: World, me: Principal
) -> None:
    eve = await world.sign_up("eve@example.org")
    await linked(world, eve, an_account())
    me, taken = await begin_link(world, me)

    with pytest.raises(IdentityTaken):
        await world.finish_flow(taken, ANSWER)

    assert await world.list_identities(me) == []


async def begin_step_up(world: World, me: Principal) -> tuple[Principal, TakenFlow]:
    me = await without_password(world, me)
    return me, await take(world, await world.begin_step_up(me, "acme", "/account"))


@pytest.mark.parametrize("has_second_factor", [False, True])
async def test_a_step_up_replaces_the_session_by_one_for_sensitive_steps(
    world: World, acme: FakeProvider, me: Principal, has_second_factor: bool
) -> None:
    me, taken = await begin_step_up(world, me)
    acme.says = account = an_account(has_second_factor=has_second_factor)

    done = await world.finish_flow(taken, ANSWER)

    assert acme.checked[-1].is_fresh
    assert isinstance(done, SteppedUp)
    now = await world.authenticate(done.tokens.access)
    assert now.session.id != me.session.id
    assert now.session.methods == me.session.methods | account.methods
    assert now.session.level is (Level.TWO if has_second_factor else Level.ONE)
    await world.require_step_up(now, CALLER)
    with pytest.raises(TokenRejected):
        await world.reload_principal(me)
    event = last_event(world)
    assert (event.type, event.user_id) == (EventType.STEP_UP, me.user.id)
    assert event.detail == " ".join(account.methods)
    assert event.is_kept


async def test_a_step_up_by_the_account_of_another_user_is_refused(
    world: World, acme: FakeProvider, me: Principal
) -> None:
    eve = await world.sign_up("eve@example.org")
    hers = await linked(world, eve, an_account(subject="hers"))
    me, taken = await begin_step_up(world, me)

    for subject in ("hers", "unknown"):
        acme.says = an_account(subject=subject)
        with pytest.raises(InvalidCredentials):
            await world.finish_flow(taken, ANSWER)

    await world.reload_principal(me)
    assert await world.identities.by_id(hers.id) == hers
    assert last_event(world).is_kept


@pytest.mark.usefixtures("acme")
async def test_a_step_up_is_refused_if_the_user_has_a_password_by_now(
    world: World, me: Principal
) -> None:
    me, taken = await begin_step_up(world, me)
    assert me.user.password_hash == NO_PASSWORD
    await world.change(me.user, password_hash="a hash")

    with pytest.raises(StepUpRequired) as refusal:
        await world.finish_flow(taken, ANSWER)

    assert refusal.value.methods == [Method.PASSWORD]
