"""Logins with accounts of another provider: known ones, and what the rules make of others."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from application.accounts.invitation import Invitee
from application.rate_limiting import RateLimits
from application.registration_policy import EmailVerification, RegistrationPolicy
from application.second_factors.policy import SecondFactorPolicy
from application.social_login.policy import SocialPolicy
from domain.actor import Operator, Principal
from domain.audit.event import EventType
from domain.authentication import Level, Method
from domain.email import Email
from domain.errors import (
    AuthError,
    EmailUnverified,
    InvalidCredentials,
    LinkRequired,
    OneTimeTokenInvalid,
    ProviderEmailUnverified,
    RegistrationClosed,
    SecondFactorRequired,
)
from domain.mail.message import MailKind
from domain.outcome import Outcome
from domain.permissions import Role
from domain.rate_limit import RateLimit, TooManyRequests
from domain.request_context import RequestContext
from domain.session import Transport
from domain.social_login.identity import MAX_IDENTITIES, ProviderAccount, ProviderName
from domain.social_login.rules import LinkingPolicy
from domain.user import NO_PASSWORD, User
from doorward.conformance.support.examples import a_user
from tests.support.builders import PASSWORD
from tests.support.factors import CODES, enrolled
from tests.support.social_login import an_account, linked, with_provider
from tests.support.world import World

ADA = "ada@example.org"
APP = RequestContext("192.0.2.1", agent="an app", locale="de")
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def provider(world: World) -> None:
    with_provider(world)


async def stored(world: World, email: str = ADA) -> User:
    user = await world.users.by_email(Email.parse(email))
    assert user is not None
    return user


async def changes_of(world: World) -> list[tuple[str, str]]:
    """Return what the notices about identities say that were sent."""
    await world.read_mail()
    return [
        (letter.facts["change"], letter.facts["provider"])
        for letter in world.mailbox.letters
        if letter.kind is MailKind.IDENTITIES_CHANGED
    ]


def kinds_of_events(world: World) -> list[EventType]:
    return [each.type for each in world.events.events]


async def test_a_linked_account_logs_its_user_in(world: World, me: Principal) -> None:
    identity = await linked(world, me.user)
    before = {each.id for each in await world.sessions.of_user(me.user.id)}
    world.clock.advance(HOUR)

    done = await world.login_with_identity(an_account(), APP, Transport.BEARER, shows_access=True)

    principal = await world.authenticate(done.tokens.access)
    assert principal.user.id == me.user.id
    assert principal.session.id not in before
    assert principal.session.methods == {Method.FEDERATED}
    assert principal.session.level is Level.ONE
    assert principal.session.transport is done.transport is Transport.BEARER
    assert done.shows_access
    event = world.events.events[-1]
    assert (event.type, event.outcome, event.user_id, event.detail) == (
        EventType.LOGIN, Outcome.SUCCESS, me.user.id, "federated",
    )  # fmt: skip
    [used] = await world.identities.of_user(me.user.id)
    assert used == replace(identity, last_used_at=world.clock())


async def test_the_address_of_a_linked_account_does_not_matter(
    world: World, me: Principal
) -> None:
    await linked(world, me.user)
    eve = (await world.register("Eve", "eve@example.org", PASSWORD)).user

    for account in (an_account("eve@example.org"), an_account(None, is_email_verified=False)):
        done = await world.login_with_identity(account)

        principal = await world.authenticate(done.tokens.access)
        assert principal.user.id == me.user.id != eve.id
        [identity] = await world.identities.of_user(me.user.id)
        assert identity.email == (account.email.address if account.email else None)


async def test_the_last_use_is_stored_once_a_minute(world: World, me: Principal) -> None:
    identity = await linked(world, me.user)

    for seconds, is_noted in ((59, False), (60, True)):
        world.clock.now = identity.created_at + timedelta(seconds=seconds)
        await world.login_with_identity(an_account())

        [used] = await world.identities.of_user(me.user.id)
        assert (used.last_used_at == world.clock()) is is_noted


async def test_an_identity_that_was_never_used_is_noted(world: World, me: Principal) -> None:
    identity = await linked(world, me.user)
    await world.identities.replace(identity, replace(identity, last_used_at=None))

    await world.login_with_identity(an_account())

    assert await world.identities.of_user(me.user.id) == [identity]


async def test_a_disabled_user_does_not_log_in(world: World, me: Principal) -> None:
    await linked(world, me.user)
    await world.change(me.user, disabled=True)

    with pytest.raises(InvalidCredentials):
        await world.login_with_identity(an_account())

    event = world.events.events[-1]
    assert (event.type, event.user_id) == (EventType.LOGIN, me.user.id)
    assert event.is_kept


async def test_the_address_is_to_be_proven_first_where_that_is_required(
    world: World, me: Principal
) -> None:
    await linked(world, me.user)
    world.policy = RegistrationPolicy(email_verification=EmailVerification.REQUIRED)

    with pytest.raises(EmailUnverified):
        await world.login_with_identity(an_account())

    await world.change(me.user, verified=True)
    await world.login_with_identity(an_account())


async def test_a_second_factor_is_asked_for(world: World, me: Principal) -> None:
    await linked(world, me.user)
    await enrolled(world, me.user)

    with pytest.raises(SecondFactorRequired) as refusal:
        await world.login_with_identity(an_account(), APP, Transport.BEARER)

    assert Method.TOTP in refusal.value.methods
    done = await world.login_with_second_factor(
        refusal.value.challenge, Method.RECOVERY_CODE, CODES[0], APP
    )
    session = (await world.authenticate(done.tokens.access)).session
    assert session.methods == {Method.FEDERATED, Method.RECOVERY_CODE}
    assert session.level is Level.TWO
    assert session.transport is Transport.BEARER


async def test_several_factors_at_a_trusted_provider_are_enough(
    world: World, me: Principal
) -> None:
    await linked(world, me.user)
    await enrolled(world, me.user)

    done = await world.login_with_identity(an_account(has_second_factor=True))

    session = (await world.authenticate(done.tokens.access)).session
    assert session.methods == {Method.FEDERATED_MFA}
    assert session.level is Level.TWO


async def test_a_session_is_restricted_where_everybody_needs_a_factor(
    world: World, me: Principal
) -> None:
    await linked(world, me.user)
    world.second_factor_policy = SecondFactorPolicy.EVERYBODY

    for has_second_factor in (False, True):
        done = await world.login_with_identity(an_account(has_second_factor=has_second_factor))

        principal = await world.authenticate(done.tokens.access)
        is_restricted = world.second_factor_policy.restricts(principal.session, principal.user)
        assert is_restricted is not has_second_factor


async def test_an_unknown_account_registers_a_verified_user(world: World) -> None:
    world.policy = RegistrationPolicy(email_verification=EmailVerification.REQUIRED)

    done = await world.login_with_identity(an_account(), APP)

    user = (await world.authenticate(done.tokens.access)).user
    assert user == await stored(world)
    assert (user.name, user.email.address, user.locale) == ("Ada of Acme", ADA, "de")
    assert user.password_hash == NO_PASSWORD
    assert user.verified
    assert user.self_registered
    assert user.role is Role.USER
    [identity] = await world.identities.of_user(user.id)
    assert (identity.issuer, identity.subject, identity.email) == (
        "https://acme.example", "4711", ADA,
    )  # fmt: skip
    registered, link, login, *_ = world.events.events
    assert [registered.type, link.type, login.type] == [
        EventType.REGISTER, EventType.LINK_IDENTITY, EventType.LOGIN,
    ]  # fmt: skip
    assert {registered.user_id, link.user_id, login.user_id} == {user.id}
    assert link.detail == f"acme {identity.id}"
    assert await changes_of(world) == []


async def test_the_second_login_finds_the_user(world: World) -> None:
    first = await world.login_with_identity(an_account())
    second = await world.login_with_identity(an_account())

    one, other = [await world.authenticate(each.tokens.access) for each in (first, second)]
    assert one.user.id == other.user.id
    assert kinds_of_events(world).count(EventType.REGISTER) == 1


@pytest.mark.parametrize("name", [None, "", " ", "a\u202eb", "x" * 101])
async def test_without_a_usable_name_a_user_has_that_of_the_mailbox(
    world: World, name: str | None
) -> None:
    await world.login_with_identity(an_account(name=name))

    assert (await stored(world)).name == "ada"


async def test_the_name_of_a_long_mailbox_is_cut(world: World) -> None:
    email = f"{'a' * 120}@example.org"

    await world.login_with_identity(an_account(email, name=None))

    assert (await stored(world, email)).name == "a" * 100


@pytest.mark.parametrize("local", ["\u0301", "\ue000", "\u0378"])
async def test_a_mailbox_that_is_no_name_gives_a_user_the_name_of_its_domain(
    world: World, local: str
) -> None:
    email = f"{local}@EXAMPLE.org"

    await world.login_with_identity(an_account(email, name=None))

    assert (await stored(world, email)).name == "example.org"


async def test_registrations_are_counted(world: World) -> None:
    world.limits = RateLimits(register_address=RateLimit("address", 1, HOUR))
    await world.login_with_identity(an_account(), APP)
    another = an_account("bob@example.org", subject="2")

    with pytest.raises(TooManyRequests):
        await world.login_with_identity(another, APP)
    world.limits = RateLimits(register=RateLimit("all", 1, HOUR))
    await world.login_with_identity(another)
    with pytest.raises(TooManyRequests):
        await world.login_with_identity(an_account("eve@example.org", subject="3"))

    await world.login_with_identity(an_account(), APP)  # is no registration


REFUSALS: dict[str, tuple[ProviderAccount, dict[str, Any] | None, type[AuthError]]] = {
    "without an address": (an_account(None), None, ProviderEmailUnverified),
    "with an unverified address": (
        an_account(is_email_verified=False), None, ProviderEmailUnverified,
    ),
    "with an unverified address of a user": (
        an_account(is_email_verified=False), {"verified": True}, ProviderEmailUnverified,
    ),
    "after registration was closed": (an_account(), None, RegistrationClosed),
    "of a user whom an operator has created": (an_account(), {}, LinkRequired),
    "of a disabled user": (an_account(), {"disabled": True, "verified": True}, LinkRequired),
}  # fmt: skip


@pytest.mark.parametrize(("account", "holder", "error"), REFUSALS.values(), ids=REFUSALS)
async def test_an_unknown_account_is_refused_and_nothing_changes(
    world: World,
    account: ProviderAccount,
    holder: dict[str, Any] | None,
    error: type[AuthError],
) -> None:
    world.policy = RegistrationPolicy(is_open=False)
    world.social_policy = SocialPolicy(LinkingPolicy.VERIFIED)
    user = None
    if holder is not None:
        user = a_user(email=Email.parse(ADA), **holder)
        await world.users.add(user)

    with pytest.raises(error):
        await world.login_with_identity(account)

    assert await world.users.by_email(Email.parse(ADA)) == user
    assert await world.identities.find(account.issuer, account.subject) is None
    [event] = world.events.events
    assert (event.type, event.outcome) == (EventType.LOGIN, error.outcome)
    assert not event.is_kept


async def test_no_user_is_looked_for_by_an_address_that_is_not_proven(
    world: World, me: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of the answer would tell whether there is one."""
    asked: list[Email] = []

    async def by_email(email: Email) -> None:
        asked.append(email)

    monkeypatch.setattr(world.users, "by_email", by_email)

    with pytest.raises(ProviderEmailUnverified):
        await world.login_with_identity(an_account(me.user.email.address, is_email_verified=False))

    assert asked == []


