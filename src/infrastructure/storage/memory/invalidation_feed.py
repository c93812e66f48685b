"""An invalidation feed within this process."""

from domain.user import UserId
from infrastructure.storage.near_cache.invalidation_feed import InvalidationFeed, Subscriber


class MemoryFeed(InvalidationFeed):
    """Reports a change before the call that made it returns."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> None:
        self._subscribers.append(subscriber)

    def is_live(self) -> bool:
        return True

    def publish(self, user_id: UserId) -> None:
        for subscriber in self._subscribers:
            subscriber(user_id)
