"""What the operator has decided about new users and their addresses."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class EmailVerification(StrEnum):
    """Whether users prove that they receive mail at their address."""

    OFF = "off"
    """No mail asks for it."""
    OPTIONAL = "optional"
    """New users get a mail that asks for it."""
    REQUIRED = "required"
    """Users log in after they have proven it."""


@dataclass(frozen=True, slots=True)
class RegistrationPolicy:
    """
    :ivar is_open: whether people may register, or only the operator creates users.
    :ivar discloses: whether the answer to a registration says that the address is taken.
    :ivar unverified_lifetime: when users who have registered, and have not proven their address by
        then, are deleted; ``None`` for never.
    """

    is_open: bool = True
    discloses: bool = True
    email_verification: EmailVerification = EmailVerification.OFF
    unverified_lifetime: timedelta | None = None

    @property
    def asks_for_verification(self) -> bool:
        """Whether new users get a mail that asks them to prove their address."""
        return self.email_verification is not EmailVerification.OFF

    @property
    def requires_verification(self) -> bool:
        """Whether users log in only after they have proven their address."""
        return self.email_verification is EmailVerification.REQUIRED
