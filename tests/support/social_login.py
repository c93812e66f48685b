"""A provider of identities that says what the test sets, and accounts that are linked there."""

from dataclasses import replace
from typing import Any

from application.ports import (
    AuthorizationRequest,
    Effects,
    IdentityProvider,
    IdentityProviders,
    ProviderAnswer,
)
from domain.actor import Principal
from domain.email import Email
from domain.errors import AuthError
from domain.social_login.identity import (
    Identity,
    IdentityId,
    ProviderAccount,
    ProviderName,
)
from domain.user import NO_PASSWORD, User
from tests.support.builders import new_id
from tests.support.factors import stepped_up
from tests.support.world import World

ACME = ProviderName("acme")
ANSWER = ProviderAnswer(code="code of the provider")


def an_account(email: str | None = "ada@example.org", **changes: Any) -> ProviderAccount:
    """Return an account of Acme whose address is verified."""
    account = ProviderAccount(
        ACME,
        "https://acme.example",
        "4711",
        Email.parse(email) if email else None,
        is_email_verified=True,
        name="Ada of Acme",
    )
    return replace(account, **changes)


class FakeProvider(IdentityProvider):
    """
    :ivar says: the account that logs in there, or why none does.
    :ivar sent: the requests that browsers were sent away with.
    :ivar checked: those that they came back for.
    """

    def __init__(self, name: ProviderName = ACME, label: str = "Acme Inc.") -> None:
        self.name, self.label = name, label
        self.says: ProviderAccount | AuthError = an_account()
        self.failure: AuthError | None = None
        self.sent: list[AuthorizationRequest] = []
        self.checked: list[AuthorizationRequest] = []

    async def authorization_url(self, request: AuthorizationRequest) -> str:
        if self.failure:
            raise self.failure
        self.sent.append(request)
        return f"https://{self.name}.example/authorize?state={request.state}"

    async def account(
        self, answer: ProviderAnswer, request: AuthorizationRequest
    ) -> ProviderAccount:
        assert answer == ANSWER
        self.checked.append(request)
        if isinstance(self.says, AuthError):
            raise self.says
        return replace(self.says, is_fresh=request.is_fresh)


def with_provider(world: World) -> FakeProvider:
    """Give the world a provider, Acme, and another one."""
    acme = FakeProvider()
    other = FakeProvider(ProviderName("umbrella"), "Umbrella")
    world.identity_providers = IdentityProviders((acme, other))
    return acme


async def linked(world: World, user: User, account: ProviderAccount | None = None) -> Identity:
    """Link an account of Acme to a stored user."""
    account = account or an_account(user.email.address)
    identity = Identity.of(account, IdentityId(new_id()), user.id, world.clock())
    stored = await world.users.get(user.id)
    assert stored is not None
    assert (await world.users.replace(stored, stored, Effects().linking(identity))).changed
    return identity


async def without_password(world: World, me: Principal) -> Principal:
    """Return a user who logs in by a linked account alone, in a session of before."""
    await linked(world, me.user)
    await world.change(me.user, password_hash=NO_PASSWORD, verified=True)
    return await world.reload_principal(me)


async def stepped_up_now(world: World, me: Principal) -> Principal:
    """Return the principal of a session that was stepped up, as stored now."""
    return await stepped_up(world, await world.reload_principal(me))
