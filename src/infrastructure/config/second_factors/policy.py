"""The settings of second factors."""

from dataclasses import dataclass

from application.second_factors.policy import SecondFactorPolicy
from infrastructure.config import parsers
from infrastructure.config.environment_variables import declare


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactorSettings:
    """Who has a second factor."""

    mfa: str = declare(
        "MFA",
        parsers.one_of(*SecondFactorPolicy),
        SecondFactorPolicy.OPTIONAL.value,
        "Who has a second factor: `optional` leaves it to each user. `admins` (auditors "
        "among them) or `everybody` must have one: until they do, their sessions are good for "
        "its enrolment alone. `off`: no user enrols any; those that exist are still asked for at "
        "logins.",
    )

    @property
    def policy(self) -> SecondFactorPolicy:
        return SecondFactorPolicy(self.mfa)
