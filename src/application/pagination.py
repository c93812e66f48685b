"""Long lists, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, TypeVar

from domain.audit_event import EventType
from domain.outcome import Outcome
from domain.permissions import Role
from domain.user import UserId

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """
    :ivar next: where the next page begins, for the store that made this one to read; ``None``
        after the last page.
    """

    items: Sequence[T]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """How many there are.

    :ivar is_exact: or else it is an estimate, for to count millions takes too long.
    """

    count: int
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class UserQuery:
    """Which users. What is ``None`` does not matter.

    They come in the order of what is searched for; without a search the newest come first.

    :ivar email: how the address's canonical key begins.
    :ivar name: how the name begins, in whatever case. Both together are in the order of addresses.
    """

    email: str | None = None
    name: str | None = None
    role: Role | None = None
    disabled: bool | None = None

    @property
    def order(self) -> Literal["time", "email", "name"]:
        """What the list is in the order of: that which is searched for, or else the time."""
        if self.email is not None:
            return "email"
        return "time" if self.name is None else "name"


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which recorded events, the newest first. What is ``None`` does not matter.

    :ivar user_id: whom they are about.
    :ivar since: not before this time; ``until``: before that one.
    """

    user_id: UserId | None = None
    type: EventType | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None
