"""Copies of users, sessions and verified tokens in this process, so that most requests ask nobody.

What makes a copy safe is a feed (``near_cache.invalidation_feed``): it tells what was changed, and
vouches for its own silence. ``docs/revocation.md`` states the guarantee and argues that it holds.

A copy is used only while the feed is live. A read that was under way when a change was told leaves
no copy: each user's copies are in a folder of their own, a change throws the folder away, and what
was read goes into the folder that was there before the reading began, whether or not anybody
looks there any more.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import sha256
from typing import Generic, TypeVar

from application.ports import Clock, SessionStore, TokenSigner, UserRepository
from application.ports.pagination import Page, Total, UserQuery
from domain.audit_event import Event
from domain.email import Email
from domain.session import Session, SessionId
from domain.session_activity import SessionActivity
from domain.token import TokenClaims, TokenKind
from domain.user import User, UserId
from infrastructure.storage.near_cache.invalidation_feed import InvalidationFeed

_LARGEST_FOLDER = 100
"""In records: somebody may log in without end."""

_Record = TypeVar("_Record")
_Folder = dict[object, _Record]


class _Copies(Generic[_Record]):
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


class CachedUsers(UserRepository):
    """
    :param users: which are asked when there is no copy, and which are written to.
    """

    def __init__(self, users: UserRepository, feed: InvalidationFeed, most: int) -> None:
        self._users = users
        self._copies = _Copies[User](feed, most)

    def cached(self, user_id: UserId) -> User | None:
        return self._copies.find(user_id, user_id)

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


class CachedSessions(SessionStore):
    """A copy shows that the session has not been ended. It may lack the last rotation, so once it
    is past its time the store is asked.

    :param sessions: which are asked when there is no copy, and which are written to.
    """

    def __init__(
        self, sessions: SessionStore, feed: InvalidationFeed, most: int, clock: Clock
    ) -> None:
        self._sessions = sessions
        self._copies = _Copies[Session](feed, most)
        self._clock = clock

    def cached(self, user_id: UserId, session_id: SessionId) -> Session | None:
        copy = self._copies.find(user_id, session_id)
        return None if copy is None or copy.has_ended(self._clock()) else copy

    async def add(
        self, session: Session, activity: SessionActivity | None = None, event: Event | None = None
    ) -> None:
        await self._sessions.add(session, activity, event)

    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        stored = self._sessions.get(user_id, session_id)
        return await self._copies.read(user_id, session_id, stored)

    async def replace(self, old: Session, new: Session) -> bool:
        try:
            return await self._sessions.replace(old, new)
        finally:  # also when nobody knows whether it has happened
            self._copies.drop(old.user_id)

    async def delete(
        self, user_id: UserId, session_id: SessionId, event: Event | None = None
    ) -> None:
        try:
            await self._sessions.delete(user_id, session_id, event)
        finally:
            self._copies.drop(user_id)

    async def of_user(self, user_id: UserId) -> Sequence[Session]:
        return await self._sessions.of_user(user_id)

    async def record_activity(
        self, user_id: UserId, session_id: SessionId, activity: SessionActivity
    ) -> None:
        await self._sessions.record_activity(user_id, session_id, activity)

    async def activity_of(self, user_id: UserId) -> Mapping[SessionId, SessionActivity]:
        return await self._sessions.activity_of(user_id)


class VerifiedTokenCache(TokenSigner):
    """Remembers which signatures are good. Whether the session is alive it never says.

    :param most: how many tokens are remembered; those that came first go first.
    :param is_live: whether the keys are known to be good still. If not, nothing is remembered.
    """

    def __init__(
        self,
        signer: TokenSigner,
        most: int,
        clock: Clock,
        is_live: Callable[[], bool] = lambda: True,
    ) -> None:
        self._signer = signer
        self._most = most
        self._clock = clock
        self._is_live = is_live
        self._verified: dict[bytes, TokenClaims] = {}

    def forget(self) -> None:
        """All of it: there are other keys now."""
        self._verified.clear()

    def sign(self, claims: TokenClaims) -> str:
        token = self._signer.sign(claims)
        if self._signer.accepts(claims):
            self._remember(_digest(token), claims)
        return token

    def accepts(self, claims: TokenClaims) -> bool:
        return self._signer.accepts(claims)

    def cached(self, token: str, kind: TokenKind) -> TokenClaims | None:
        digest = _digest(token)
        claims = self._verified.get(digest)
        if claims is None or claims.kind is not kind or not self._is_live():
            return None
        if claims.is_current(self._clock()):
            return claims
        del self._verified[digest]
        return None

    def verify(self, token: str, kind: TokenKind) -> TokenClaims:
        claims = self.cached(token, kind)
        if claims is None:
            claims = self._signer.verify(token, kind)
            self._remember(_digest(token), claims)
        return claims

    def check(self) -> None:
        self._signer.check()

    def public_keys(self) -> Sequence[Mapping[str, str]]:
        return self._signer.public_keys()

    def _remember(self, digest: bytes, claims: TokenClaims) -> None:
        if not claims.is_current(self._clock()):
            return
        if len(self._verified) >= self._most:
            del self._verified[next(iter(self._verified))]
        self._verified[digest] = claims


def _digest(token: str) -> bytes:
    """Of the whole token: nothing but its very characters gives it. And a digest, so that no token
    that can be used lies in memory for long.
    """
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
