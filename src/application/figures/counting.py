"""Count events by hours, after they have happened: no login waits for that."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from application.ports import AuditLog, FigureStore
from domain.audit.event import Event
from domain.figures import Count, HourlyCounts, count_of, counts_of, hour_of

_BATCH = 5000
"""Events that a database counts in some ten milliseconds."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CountEvents:
    """Count the events that the audit log keeps, each of them once."""

    audit_log: AuditLog
    figures: FigureStore

    async def __call__(self) -> None:
        """Count in small steps until nothing is left, or another process is doing it.

        :raises Unavailable: a store does not answer.
        """
        while await self._count_some():
            pass

    async def _count_some(self) -> bool:
        """
        :returns: whether there are more events for this process to count.
        """
        after = await self.figures.counted_through()
        tally = await self.audit_log.tally(after, _BATCH)
        if not tally.events:
            return False
        counted = await self.figures.count(after, tally.through, counts_of(tally))
        return counted and tally.size == _BATCH


class UnrecordedCounts:
    """Counts of the events in this process that the audit log does not keep.

    Clients can cause any number of them: refused logins of accounts that do not exist, for
    example. They need a few numbers of memory all the same.

    :ivar pending: what :class:`StoreUnrecordedCounts` is to store.
    """

    def __init__(self) -> None:
        self.pending = Counter[tuple[datetime, Count]]()

    def note(self, event: Event) -> None:
        """Count an event that has happened, if :class:`CountEvents` will not find it.

        Refusals of administrators and operators are no refusals of clients.
        """
        is_counted = not event.is_kept and event.actor is None
        count = count_of(event.type, event.outcome) if is_counted else None
        if count is not None:
            self.pending[hour_of(event.at), count] += 1

    def take(self) -> HourlyCounts:
        """Return the pending counts and begin with new ones."""
        taken, self.pending = self.pending, Counter()
        return taken


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StoreUnrecordedCounts:
    """Add the counts of this process to the figures."""

    unrecorded: UnrecordedCounts
    figures: FigureStore

    async def __call__(self) -> None:
        """Store them; those that cannot be stored are kept for the next time.

        :raises Unavailable: the store does not answer.
        """
        counts = self.unrecorded.take()
        if not counts:
            return
        try:
            await self.figures.add(counts)
        except Exception:
            self.unrecorded.pending.update(counts)
            raise
