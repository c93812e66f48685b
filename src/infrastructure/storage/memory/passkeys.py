"""Passkeys in this process's memory."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from typing_extensions import override

from application.ports import CHANGED, NO_EFFECTS, UNCHANGED, Effects, PasskeyStore, Stored
from domain.second_factors.passkey import MAX_PASSKEYS, Passkey, PasskeyId
from domain.user import UserId


class MemoryPasskeys(PasskeyStore):
    def __init__(self) -> None:
        self._passkeys: dict[PasskeyId, Passkey] = {}
        self._handles: dict[UserId, bytes] = {}

    @override
    async def add(self, passkey: Passkey, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        has_place = len(self._of(passkey.user_id)) < MAX_PASSKEYS
        has_handle = passkey.user_id in self._handles
        if passkey.id in self._passkeys or not (has_handle and has_place):
            return UNCHANGED
        self._passkeys[passkey.id] = passkey
        return CHANGED

    async def of_user(self, user_id: UserId) -> Sequence[Passkey]:
        return sorted(self._of(user_id), key=lambda each: (each.created_at, each.id))

    async def by_id(self, passkey_id: PasskeyId) -> Passkey | None:
        return self._passkeys.get(passkey_id)

    @override
    async def replace(
        self, old: Passkey, new: Passkey, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        if self._passkeys.get(old.id) != old:
            return UNCHANGED
        self._passkeys[old.id] = new
        return CHANGED

    @override
    async def delete(
        self, passkey: Passkey, effects: Effects = NO_EFFECTS, *, not_last: bool = False
    ) -> Stored[bool]:
        mine = self._of(passkey.user_id)
        if passkey.id not in [each.id for each in mine] or len(mine) <= int(not_last):
            return UNCHANGED
        del self._passkeys[passkey.id]
        return CHANGED

    async def forget(self, user_id: UserId) -> None:
        self._handles.pop(user_id, None)
        for passkey in self._of(user_id):
            del self._passkeys[passkey.id]

    async def handle_of(self, user_id: UserId, new: bytes) -> bytes:
        return self._handles.setdefault(user_id, new)

    async def find(self, passkey_id: PasskeyId, handle: bytes) -> Passkey | None:
        found = self._passkeys.get(passkey_id)
        return found if found and self._handles.get(found.user_id) == handle else None

    async def of_other_domains(self, known: Collection[str]) -> Mapping[str, int]:
        return Counter(each.rp_id for each in self._passkeys.values() if each.rp_id not in known)

    def _of(self, user_id: UserId) -> list[Passkey]:
        return [each for each in self._passkeys.values() if each.user_id == user_id]
