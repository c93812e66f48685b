"""Browsers are sent to a provider."""

from dataclasses import replace
from datetime import timedelta

import pytest

from application.rate_limiting import RateLimits
from application.registration_policy import EmailVerification, RegistrationPolicy
from application.social_login.begin import Begun
from application.social_login.policy import SocialPolicy
from domain.actor import Principal
from domain.authentication import Method
from domain.errors import (
    EmailUnverified,
    InvalidInput,
    NotFound,
    ProviderUnavailable,
    StepUpRequired,
    TokenRejected,
)
from domain.rate_limit import RateLimit, TooManyRequests
from domain.request_context import RequestContext
from domain.session import Transport
from domain.social_login.flow import (
    LIFETIME,
    AppClient,
    Flow,
    Intent,
    Starter,
    code_verifier_of,
    digest_of,
    nonce_of,
)
from domain.user import NO_PASSWORD
from infrastructure.storage.memory.social_login.flows import MemoryFlows
from tests.support.builders import PASSWORD
from tests.support.factors import enrolled
from tests.support.social_login import (
    FakeProvider,
    linked,
    stepped_up_now,
    with_provider,
    without_password,
)
from tests.support.world import World

APP_ADDRESS = "org.example.app:/callback"
APP = AppClient("c" * 43, "the app's own")
CALLER = RequestContext("192.0.2.1")


@pytest.fixture
def acme(world: World) -> FakeProvider:
    world.flows = KeptFlows()
    return with_provider(world)


class KeptFlows(MemoryFlows):
    """
    :ivar flow: the last one that was stored.
    """

    flow: Flow | None = None

    async def add_flow(self, flow: Flow) -> None:
        self.flow = flow
        await super().add_flow(flow)


def flow_of(world: World) -> Flow | None:
    assert isinstance(world.flows, KeptFlows)
    return world.flows.flow


def assert_sent(acme: FakeProvider, begun: Begun, flow: Flow | None, *, is_fresh: bool) -> None:
    [request] = acme.sent
    assert begun.url == f"https://acme.example/authorize?state={request.state}"
    flow_id, _, random = request.state.partition(".")
    assert begun.flow_id == flow_id
    assert len(random) == len(begun.secret) == 43
    assert request.code_verifier == code_verifier_of(begun.secret)
    assert request.nonce == nonce_of(begun.secret)
    assert request.is_fresh is is_fresh
    assert flow is not None
    assert (flow.digest, flow.binding) == (digest_of(request.state), digest_of(begun.secret))
    for secret in (request.state, random, begun.secret, request.nonce, request.code_verifier):
        assert secret not in repr(flow)
        assert secret not in repr(begun)
        assert secret not in repr(request)


@pytest.mark.parametrize("is_fresh", [False, True])
async def test_a_login_begins_with_secrets_of_its_own(
    world: World, acme: FakeProvider, is_fresh: bool
) -> None:
    begun = await world.begin_social_login("acme", "/account", CALLER, is_fresh=is_fresh)

    flow = flow_of(world)
    assert_sent(acme, begun, flow, is_fresh=is_fresh)
    assert flow is not None
    expires_at = world.clock() + LIFETIME
    assert flow == Flow(
        flow.digest, acme.name, Intent.LOGIN, flow.binding, "/account", expires_at,
        is_fresh=is_fresh,
    )  # fmt: skip
    another = await world.begin_social_login("acme", "/account", CALLER)
    assert another.secret != begun.secret
    assert another.flow_id != begun.flow_id
    assert another.url != begun.url


async def test_an_application_gets_its_code_at_a_listed_address_only(
    world: World, acme: FakeProvider
) -> None:
    world.social_policy = SocialPolicy(app_addresses=frozenset({APP_ADDRESS}))

    await world.begin_social_login("acme", APP_ADDRESS, app=APP)

    flow = flow_of(world)
    assert flow is not None
    assert (flow.app, flow.return_to) == (APP, APP_ADDRESS)
    for other in (f"{APP_ADDRESS}/", "/account", "https://evil.example"):
        with pytest.raises(InvalidInput) as refusal:
            await world.begin_social_login("acme", other, app=APP)
        assert refusal.value.problems[0].field == "return_to"
    assert len(acme.sent) == 1


async def test_an_unknown_provider_is_not_found(world: World, acme: FakeProvider) -> None:
    with pytest.raises(NotFound):
        await world.begin_social_login("Acme", "/account")

    assert acme.sent == []


async def test_a_provider_that_does_not_answer_leaves_no_flow(
    world: World, acme: FakeProvider
) -> None:
    acme.failure = ProviderUnavailable("timeout")

    with pytest.raises(ProviderUnavailable):
        await world.begin_social_login("acme", "/account")

    assert flow_of(world) is None


