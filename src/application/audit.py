"""Every use case leaves a record, however it ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from application.ports import Announce, AuditLog, Clock, RandomId
from domain.actor import Actor, Operator, Principal, Scheduler
from domain.audit_details import Details, EventsPruned
from domain.audit_event import Event, EventType
from domain.errors import outcome_of
from domain.outcome import Outcome
from domain.request_context import UNKNOWN, RequestContext
from domain.session import Session, SessionId
from domain.user import UserId


@dataclass(slots=True)
class Entry:
    """An event in the making: it may be about to happen, and whom it is about may become known
    only in the course of it.
    """

    audit: "Audit"
    type: EventType
    caller: RequestContext
    actor: Actor | None = None
    user_id: UserId | None = None
    session_id: SessionId | None = None
    details: Details | None = None
    is_news: bool = True
    """Or else nothing has changed, and the audit log need not know."""
    _expected: Event | None = None

    def is_about(self, session: Session) -> None:
        self.user_id, self.session_id = session.user_id, session.id

    def forget_address_of(self, user_id: UserId) -> None:
        """Leave the address out, if this user acts."""
        if isinstance(self.actor, Principal) and self.actor.user.id != user_id:
            return
        self.caller = replace(self.caller, address="")

    def success(self, user_id: UserId | None = None, session_id: SessionId | None = None) -> Event:
        """The event as it will be if the next step succeeds: for a store to record with it.

        :param user_id: or ``session_id``: of what is there only if it does.
        """
        event = self.event(Outcome.SUCCESS)
        self._expected = replace(
            event,
            user_id=user_id or event.user_id,
            session_id=session_id or event.session_id,
        )
        return self._expected

    def failure(self, error: Exception) -> Event:
        """The same of a step that is a part of the failure."""
        self._expected = self.event(outcome_of(error))
        return self._expected

    def ended(self, outcome: Outcome) -> Event:
        """The event as it was expected, if that is how it ended."""
        expected = self._expected
        return expected if expected and expected.outcome is outcome else self.event(outcome)

    def event(self, outcome: Outcome) -> Event:
        return Event(
            id=self.audit.random_id(),
            type=self.type,
            outcome=outcome,
            at=self.audit.clock(),
            # What somebody is known by is not for others.
            caller=replace(self.caller, device_token=None),
            user_id=self.user_id,
            session_id=self.session_id,
            actor=self.actor.user.id if isinstance(self.actor, Principal) else self.actor,
            details=self.details,
        )


@dataclass(frozen=True, slots=True)
class Audit:
    log: AuditLog
    announce: Announce
    clock: Clock
    random_id: RandomId

    @asynccontextmanager
    async def recording(
        self, event_type: EventType, caller: RequestContext, actor: Actor | None = None
    ) -> AsyncIterator[Entry]:
        """Record how the block ends: with success, or with which error.

        :param actor: who does it to another; ``None`` where users or clients act for themselves.
        """
        entry = Entry(self, event_type, caller, actor)
        try:
            yield entry
        except Exception as error:
            await self.refused(entry, error)
            raise
        await self._record(entry.ended(Outcome.SUCCESS), is_news=entry.is_news)

    def begin(self, event_type: EventType, caller: RequestContext) -> Entry:
        """Begin an attempt that is recorded only if it is :meth:`refused`."""
        return Entry(self, event_type, caller)

    async def refused(self, entry: Entry, error: Exception) -> None:
        await self._record(entry.ended(outcome_of(error)))

    async def _record(self, event: Event, *, is_news: bool = True) -> None:
        self.announce(event)
        if event.is_kept and is_news:
            await self.log.record(event)


@dataclass(frozen=True, slots=True)
class PruneAuditLog:
    audit: Audit
    clock: Clock

    async def __call__(self, actor: Operator | Scheduler, age: timedelta) -> int:
        """Forget the events that are older than this. That is recorded, too.

        :returns: how many events were forgotten.
        """
        async with self.audit.recording(EventType.PRUNE_AUDIT_LOG, UNKNOWN, actor) as entry:
            before = self.clock() - age
            entry.details = EventsPruned(before.date())
            return await self.audit.log.prune(before, entry.success())
