"""Challenges in this process's memory."""

from dataclasses import replace
from datetime import datetime

from application.ports import ChallengeStore
from domain.second_factors.challenge import Challenge
from domain.user import UserId


class MemoryChallenges(ChallengeStore):
    def __init__(self) -> None:
        self._challenges: dict[str, Challenge] = {}

    async def add(self, challenge: Challenge) -> None:
        self._challenges[challenge.digest] = challenge

    async def count_try(self, digest: str) -> Challenge | None:
        challenge = self._challenges.get(digest)
        if challenge is None:
            return None
        self._challenges[digest] = replace(challenge, tries=challenge.tries + 1)
        return self._challenges[digest]

    async def take(self, digest: str) -> Challenge | None:
        return self._challenges.pop(digest, None)

    async def forget(self, user_id: UserId) -> None:
        for challenge in list(self._challenges.values()):
            if challenge.user_id == user_id:
                del self._challenges[challenge.digest]

    async def purge(self, before: datetime, limit: int) -> int:
        expired = [each for each in self._challenges.values() if each.expires_at < before][:limit]
        for challenge in expired:
            del self._challenges[challenge.digest]
        return len(expired)