async def test_a_verified_user_logs_in_first_unless_linking_is_on(
    world: World, me: Principal
) -> None:
    await world.change(me.user, verified=True)

    with pytest.raises(LinkRequired):
        await world.login_with_identity(an_account())

    world.social_policy = SocialPolicy(LinkingPolicy.VERIFIED)
    done = await world.login_with_identity(an_account())
    principal = await world.authenticate(done.tokens.access)
    assert principal.user.id == me.user.id
    [identity] = await world.identities.of_user(me.user.id)
    link, _ = world.events.events[-2:]
    assert (link.type, link.user_id, link.detail) == (
        EventType.LINK_IDENTITY, me.user.id, f"acme {identity.id}",
    )  # fmt: skip
    assert await changes_of(world) == [("linked", "Acme Inc.")]
    await world.reload_principal(me)  # sessions stay
    await world.log_in()  # and so does the password


@pytest.mark.parametrize("is_trusted", [False, True])
async def test_nothing_is_linked_to_a_user_with_a_second_factor_before_it_is_shown(
    world: World, me: Principal, is_trusted: bool
) -> None:
    """The reader of the mailbox would log in by an own account at a provider whose word for a
    second factor counts, or later, once the user has removed the factor.
    """
    await world.change(me.user, verified=True)
    await enrolled(world, await stored(world))
    world.social_policy = SocialPolicy(LinkingPolicy.VERIFIED)

    with pytest.raises(LinkRequired):
        await world.login_with_identity(an_account(has_second_factor=is_trusted))

    assert await world.identities.of_user(me.user.id) == []


