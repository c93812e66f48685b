"""Users in this process's memory."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import gt, itemgetter, lt
from uuid import UUID

from typing_extensions import override

from application.pagination import Page, Total, UserQuery
from application.ports import CHANGED, NO_EFFECTS, UNCHANGED, Effects, Stored, UserRepository
from domain.email import Email
from domain.errors import EmailTaken, LastAdministrator
from domain.user import User, UserId
from infrastructure.storage import page_cursor as cursor
from infrastructure.storage.memory.invalidation_feed import MemoryFeed
from infrastructure.storage.memory.one_time_tokens import MemoryOneTimeTokens
from infrastructure.storage.memory.social_login.identities import MemoryIdentities


class MemoryUsers(UserRepository):
    def __init__(
        self,
        feed: MemoryFeed | None = None,
        tokens: MemoryOneTimeTokens | None = None,
        identities: MemoryIdentities | None = None,
    ) -> None:
        self._feed = feed or MemoryFeed()
        self.tokens = tokens or MemoryOneTimeTokens()
        self.identities = identities or MemoryIdentities()
        self._users: dict[UserId, User] = {}
        self._ids: dict[str, UserId] = {}  # by the canonical key of the email address

    @override
    async def add(self, user: User, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        if user.email.key in self._ids:
            raise EmailTaken
        if not self.identities.can_change(effects):
            return UNCHANGED
        self._users[user.id] = user
        self._ids[user.email.key] = user.id
        self.identities.change(effects)
        return CHANGED

    @override
    async def add_all(
        self, users: Sequence[User], effects: Effects = NO_EFFECTS
    ) -> Stored[Sequence[UserId]]:
        added = []
        for user in users:
            if user.email.key not in self._ids and user.id not in self._users:
                await self.add(user)
                added.append(user.id)
        return Stored(added)

    async def get(self, user_id: UserId) -> User | None:
        return self._users.get(user_id)

    async def by_email(self, email: Email) -> User | None:
        user_id = self._ids.get(email.key)
        return self._users[user_id] if user_id else None

    @override
    async def replace(self, old: User, new: User, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        stored = self._users.get(old.id)
        # Two spellings of one address are equal, but a change.
        if stored != old or stored.email.address != old.email.address:
            return UNCHANGED
        if effects.spent and not self.tokens.is_unused(effects.spent):
            return UNCHANGED
        if self._ids.get(new.email.key, new.id) != new.id:
            raise EmailTaken
        if not new.is_administrator:
            self._require_another_administrator(old)
        if not self.identities.can_change(effects):
            return UNCHANGED
        del self._ids[old.email.key]
        self._ids[new.email.key] = new.id
        self._users[new.id] = new
        if effects.spent:
            self.tokens.spend(effects.spent)
        self.identities.change(effects)
        self._feed.publish(new.id)
        return CHANGED

    @override
    async def delete(self, user_id: UserId, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        user = self._users.get(user_id)
        if user is None:
            return UNCHANGED
        self._require_another_administrator(user)
        del self._users[user_id]
        del self._ids[user.email.key]
        await self.identities.forget(user_id)
        self._feed.publish(user_id)
        return CHANGED

    async def page(self, query: UserQuery, after: str | None, limit: int) -> Page[User]:
        listed = sorted(
            ((_sort_key(user, query), user) for user in self._matching(query)), key=itemgetter(0)
        )
        if query.order == "time":  # the newest first
            listed.reverse()
        if after is not None:
            start = tuple(cursor.read(after, query.order, cursor.text, UUID))
            follows = lt if query.order == "time" else gt
            listed = [each for each in listed if follows(each[0], start)]
        following = None
        if len(listed) > limit:
            following = cursor.write(query.order, *listed[limit - 1][0])
        return Page([user for _, user in listed[:limit]], following)

    @override
    async def count(self, query: UserQuery, exact_up_to: int = 1000) -> Total:
        return Total(sum(1 for _ in self._matching(query)))

    def _matching(self, query: UserQuery) -> Iterable[User]:
        return (user for user in self._users.values() if _matches(user, query))

    def _require_another_administrator(self, user: User) -> None:
        others = (each for each in self._users.values() if each.id != user.id)
        if user.is_administrator and not any(each.is_administrator for each in others):
            raise LastAdministrator


def _sort_key(user: User, query: UserQuery) -> tuple[str, UUID]:
    """Return the position of the user in the order of the list."""
    keys = {
        "time": user.created_at.isoformat(timespec="microseconds"),
        "email": user.email.key,
        "name": _lower(user.name),
    }
    return keys[query.order], user.id


def _matches(user: User, query: UserQuery) -> bool:
    return (
        (query.email is None or user.email.key.startswith(query.email))
        and (query.name is None or _lower(user.name).startswith(_lower(query.name)))
        and query.role in {None, user.role}
        and query.disabled in {None, user.disabled}
        and query.has_second_factor in {None, user.has_second_factor}
        and (query.unverified_before is None or _is_unverified(user, query.unverified_before))
    )


def _is_unverified(user: User, before: datetime) -> bool:
    return user.self_registered and not user.verified and user.created_at < before


def _lower(text: str) -> str:
    """Lower each letter alone, as databases do: ``str.lower`` maps a final sigma differently."""
    return "".join(letter.lower() for letter in text)
