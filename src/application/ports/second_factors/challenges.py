"""The challenges that clients have to answer."""

from abc import abstractmethod
from datetime import datetime
from typing import Protocol

from domain.second_factors.challenge import Challenge
from domain.user import UserId


class ChallengeStore(Protocol):
    """Challenges by the digests of their secrets."""

    @abstractmethod
    async def add(self, challenge: Challenge) -> None:
        """Store a new challenge."""

    @abstractmethod
    async def count_try(self, digest: str) -> Challenge | None:
        """Count an attempt to answer a challenge.

        :returns: the challenge with the number of attempts, this one included: parallel ones get
            different numbers. ``None`` of an unknown one.
        """

    @abstractmethod
    async def take(self, digest: str) -> Challenge | None:
        """Delete a challenge and return it: of any number of parallel calls one gets it."""

    @abstractmethod
    async def forget(self, user_id: UserId) -> None:
        """Delete all challenges of a user."""

    @abstractmethod
    async def purge(self, before: datetime, limit: int) -> int:
        """Delete challenges that expired before this time.

        :returns: how many were deleted; fewer than the limit if none is left.
        """
