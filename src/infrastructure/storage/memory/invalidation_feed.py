"""An invalidation feed within this process."""

from domain.user import UserId
from infrastructure.storage.near_cache.invalidation_feed import Follower, InvalidationFeed


class MemoryFeed(InvalidationFeed):
    """Direct: a change is told before the call that made it returns."""

    def __init__(self) -> None:
        self._followers: list[Follower] = []

    def follow(self, follower: Follower) -> None:
        self._followers.append(follower)

    def is_live(self) -> bool:
        return True

    def tell(self, user_id: UserId) -> None:
        for follower in self._followers:
            follower(user_id)
