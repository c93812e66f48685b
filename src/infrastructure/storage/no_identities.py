"""In place of the store of identities where the backend of the users has none."""

from collections.abc import Sequence

from typing_extensions import override

from application.ports import NO_EFFECTS, UNCHANGED, Effects, IdentityStore, Stored
from domain.social_login.identity import Identity, IdentityId
from domain.user import UserId


class NoIdentities(IdentityStore):
    """No user has any, and changes of users link none: memory would lose them."""

    @override
    async def find(self, issuer: str, subject: str) -> Identity | None:
        return None

    @override
    async def by_id(self, identity_id: IdentityId) -> Identity | None:
        return None

    @override
    async def of_user(self, user_id: UserId) -> Sequence[Identity]:
        return ()

    @override
    async def replace(self, old: Identity, new: Identity) -> Stored[bool]:
        return UNCHANGED

    @override
    async def delete(self, identity: Identity, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        return UNCHANGED

    async def forget(self, user_id: UserId) -> None:
        """Nothing is stored."""
