"""What a login with an account of another provider leads to. See docs/adr/0063."""

from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from domain.permissions import Role
from domain.social_login.identity import ProviderAccount
from domain.user import NO_PASSWORD, User


class LinkingPolicy(StrEnum):
    """Whether an unknown account logs in the user who has its address: ``SOCIAL_LINKING``."""

    OFF = auto()
    """Users link accounts themselves, in a session."""
    VERIFIED = auto()
    """It does, if the provider and this service have both verified the address."""


class Verdict(Enum):
    """What follows from the login of an account that no user has linked."""

    REGISTER = auto()
    """A new user with this address, verified."""
    LINK = auto()
    """The user who has the address gets the account as another way to log in."""
    TAKE_OVER = auto()
    """The same; but a stranger may have registered the address, and loses the password, the
    sessions and the identities of before.
    """
    ACCEPT_INVITATION = auto()
    """The invited user has yet to choose a way to log in, and this is it."""
    REFUSE_CLOSED = auto()
    """No new users here."""
    REFUSE_UNVERIFIED = auto()
    """The provider has not verified the address: it may be that of another person."""
    REFUSE_KNOWN = auto()
    """The user with this address has to log in first, and link the account then."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The user who has the address of an unknown account.

    :ivar has_identity: whether the user has linked an account of a provider.
    """

    user: User
    has_second_factor: bool = False
    has_identity: bool = False


def decide(
    account: ProviderAccount,
    holder: Holder | None,
    linking: LinkingPolicy,
    *,
    is_registration_open: bool,
) -> Verdict:
    """Decide what the login of an account leads to that no user has linked.

    :param holder: the user with the address of the account; ``None`` if there is none.
    """
    if account.email is None or not account.is_email_verified:
        return Verdict.REFUSE_UNVERIFIED
    if holder is None:
        return Verdict.REGISTER if is_registration_open else Verdict.REFUSE_CLOSED
    if holder.user.disabled or holder.has_second_factor:  # a mailbox is no second factor
        return Verdict.REFUSE_KNOWN
    if holder.user.verified:
        return Verdict.LINK if linking is LinkingPolicy.VERIFIED else Verdict.REFUSE_KNOWN
    return _decide_unverified(holder)


def _decide_unverified(holder: Holder) -> Verdict:
    user = holder.user
    if holder.has_identity or user.role is not Role.USER:
        return Verdict.REFUSE_KNOWN
    if user.is_invited:
        return Verdict.ACCEPT_INVITATION
    return Verdict.TAKE_OVER if user.self_registered else Verdict.REFUSE_KNOWN


def has_own_way_in(user: User, *, can_reset: bool, other_identities: int) -> bool:
    """Return whether a user can log in without a certain identity.

    Passkeys do not count: they can be removed in the same moment.

    :param can_reset: whether a link for a new password reaches the user by mail.
    """
    return user.password_hash != NO_PASSWORD or can_reset or other_identities > 0
