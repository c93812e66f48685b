"""The audit log."""

from abc import abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from application.pagination import EventQuery, Page
from application.ports.effects import NO_EFFECTS, Effects, Stored
from domain.audit.event import Event, RecordedEvent
from domain.figures import Tally
from domain.user import UserId

Announce = Callable[[Event], None]
"""Report an event to the operator: a line in the service's own log."""


@dataclass(frozen=True, slots=True)
class AuditLogState:
    """
    :ivar first: the number of the oldest event that is kept; one more than ``last`` if none is.
    :ivar last: the number of the newest event; 0 if none was recorded.
    :ivar since: the time of the oldest event that is kept.
    :ivar until: the time of the newest event.
    :ivar digest: in which all events are chained; empty of a log without a chain.
    :ivar broken: those of the events that were asked for that differ from what was recorded, or
        do not follow on their neighbours.
    """

    first: int
    last: int
    since: datetime | None = None
    until: datetime | None = None
    digest: str = ""
    broken: Collection[int] = ()


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
    async def tally(self, after: int, limit: int) -> Tally:
        """Count the events behind the one of a number, by hour, type and outcome.

        No event with a number up to the last one that was counted is recorded later.

        :param limit: how many of them, the oldest ones.
        """

    @abstractmethod
    async def get(self, number: int) -> RecordedEvent | None:
        """Return the event of this number, unless it was pruned or was never recorded."""

    @abstractmethod
    async def state(self, numbers: Collection[int] = ()) -> AuditLogState:
        """Return the ends of the log, and check a few events. It takes the same time whatever the
        length of the log: it does not prove that the whole log is as it was recorded.

        :param numbers: of the events to check. Those that were pruned meanwhile are none that are
            broken.
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
