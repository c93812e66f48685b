"""Find out which factors a user has."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.ports import PasskeyStore, SecondFactorStore
from domain.authentication import Method
from domain.second_factors.factors import SecondFactors
from domain.second_factors.passkey import Passkey
from domain.user import User


@dataclass(frozen=True, slots=True)
class Factors:
    """The factors of a user.

    :ivar stored: the authenticator app and the recovery codes.
    """

    stored: SecondFactors
    passkeys: Sequence[Passkey] = ()

    @property
    def methods(self) -> Sequence[Method]:
        """The methods that complete a login, the strongest first; none if the password is enough.

        Recovery codes stand in for another factor: they are none by themselves.
        """
        passkey = [Method.PASSKEY] if self.passkeys else []
        real = [*passkey, Method.TOTP] if self.stored.totp else passkey
        return [*real, Method.RECOVERY_CODE] if real and self.stored.recovery_codes else real


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FindFactors:
    second_factors: SecondFactorStore
    passkeys: PasskeyStore

    async def __call__(self, user: User) -> Factors:
        return Factors(
            await self.second_factors.of_user(user.id), await self.passkeys.of_user(user.id)
        )
