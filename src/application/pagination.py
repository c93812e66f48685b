"""Queries of long lists, and their pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, TypeVar

from domain.audit.event import EventType
from domain.outcome import Outcome
from domain.permissions import Role
from domain.user import UserId

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """
    :ivar next: the cursor of the next page, which only the store that made it can read; ``None``
        on the last page.
    """

    items: Sequence[T]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """The number of items on all pages.

    :ivar is_exact: False of an estimate: counting millions takes too long.
    """

    count: int
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class UserQuery:
    """A filter of users. ``None`` matches all of them.

    A search for an address or a name sorts by it; without a search the newest users come first.

    :ivar email: a prefix of the address's canonical key.
    :ivar unverified_before: only users who have registered themselves before this time, and have
        not proven their address.
    :ivar has_second_factor: only users who have one, or only those who have none.
    :ivar name: a prefix of the name, in any case. With both, users are in the order of addresses.
    """

    email: str | None = None
    name: str | None = None
    role: Role | None = None
    disabled: bool | None = None
    unverified_before: datetime | None = None
    has_second_factor: bool | None = None

    @property
    def order(self) -> Literal["time", "email", "name"]:
        """The sort key of the list."""
        if self.email is not None:
            return "email"
        return "time" if self.name is None else "name"


@dataclass(frozen=True, slots=True)
class EventQuery:
    """A filter of recorded events, the newest first. ``None`` matches all of them.

    :ivar user_id: the user whom they are about.
    :ivar since: the earliest time; ``until``: the first later time that does not match.
    :ivar actor_id: the administrator who acted, on another user or on the service.
    """

    user_id: UserId | None = None
    type: EventType | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None
    actor_id: UserId | None = None
