"""Copies of users and sessions in this process, so that most requests need no store.

What makes a copy safe is a feed (``near_cache.invalidation_feed``): it tells what was changed, and
vouches for its own silence. ``docs/revocation.md`` states the guarantee and argues that it holds.

A copy is used only while the feed is live. A read that was under way when a change was told leaves
no copy: each user's copies are in a folder of their own, a change throws the folder away, and what
was read goes into the folder that was there before the reading began, whether or not anybody
looks there any more.
"""

from collections.abc import Awaitable
from typing import Generic, TypeVar

from domain.user import UserId
from infrastructure.storage.near_cache.invalidation_feed import InvalidationFeed

_LARGEST_FOLDER = 100
"""In records: somebody may log in without end."""

_Record = TypeVar("_Record")
_Folder = dict[object, _Record]


class Copies(Generic[_Record]):
    """
    :param most: of how many users copies are kept; those that came first go first.
    """

    def __init__(self, feed: InvalidationFeed, most: int) -> None:
        self._feed = feed
        self._most = most
        self._folders: dict[UserId, _Folder[_Record]] = {}
        feed.follow(self.drop)

    def find(self, user_id: UserId, key: object) -> _Record | None:
        if not self._feed.is_live():
            return None
        folder = self._folders.get(user_id)
        return folder.get(key) if folder else None

    async def read(
        self, user_id: UserId, key: object, record: Awaitable[_Record | None]
    ) -> _Record | None:
        """
        :param record: is read from the store, not before this call.
        """
        folder = self._folders.get(user_id)
        if folder is None:
            self._make_room()
            folder = self._folders[user_id] = {}
        found = await record
        if found is not None:
            if len(folder) >= _LARGEST_FOLDER:
                folder.clear()
            folder[key] = found
        return found

    def drop(self, user_id: UserId | None) -> None:
        if user_id is None:
            self._folders.clear()
        else:
            self._folders.pop(user_id, None)

    def _make_room(self) -> None:
        if len(self._folders) >= self._most:
            del self._folders[next(iter(self._folders))]
