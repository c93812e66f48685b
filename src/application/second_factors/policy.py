"""What the operator demands of users: the setting ``MFA``."""

from enum import StrEnum, auto

from domain.authentication import Level
from domain.errors import SecondFactorsOff
from domain.session import Session
from domain.user import User


class SecondFactorPolicy(StrEnum):
    """Which users may enrol second factors, and which ones must.

    Factors that exist are asked for at each login, whatever the policy is.
    """

    OFF = auto()
    """No user enrols any."""
    OPTIONAL = auto()
    ADMINS = auto()
    """Users with a permission must: administrators and auditors."""
    EVERYBODY = auto()

    @property
    def demands_factors(self) -> bool:
        """Whether some users must have a second factor."""
        return self in {SecondFactorPolicy.ADMINS, SecondFactorPolicy.EVERYBODY}

    def require_enrolment_allowed(self) -> None:
        """:raises SecondFactorsOff: no user may enrol a second factor."""
        if self is SecondFactorPolicy.OFF:
            raise SecondFactorsOff

    def requires_level_two(self, user: User) -> bool:
        """Return whether the user must have a second factor."""
        return self is SecondFactorPolicy.EVERYBODY or (
            self is SecondFactorPolicy.ADMINS and user.role.has_permissions
        )

    def restricts(self, session: Session, user: User) -> bool:
        """Return whether the session is good for the enrolment of a second factor alone.

        It follows from the user and the session as they are now, so an enrolment lifts it, and so
        does a change of the role.
        """
        return self.requires_level_two(user) and session.level < Level.TWO
