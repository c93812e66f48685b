"""In place of a store of second factors where the backend of the users has none."""

from collections.abc import Sequence

from typing_extensions import override

from application.ports import NO_EFFECTS, Effects, SecondFactorStore, Stored
from domain.errors import SecondFactorsOff
from domain.second_factors.factors import SecondFactors
from domain.user import UserId


class NoSecondFactors(SecondFactorStore):
    """No user has any, and none can be stored: memory would lose them, and with them the need."""

    async def of_user(self, user_id: UserId) -> SecondFactors:
        return SecondFactors(user_id)

    @override
    async def replace(
        self, old: SecondFactors, new: SecondFactors, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        raise SecondFactorsOff

    async def forget(self, user_id: UserId) -> None:
        """Nothing is stored."""

    @override
    async def page(self, after: UserId | None, limit: int) -> Sequence[SecondFactors]:
        return ()