@pytest.mark.usefixtures("acme")
async def test_all_clients_together_begin_as_many_as_they_log_in(
    world: World, me: Principal
) -> None:
    """Else a thousand addresses would fill the table of flows faster than it is purged."""
    world.limits = RateLimits(login=RateLimit("all", 2, timedelta(minutes=1)))
    for number in range(2):
        await world.begin_social_login("acme", "/", RequestContext(f"192.0.2.{number}"))

    with pytest.raises(TooManyRequests):
        await world.begin_social_login("acme", "/", RequestContext("192.0.2.3"))

    await world.login("ada@example.org", PASSWORD, CALLER)
    await world.begin_link(await stepped_up_now(world, me), "acme", "/", CALLER)


@pytest.mark.usefixtures("acme")
async def test_an_address_begins_three_times_as_many_as_it_logs_in(
    world: World, me: Principal
) -> None:
    world.limits = RateLimits(login_address=RateLimit("login", 1, timedelta(minutes=1)))
    for _ in range(3):
        await world.begin_social_login("acme", "/account", CALLER)

    with pytest.raises(TooManyRequests):
        await world.begin_social_login("acme", "/account", CALLER)
    with pytest.raises(TooManyRequests):
        await world.begin_link(me, "acme", "/account", CALLER)
    with pytest.raises(TooManyRequests):
        await world.begin_step_up(me, "acme", "/account", CALLER)
    await world.login("ada@example.org", PASSWORD, CALLER)


async def test_a_link_begins_in_a_session_that_was_stepped_up(
    world: World, acme: FakeProvider, me: Principal
) -> None:
    with pytest.raises(StepUpRequired):
        await world.begin_link(me, "acme", "/account/security")
    me = await stepped_up_now(world, me)

    begun = await world.begin_link(me, "acme", "/account/security")

    flow = flow_of(world)
    assert_sent(acme, begun, flow, is_fresh=False)
    assert flow is not None
    assert flow.intent is Intent.LINK
    assert flow.starter == Starter(me.user.id, me.user.generation, me.session.id)
    assert flow.return_to == "/account/security"


@pytest.mark.usefixtures("acme")
async def test_a_link_needs_a_proven_address_where_addresses_are_proven(
    world: World, me: Principal
) -> None:
    me = await stepped_up_now(world, me)
    world.policy = RegistrationPolicy(email_verification=EmailVerification.OPTIONAL)

    with pytest.raises(EmailUnverified):
        await world.begin_link(me, "acme", "/account")


async def test_a_step_up_begins_for_a_user_with_nothing_else(
    world: World, acme: FakeProvider, me: Principal
) -> None:
    me = await without_password(world, me)

    begun = await world.begin_step_up(me, "acme", "/account")

    flow = flow_of(world)
    assert_sent(acme, begun, flow, is_fresh=True)
    assert flow is not None
    assert flow.intent is Intent.STEP_UP
    assert flow.starter == Starter(me.user.id, me.user.generation, me.session.id)


@pytest.mark.usefixtures("acme")
async def test_a_user_with_a_stronger_method_steps_up_by_that(world: World, me: Principal) -> None:
    await linked(world, me.user)
    with pytest.raises(StepUpRequired) as refusal:
        await world.begin_step_up(me, "acme", "/account")
    assert refusal.value.methods == [Method.PASSWORD]

    await enrolled(world, me.user)
    stored = await world.users.get(me.user.id)
    assert stored is not None
    await world.change(stored, password_hash=NO_PASSWORD, generation=me.user.generation)
    with pytest.raises(StepUpRequired) as refusal:
        await world.begin_step_up(me, "acme", "/account")
    assert refusal.value.methods == [Method.TOTP, Method.RECOVERY_CODE]


@pytest.mark.usefixtures("acme")
async def test_a_user_without_any_method_has_nothing_to_step_up_by(
    world: World, me: Principal
) -> None:
    await world.change(me.user, password_hash=NO_PASSWORD)

    with pytest.raises(StepUpRequired) as refusal:
        await world.begin_step_up(me, "acme", "/account")

    assert refusal.value.methods == []


@pytest.mark.usefixtures("acme")
async def test_only_a_session_with_cookies_steps_up_at_a_provider(
    world: World, me: Principal
) -> None:
    me = await without_password(world, me)
    bearer = replace(me.session, transport=Transport.BEARER)
    await world.sessions.replace(me.session, bearer)

    with pytest.raises(InvalidInput):
        await world.begin_step_up(me, "acme", "/account")


@pytest.mark.usefixtures("acme")
async def test_a_session_that_has_ended_begins_nothing(world: World, me: Principal) -> None:
    me = await stepped_up_now(world, me)
    await world.sessions.delete(me.user.id, me.session.id)

    with pytest.raises(TokenRejected):
        await world.begin_link(me, "acme", "/account")
    with pytest.raises(TokenRejected):
        await world.begin_step_up(me, "acme", "/account")
