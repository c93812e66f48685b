"""Identities in this process's memory."""

from collections.abc import Sequence

from typing_extensions import override

from application.ports import CHANGED, NO_EFFECTS, UNCHANGED, Effects, IdentityStore, Stored
from domain.social_login.identity import MAX_IDENTITIES, Identity, IdentityId
from domain.user import UserId


class MemoryIdentities(IdentityStore):
    def __init__(self) -> None:
        self._identities: dict[IdentityId, Identity] = {}
        self._ids: dict[tuple[str, str], IdentityId] = {}  # by account

    async def find(self, issuer: str, subject: str) -> Identity | None:
        identity_id = self._ids.get((issuer, subject))
        return self._identities[identity_id] if identity_id else None

    async def by_id(self, identity_id: IdentityId) -> Identity | None:
        return self._identities.get(identity_id)

    async def of_user(self, user_id: UserId) -> Sequence[Identity]:
        return sorted(self._of(user_id), key=lambda each: (each.created_at, each.id))

    async def replace(self, old: Identity, new: Identity) -> Stored[bool]:
        if self._identities.get(old.id) != old:
            return UNCHANGED
        self._identities[old.id] = new
        return CHANGED

    @override
    async def delete(self, identity: Identity, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        if not self._is_linked(identity):
            return UNCHANGED
        self._remove(identity.id)
        return CHANGED

    async def forget(self, user_id: UserId) -> None:
        for identity in self._of(user_id):
            self._remove(identity.id)

    def can_change(self, effects: Effects) -> bool:
        """Return whether a change of a user can unlink and link what it brings."""
        if effects.unlinked and not self._is_linked(effects.unlinked):
            return False
        return effects.linked is None or self._can_link(effects.linked, effects)

    def change(self, effects: Effects) -> None:
        """Unlink and link, after :meth:`can_change`."""
        for identity_id in self._unlinked_by(effects):
            self._remove(identity_id)
        if effects.linked:
            account = effects.linked.issuer, effects.linked.subject
            self._identities[effects.linked.id] = effects.linked
            self._ids[account] = effects.linked.id

    def _is_linked(self, identity: Identity) -> bool:
        stored = self._identities.get(identity.id)
        return stored is not None and stored.user_id == identity.user_id

    def _can_link(self, identity: Identity, effects: Effects) -> bool:
        unlinked = self._unlinked_by(effects)
        holder = self._ids.get((identity.issuer, identity.subject))
        is_free = {holder, identity.id} & self._identities.keys() <= unlinked
        left = {each.id for each in self._of(identity.user_id)} - unlinked
        return is_free and len(left) < MAX_IDENTITIES

    def _unlinked_by(self, effects: Effects) -> set[IdentityId]:
        all_of = self._of(effects.unlinks_all_of) if effects.unlinks_all_of else []
        return {each.id for each in (*all_of, effects.unlinked) if each}

    def _remove(self, identity_id: IdentityId) -> None:
        identity = self._identities.pop(identity_id)
        del self._ids[identity.issuer, identity.subject]

    def _of(self, user_id: UserId) -> list[Identity]:
        return [each for each in self._identities.values() if each.user_id == user_id]
