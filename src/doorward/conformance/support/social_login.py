"""Example identities for tests. Each test states only what it is about."""

from dataclasses import replace
from typing import Any

from application.ports import Effects
from domain.email import Email
from domain.social_login.identity import (
    LONGEST_ISSUER,
    LONGEST_SUBJECT,
    PROVIDER_NAME_LENGTH,
    Identity,
    IdentityId,
    ProviderName,
)
from domain.user import User
from doorward.conformance.support.examples import MICROSECOND, NOW, a_user, new_id
from doorward.conformance.support.opening import SocialStores

ISSUER = "https://accounts.example.org/".ljust(LONGEST_ISSUER, "x")


def an_identity(user: User, **changes: Any) -> Identity:
    """Return an identity with every attribute; changes are attributes."""
    identity = Identity(
        IdentityId(new_id()),
        ISSUER,
        new_id().ljust(LONGEST_SUBJECT, "x"),
        user.id,
        ProviderName("p" * PROVIDER_NAME_LENGTH),
        NOW,
        "Ada@example.org",
        NOW + MICROSECOND,
    )
    return replace(identity, **changes)


def another_user(**changes: Any) -> User:
    """Return a new user with an address that no other one has."""
    return a_user(email=Email.parse(f"{new_id()}@example.org"), **changes)


async def a_stored_user(social: SocialStores) -> User:
    """Return a stored user."""
    user = another_user()
    await social.users.add(user)
    return user


async def link(social: SocialStores, user: User, *identities: Identity) -> None:
    """Link identities to a stored user."""
    for identity in identities:
        assert (await social.users.replace(user, user, Effects(linked=identity))).changed
