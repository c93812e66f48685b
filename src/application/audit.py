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
            await self.record(what, error, caller, subject)
            raise
        await self.record(what, None, caller, subject)

    async def record(
        self, what: str, error: Exception | None, caller: Caller, subject: Subject | None = None
    ) -> None:
        at = self.clock()
        outcome = type(error).__name__ if error else "success"
        known = replace(caller, device_token=None)  # what one is known by is not for others
        who = subject or Subject()
        event = Event(what, outcome, at, known, who.user_id, who.session_id)
        await self.log.record(event)
