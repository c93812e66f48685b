"""One-time tokens in this process's memory."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from typing_extensions import override

from application.ports import NO_EFFECTS, Effects, OneTimeTokenStore, Stored
from domain.email import Email
from domain.mail.one_time_token import LIVE_TOKENS, OneTimeToken, Purpose
from domain.user import UserId


class MemoryOneTimeTokens(OneTimeTokenStore):
    def __init__(self) -> None:
        self._tokens: dict[str, OneTimeToken] = {}  # by id

    @override
    async def issue(
        self, token: OneTimeToken, effects: Effects = NO_EFFECTS
    ) -> Stored[OneTimeToken]:
        if token.id in self._tokens:
            return Stored(self._tokens[token.id])
        same = [
            each
            for each in self._tokens.values()
            if (each.user_id, each.purpose) == (token.user_id, token.purpose)
        ]
        self._tokens[token.id] = token.issued_beside(same)
        if token.is_limited:
            self._end_older([token, *same], token.issued_at)
        return Stored(self._tokens[token.id])

    def _end_older(self, tokens: Iterable[OneTimeToken], now: datetime) -> None:
        live = [each for each in tokens if each.used_at is None]
        live.sort(key=lambda each: (each.issued_at, each.id), reverse=True)
        for each in live[LIVE_TOKENS:]:
            self._tokens[each.id] = replace(each, used_at=now)

    async def by_digest(self, digest: str) -> OneTimeToken | None:
        return next((each for each in self._tokens.values() if each.digest == digest), None)

    async def unused(self, email: Email, purpose: Purpose) -> Sequence[OneTimeToken]:
        return [
            each
            for each in self._tokens.values()
            if (each.email.key, each.purpose) == (email.key, purpose) and each.used_at is None
        ]

    async def forget(self, user_id: UserId) -> None:
        for token in list(self._tokens.values()):
            if token.user_id == user_id:
                del self._tokens[token.id]

    async def purge(self, before: datetime, limit: int) -> int:
        expired = [each.id for each in self._tokens.values() if each.expires_at < before][:limit]
        for token_id in expired:
            del self._tokens[token_id]
        return len(expired)

    def is_unused(self, token: OneTimeToken) -> bool:
        stored = self._tokens.get(token.id)
        return stored is not None and stored.used_at is None

    def spend(self, token: OneTimeToken) -> None:
        """Mark the token as used, and those that end with it."""
        for each in self._tokens.values():
            if each.used_at is None and each.is_spent_with(token):
                self._tokens[each.id] = replace(each, used_at=token.used_at)
