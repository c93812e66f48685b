"""Users from the near cache."""

from collections.abc import Sequence

from application.ports import CachedUsers, UserRepository
from application.ports.pagination import Page, Total, UserQuery
from domain.audit_event import Event
from domain.email import Email
from domain.user import User, UserId
from infrastructure.storage.near_cache.copies import Copies
from infrastructure.storage.near_cache.invalidation_feed import InvalidationFeed


class NearCacheUsers(UserRepository, CachedUsers):
    """
    :param users: which are asked when there is no copy, and which are written to.
    """

    def __init__(self, users: UserRepository, feed: InvalidationFeed, most: int) -> None:
        self._users = users
        self._copies = Copies[User](feed, most)

    def cached(self, user_id: UserId) -> User | None:
        return self._copies.find(user_id, user_id)

    async def possibly_stale(self, user_id: UserId) -> User | None:
        return self.cached(user_id) or await self.get(user_id)

    async def add(self, user: User, event: Event | None = None) -> None:
        await self._users.add(user, event)

    async def add_all(self, users: Sequence[User], event: Event | None = None) -> Sequence[UserId]:
        return await self._users.add_all(users, event)

    async def get(self, user_id: UserId) -> User | None:
        return await self._copies.read(user_id, user_id, self._users.get(user_id))

    async def by_email(self, email: Email) -> User | None:
        return await self._users.by_email(email)

    async def replace(self, old: User, new: User, event: Event | None = None) -> bool:
        try:
            return await self._users.replace(old, new, event)
        finally:  # also when nobody knows whether it has happened
            self._copies.drop(old.id)

    async def delete(self, user_id: UserId, event: Event | None = None) -> None:
        try:
            await self._users.delete(user_id, event)
        finally:
            self._copies.drop(user_id)

    async def page(self, query: UserQuery, after: str | None, limit: int) -> Page[User]:
        return await self._users.page(query, after, limit)

    async def count(self, query: UserQuery) -> Total:
        return await self._users.count(query)
