"""A near cache of users and sessions, so that most requests need no store.

It is safe because of an invalidation feed, which reports changes and vouches for its own silence.
``docs/revocation.md`` states the guarantee and argues that it holds.

A cached record is used only while the feed is live. A read that was under way when a change was
reported caches nothing: each user has a partition of the cache, an invalidation discards the
partition, and a read writes into the partition that was there before it began.
"""

from collections.abc import Awaitable
from typing import Generic, TypeVar

from domain.user import UserId
from infrastructure.storage.near_cache.invalidation_feed import InvalidationFeed

_MAX_RECORDS = 100
"""Entries of one user, whose number of logins is unlimited."""

_Record = TypeVar("_Record")
_Partition = dict[object, _Record]


class PerUserCache(Generic[_Record]):
    """
    :param max_users: of more users, the first ones are evicted.
    """

    def __init__(self, feed: InvalidationFeed, max_users: int) -> None:
        self._feed = feed
        self._max_users = max_users
        self._partitions: dict[UserId, _Partition[_Record]] = {}
        feed.subscribe(self.invalidate)

    def get(self, user_id: UserId, key: object) -> _Record | None:
        if not self._feed.is_live():
            return None
        partition = self._partitions.get(user_id)
        return partition.get(key) if partition else None

    async def load(
        self, user_id: UserId, key: object, read: Awaitable[_Record | None]
    ) -> _Record | None:
        """Read the record from the store, and cache it unless it is invalidated meanwhile.

        :param read: must not begin before this call.
        """
        partition = self._partitions.get(user_id)
        if partition is None:
            self._evict()
            partition = self._partitions[user_id] = {}
        record = await read
        if record is None:  # deleted, which the feed may report later
            partition.pop(key, None)
        else:
            if len(partition) >= _MAX_RECORDS:
                partition.clear()
            partition[key] = record
        return record

    def invalidate(self, user_id: UserId | None) -> None:
        """Discard the user's records; with ``None`` those of all users."""
        if user_id is None:
            self._partitions.clear()
        else:
            self._partitions.pop(user_id, None)

    def _evict(self) -> None:
        if len(self._partitions) >= self._max_users:
            del self._partitions[next(iter(self._partitions))]
