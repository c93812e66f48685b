"""The audit log."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from application.pagination import EventQuery, Page
from application.ports.effects import NO_EFFECTS, Effects, Stored
from domain.audit.event import Event, RecordedEvent
from domain.figures import Occurrence
from domain.user import UserId

Announce = Callable[[Event], None]
"""Report an event to the operator: a line in the service's own log."""


class AuditLog(Protocol):
    """A recorded event does not change until it is pruned."""

    @abstractmethod
    async def record(self, event: Event) -> None:
        """Record what has happened, if it has not been recorded already. Beside a store of users,
        of a deleted user no address is recorded.

        Nothing that has happened is undone because it cannot be recorded: while there is no
        answer, events are kept and recorded later. Refusals are not waited for: that would tell
        those that are recorded from those that are not.
        """

    @abstractmethod
    async def flush(self) -> None:
        """Try to store the events that :meth:`record` keeps for later. A job calls this each
        second; while the store does not answer, they stay kept.
        """

    @abstractmethod
    async def page(self, query: EventQuery, after: str | None, limit: int) -> Page[RecordedEvent]:
        """Return a page of the matching events, the newest first.

        :param after: :attr:`~application.pagination.Page.next` of the page before.
        :raises InvalidInput: ``after`` comes from no page.
        """

    @abstractmethod
    async def after(self, number: int, limit: int) -> Sequence[Occurrence]:
        """Return the events after the one of this number, in the order of their numbers.

        No event with a smaller number than one that was returned is recorded later.
        """

    @abstractmethod
    async def forget_addresses(self, user_id: UserId) -> None:
        """Delete the addresses of what this user did. The user's id stays, as a pseudonym."""

    @abstractmethod
    async def prune(self, before: datetime, effects: Effects = NO_EFFECTS) -> Stored[int]:
        """Delete events from the oldest on, up to the first that is not before this time. This may
        take several steps; the first of them stores the effects.

        :returns: as ``changed`` how many were deleted.
        """
