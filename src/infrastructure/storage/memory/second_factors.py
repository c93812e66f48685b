"""Second factors in this process's memory."""

from collections.abc import Sequence

from typing_extensions import override

from application.ports import (
    CHANGED,
    NO_EFFECTS,
    UNCHANGED,
    Effects,
    SecondFactorStore,
    Stored,
)
from domain.second_factors.factors import SecondFactors
from domain.user import UserId


class MemorySecondFactors(SecondFactorStore):
    def __init__(self) -> None:
        self._factors: dict[UserId, SecondFactors] = {}

    async def of_user(self, user_id: UserId) -> SecondFactors:
        return self._factors.get(user_id, SecondFactors(user_id))

    @override
    async def replace(
        self, old: SecondFactors, new: SecondFactors, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        none = SecondFactors(old.user_id)
        if self._factors.get(old.user_id, none) != old or old == none == new:
            return UNCHANGED
        if new == none:
            del self._factors[old.user_id]
        else:
            self._factors[old.user_id] = new
        return CHANGED

    async def forget(self, user_id: UserId) -> None:
        self._factors.pop(user_id, None)

    async def page(self, after: UserId | None, limit: int) -> Sequence[SecondFactors]:
        later = sorted(each for each in self._factors if after is None or each > after)
        return [self._factors[each] for each in later[:limit]]
