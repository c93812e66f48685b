"""Identities: accounts at other providers by which users log in."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NewType, Self

from domain.authentication import Method
from domain.email import Email
from domain.user import UserId

ProviderName = NewType("ProviderName", str)
"""The name of a provider in settings, routes and rows, such as ``google``."""
PROVIDER_NAME_LENGTH = 30
_PROVIDER_NAME = re.compile(rf"[a-z][a-z0-9-]{{0,{PROVIDER_NAME_LENGTH - 1}}}")

IdentityId = NewType("IdentityId", str)
"""128 random bits as 32 hexadecimal digits: routes name an identity by it."""
_IDENTITY_ID = re.compile(r"[0-9a-f]{32}")

MAX_IDENTITIES = 20
"""That a user has at a time."""
LONGEST_ISSUER = 255
LONGEST_SUBJECT = 255
"""In ASCII characters (OpenID Connect Core, section 2)."""


@dataclass(frozen=True, slots=True)
class ProviderAccount:
    """What a provider has said about the person who logged in there, after all checks.

    :ivar issuer: with ``subject`` the key of the account. An address is never part of it: it can
        pass on to another person.
    :ivar email: as the provider states it; ``None`` if it states none that can be used.
    :ivar is_email_verified: whether the provider says so, or the operator has said it for all of
        its addresses.
    :ivar name: for a new user; ``None`` if the provider states none.
    :ivar has_second_factor: whether the provider says that it asked for several factors, and the
        operator trusts its word.
    :ivar is_fresh: whether the person has authenticated there just now, as far as the provider
        can be asked for that.
    """

    provider: ProviderName
    issuer: str
    subject: str
    email: Email | None = None
    is_email_verified: bool = False
    name: str | None = None
    has_second_factor: bool = False
    is_fresh: bool = False

    @property
    def methods(self) -> frozenset[Method]:
        """The methods that a login with this account shows."""
        return frozenset({Method.FEDERATED_MFA if self.has_second_factor else Method.FEDERATED})


@dataclass(frozen=True, slots=True)
class Identity:
    """An account at a provider that logs a user in.

    :ivar provider: under which name it was linked. The provider may have another one since.
    :ivar email: which the account had at its last login, for its owner to recognise it.
    """

    id: IdentityId
    issuer: str
    subject: str
    user_id: UserId
    provider: ProviderName
    created_at: datetime
    email: str | None = None
    last_used_at: datetime | None = None

    @classmethod
    def of(
        cls, account: ProviderAccount, identity_id: IdentityId, user_id: UserId, now: datetime
    ) -> Self:
        """Return the link of a user to an account that the user has just logged in with."""
        return cls(
            identity_id,
            account.issuer,
            account.subject,
            user_id,
            account.provider,
            created_at=now,
            email=account.email.address if account.email else None,
            last_used_at=now,
        )

    def used(self, account: ProviderAccount, now: datetime) -> Self:
        """Return the identity after a login with it."""
        email = account.email.address if account.email else None
        return replace(self, email=email, provider=account.provider, last_used_at=now)


def is_identity_id(text: str) -> bool:
    return _IDENTITY_ID.fullmatch(text) is not None


def is_provider_name(text: str) -> bool:
    return _PROVIDER_NAME.fullmatch(text) is not None
