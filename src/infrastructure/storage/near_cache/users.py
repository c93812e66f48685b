"""Users behind the near cache."""

from collections.abc import Sequence

from application.pagination import Page, Total, UserQuery
from application.ports import NO_EFFECTS, CachedUsers, Effects, Stored, UserRepository
from domain.email import Email
from domain.user import User, UserId
from infrastructure.storage.near_cache.invalidation_feed import InvalidationFeed
from infrastructure.storage.near_cache.per_user_cache import PerUserCache


class NearCacheUsers(UserRepository, CachedUsers):
    """
    :param users: read when a user is not cached, and written to.
    """

    def __init__(self, users: UserRepository, feed: InvalidationFeed, max_users: int) -> None:
        self._users = users
        self._cache = PerUserCache[User](feed, max_users)

    def cached(self, user_id: UserId) -> User | None:
        return self._cache.get(user_id, user_id)

    async def possibly_stale(self, user_id: UserId) -> User | None:
        return self.cached(user_id) or await self.get(user_id)

    async def add(self, user: User, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        return await self._users.add(user, effects)

    async def add_all(
        self, users: Sequence[User], effects: Effects = NO_EFFECTS
    ) -> Stored[Sequence[UserId]]:
        return await self._users.add_all(users, effects)

    async def get(self, user_id: UserId) -> User | None:
        return await self._cache.load(user_id, user_id, self._users.get(user_id))

    async def by_email(self, email: Email) -> User | None:
        return await self._users.by_email(email)

    async def replace(self, old: User, new: User, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        try:
            return await self._users.replace(old, new, effects)
        finally:  # also when it is unknown whether it happened
            self._cache.invalidate(old.id)

    async def delete(self, user_id: UserId, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        try:
            return await self._users.delete(user_id, effects)
        finally:
            self._cache.invalidate(user_id)

    async def page(self, query: UserQuery, after: str | None, limit: int) -> Page[User]:
        return await self._users.page(query, after, limit)

    async def count(self, query: UserQuery, exact_up_to: int = 1000) -> Total:
        return await self._users.count(query, exact_up_to)
