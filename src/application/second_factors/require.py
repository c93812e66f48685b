"""Require a second factor where a request has to bring it along."""

from dataclasses import dataclass

from application.audit import Entry
from application.second_factors.find import FindFactors
from application.second_factors.verify import FactorProof, VerifyFactor
from domain.errors import SecondFactorRequired
from domain.user import User


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RequireFactor:
    """Require a second factor of a user who has one, without a challenge."""

    find_factors: FindFactors
    verify_factor: VerifyFactor

    async def __call__(self, user: User, shown: FactorProof | None, entry: Entry) -> None:
        """
        :param entry: the record of what the factor is for.
        :raises SecondFactorRequired: the user has a factor, and none was shown.
        :raises SecondFactorInvalid: see
            :class:`~application.second_factors.verify.VerifyFactor`, and so is
            ``PasskeyInvalid``.
        """
        methods = (await self.find_factors(user)).methods
        if not methods:
            return
        if shown is None:
            raise SecondFactorRequired(methods)
        await self.verify_factor(user, shown, entry)
