"""Record each attempt, whatever its outcome."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from application.ports import Announce, AuditLog, Clock, Outbox, RandomId
from application.ports.effects import CHANGED, Effects, Stored
from domain.actor import Actor, Operator, Principal, Scheduler
from domain.audit.details import Details, EventsPruned
from domain.audit.event import Event, EventType
from domain.audit.reason import parse_reason
from domain.errors import outcome_of
from domain.outcome import Outcome
from domain.request_context import UNKNOWN, RequestContext
from domain.session import Session, SessionId
from domain.user import User, UserId


@dataclass(slots=True)
class Entry:
    """An attempt that becomes an event. It may show only later which user it is about.

    A use case makes the effects of a change, gives them to the store with it, and settles them::

        effects = entry.success()
        stored = await self.users.replace(user, changed, effects)
        await entry.settle(effects, stored)
    """

    audit: "Audit"
    type: EventType
    caller: RequestContext
    actor: Actor | None = None
    user_id: UserId | None = None
    session_id: SessionId | None = None
    details: Details | None = None
    reason: str | None = None
    is_settled: bool = False

    def is_about(self, session: Session) -> None:
        self.user_id, self.session_id = session.user_id, session.id

    def state_reason(self, text: str | None) -> None:
        """State why the actor does it.

        :param text: as it was typed; ``None`` if no reason is given.
        :raises InvalidInput: see :func:`~domain.audit.reason.parse_reason`.
        """
        self.reason = None if text is None else parse_reason(text)

    def forget_address_of(self, user_id: UserId) -> None:
        """Leave the address out, if this user acts."""
        if isinstance(self.actor, Principal) and self.actor.user.id != user_id:
            return
        self.caller = replace(self.caller, address="")

    def success(
        self,
        new_user: User | None = None,
        details: Details | None = None,
        event_type: EventType | None = None,
    ) -> Effects:
        """Return the effects of a change that achieves what was attempted.

        :param new_user: the subject, which does not exist if it fails.
        :param details: that would be wrong if it fails; by default those of the attempt.
        :param event_type: if the success is something special; by default that of the attempt.
        """
        event = replace(
            self.event(Outcome.SUCCESS),
            type=event_type or self.type,
            details=details or self.details,
        )
        return Effects((event if new_user is None else replace(event, user_id=new_user.id),))

    def failure(self, error: Exception) -> Effects:
        """Return the effects of a change that is part of a failure."""
        return Effects((self.event(outcome_of(error)),))

    async def settle(self, effects: Effects, stored: Stored[object] = CHANGED) -> bool:
        """Announce the effects of a change, and record those that its store could not.

        :param stored: what the store did; by default the attempt changed nothing that a store
            has, such as an export.
        :returns: whether anything was changed. If not, nothing is announced or recorded.
        """
        if not stored.changed:
            return False
        self.is_settled = True
        await self.audit.settle(effects, stored)
        return True

    def event(self, outcome: Outcome) -> Event:
        return Event(
            id=self.audit.random_id(),
            type=self.type,
            outcome=outcome,
            at=self.audit.clock(),
            # A device token is a credential, and no event is about a language.
            caller=replace(self.caller, device_token=None, locale=None),
            user_id=self.user_id,
            session_id=self.session_id,
            actor=self.actor.user.id if isinstance(self.actor, Principal) else self.actor,
            details=self.details,
            reason=self.reason,
        )


@dataclass(frozen=True, slots=True)
class Audit:
    log: AuditLog
    outbox: Outbox
    announce: Announce
    clock: Clock
    random_id: RandomId

    @asynccontextmanager
    async def recording(
        self, event_type: EventType, caller: RequestContext, actor: Actor | None = None
    ) -> AsyncIterator[Entry]:
        """Leave one record of the block.

        A change is recorded when the block settles it. A block that raises before that is
        recorded as a refusal; one that ends before that changed nothing, and is only announced.

        :param actor: acts on another user; ``None`` where users or clients act for themselves.
        """
        entry = self.begin(event_type, caller, actor)
        try:
            yield entry
        except Exception as error:
            if not entry.is_settled:
                await self.refused(entry, error)
            raise
        if not entry.is_settled:
            self.announce(entry.event(Outcome.SUCCESS))

    def begin(
        self, event_type: EventType, caller: RequestContext, actor: Actor | None = None
    ) -> Entry:
        """Begin an attempt that leaves a record only if it is settled or :meth:`refused`."""
        return Entry(self, event_type, caller, actor)

    async def refused(self, entry: Entry, error: Exception) -> None:
        await self.settle(entry.failure(error), CHANGED)

    async def settle(self, effects: Effects, stored: Stored[object]) -> None:
        for event in effects.events:
            self.announce(event)
        if effects.has_mail and not stored.effects_stored:
            stored = await self.outbox.add(effects)
        if not stored.effects_stored:
            for event in effects.events:
                if event.is_kept:
                    await self.log.record(event)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
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
            effects = entry.success()
            stored = await self.audit.log.prune(before, effects)
            await entry.settle(effects, stored)
            return stored.changed
