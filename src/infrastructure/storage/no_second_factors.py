"""In place of the stores of second factors where the backend of the users has none."""

from collections.abc import Collection, Mapping, Sequence

from typing_extensions import override

from application.ports import (
    NO_EFFECTS,
    UNCHANGED,
    Effects,
    PasskeyStore,
    SecondFactorStore,
    Stored,
)
from domain.errors import SecondFactorsOff
from domain.second_factors.factors import SecondFactors
from domain.second_factors.passkey import Passkey, PasskeyId
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


class NoPasskeys(PasskeyStore):
    """No user has any, and none can be added: memory would lose them."""

    @override
    async def add(self, passkey: Passkey, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        raise SecondFactorsOff

    @override
    async def of_user(self, user_id: UserId) -> Sequence[Passkey]:
        return ()

    @override
    async def by_id(self, passkey_id: PasskeyId) -> Passkey | None:
        return None

    @override
    async def replace(
        self, old: Passkey, new: Passkey, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        return UNCHANGED

    @override
    async def delete(
        self, passkey: Passkey, effects: Effects = NO_EFFECTS, *, not_last: bool = False
    ) -> Stored[bool]:
        return UNCHANGED

    async def forget(self, user_id: UserId) -> None:
        """Nothing is stored."""

    @override
    async def handle_of(self, user_id: UserId, new: bytes) -> bytes:
        raise SecondFactorsOff

    @override
    async def find(self, passkey_id: PasskeyId, handle: bytes) -> Passkey | None:
        return None

    @override
    async def of_other_domains(self, known: Collection[str]) -> Mapping[str, int]:
        return {}
