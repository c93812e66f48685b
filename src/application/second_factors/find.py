"""Find out which factors a user has."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.ports import SecondFactorStore
from domain.authentication import Method
from domain.second_factors.factors import SecondFactors
from domain.user import User


@dataclass(frozen=True, slots=True)
class Factors:
    """The factors of a user.

    :ivar stored: the authenticator app and the recovery codes.
    """

    stored: SecondFactors

    @property
    def methods(self) -> Sequence[Method]:
        """The methods that complete a login; none if the password is enough. Recovery codes stand
        in for another factor: they are none by themselves.
        """
        real = [Method.TOTP] if self.stored.totp else []
        return [*real, Method.RECOVERY_CODE] if real and self.stored.recovery_codes else real


@dataclass(frozen=True, slots=True)
class FindFactors:
    second_factors: SecondFactorStore

    async def __call__(self, user: User) -> Factors:
        return Factors(await self.second_factors.of_user(user.id))
