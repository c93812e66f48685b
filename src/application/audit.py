"""Every use case leaves a record, however it ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from application.ports import AuditLog, Clock
from domain.event import Caller, Event
from domain.session import SessionId
from domain.user import UserId


@dataclass(slots=True)
class Subject:
    """Whom an event is about, as it becomes known."""

    user_id: UserId | None = None
    session_id: SessionId | None = None


@dataclass(frozen=True, slots=True)
class Audit:
    log: AuditLog
    clock: Clock

    @asynccontextmanager
    async def recording(self, what: str, caller: Caller) -> AsyncIterator[Subject]:
        """Record how the block ends: with success, or with which error."""
        subject = Subject()
        try:
            yield subject
        except Exception as error:
            await self._record(what, type(error).__name__, caller, subject)
            raise
        await self._record(what, "success", caller, subject)

    async def _record(self, what: str, outcome: str, caller: Caller, subject: Subject) -> None:
        at = self.clock()
        known = replace(caller, device_token=None)  # what one is known by is not for others
        event = Event(what, outcome, at, known, subject.user_id, subject.session_id)
        await self.log.record(event)