async def test_a_user_with_many_identities_gets_no_other_one(world: World, me: Principal) -> None:
    await world.change(me.user, verified=True)
    for number in range(MAX_IDENTITIES):
        await linked(world, me.user, an_account(subject=f"n{number}"))
    world.social_policy = SocialPolicy(LinkingPolicy.VERIFIED)

    with pytest.raises(LinkRequired):
        await world.login_with_identity(an_account())


async def test_the_reader_of_the_mailbox_takes_over_what_a_stranger_has_registered(
    world: World, me: Principal
) -> None:
    world.policy = RegistrationPolicy(is_open=False)
    stranger = (await world.login(ADA, PASSWORD)).device_token

    done = await world.login_with_identity(an_account(), APP)

    user = (await world.authenticate(done.tokens.access)).user
    assert user.id == me.user.id
    assert user.password_hash == NO_PASSWORD
    assert user.verified
    [session] = await world.sessions.of_user(user.id)
    assert session.methods == {Method.FEDERATED}
    assert world.devices.recognise(stranger, user) is None
    proof, link, _ = world.events.events[-3:]
    assert (proof.type, proof.detail) == (
        EventType.VERIFY_EMAIL, "password and sessions dropped",
    )  # fmt: skip
    assert link.type is EventType.LINK_IDENTITY
    assert await changes_of(world) == [("taken_over", "Acme Inc.")]
    with pytest.raises(InvalidCredentials):
        await world.login(ADA, PASSWORD)


@pytest.mark.parametrize("has", ["a factor", "an identity"])
async def test_a_stranger_with_a_factor_or_an_identity_is_not_replaced(
    world: World, me: Principal, has: str
) -> None:
    if has == "a factor":
        await enrolled(world, me.user)
    else:
        await linked(world, me.user, an_account(subject="another"))

    with pytest.raises(LinkRequired):
        await world.login_with_identity(an_account())

    assert (await stored(world)).password_hash != NO_PASSWORD


async def test_an_invited_user_accepts_the_invitation(world: World) -> None:
    world.policy = RegistrationPolicy(is_open=False)
    invited = await world.invite_user(Operator(), Invitee("Ada", ADA))
    [letter] = await world.read_mail()
    assert letter.token

    done = await world.login_with_identity(an_account())

    user = (await world.authenticate(done.tokens.access)).user
    assert user.id == invited.id
    assert user.verified
    assert user.password_hash == NO_PASSWORD
    proof, link, _ = world.events.events[-3:]
    assert (proof.type, proof.detail, link.type) == (
        EventType.VERIFY_EMAIL, "", EventType.LINK_IDENTITY,
    )  # fmt: skip
    assert await changes_of(world) == [("linked", "Acme Inc.")]
    with pytest.raises(OneTimeTokenInvalid):  # the link in the mail is spent
        await world.reset_password(letter.token, PASSWORD)


async def test_a_former_address_is_reserved_for_its_owner(world: World, me: Principal) -> None:
    await world.request_email_change(me, "new@example.org", PASSWORD)
    link = next(each.token for each in await world.read_mail() if each.to == "new@example.org")
    assert link
    await world.confirm_email_change(link)
    assert await world.users.by_email(Email.parse(ADA)) is None

    with pytest.raises(LinkRequired):
        await world.login_with_identity(an_account())

    assert await world.users.by_email(Email.parse(ADA)) is None


async def test_a_link_to_a_deleted_user_is_deleted(world: World, me: Principal) -> None:
    identity = await linked(world, me.user)
    world.users = type(world.users)()  # which knows neither the user nor the identity

    done = await world.login_with_identity(an_account())

    assert (await world.authenticate(done.tokens.access)).user.id != me.user.id
    assert await world.identities.by_id(identity.id) is None


@pytest.mark.usefixtures("me")
async def test_a_provider_that_is_not_configured_any_more_is_named(world: World) -> None:
    gone = an_account(provider=ProviderName("gone"))

    await world.login_with_identity(gone)

    assert await changes_of(world) == [("taken_over", "gone")]
