"""Read the audit log: administrators read all of it, users read what concerns their account."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass

from application.audit import Audit
from application.pagination import EventQuery, Page
from application.ports import AuditLog, AuditLogState
from application.rate_limiting import RateLimiting
from domain.actor import Actor, Principal
from domain.audit.event import EventType, RecordedEvent
from domain.errors import NotFound
from domain.permissions import Permission
from domain.request_context import UNKNOWN, RequestContext

_EXPORTED = 200
"""Events that an export reads at a time."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ListAuditEvents:
    audit_log: AuditLog

    async def __call__(
        self, actor: Actor, query: EventQuery, after: str | None, limit: int
    ) -> Page[RecordedEvent]:
        """Return a page of the audit log, the newest event first.

        :param after: :attr:`~application.pagination.Page.next` of the page before.
        :raises PermissionMissing: the actor may not read the audit log.
        :raises InvalidInput: ``after`` comes from no page.
        """
        actor.require(Permission.READ_AUDIT)
        return await self.audit_log.page(query, after, limit)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ShowAuditEvent:
    audit_log: AuditLog

    async def __call__(self, actor: Actor, number: int) -> RecordedEvent:
        """
        :raises PermissionMissing: the actor may not read the audit log.
        :raises NotFound: no event has this number, or it was pruned.
        """
        actor.require(Permission.READ_AUDIT)
        event = await self.audit_log.get(number)
        if event is None:
            raise NotFound
        return event


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ShowAuditLogState:
    audit_log: AuditLog

    async def __call__(self, actor: Actor, numbers: Collection[int] = ()) -> AuditLogState:
        """Return the ends of the audit log, and check a few events of it.

        :param numbers: of the events to check.
        :raises PermissionMissing: the actor may not read the audit log.
        """
        actor.require(Permission.READ_AUDIT)
        return await self.audit_log.state(numbers)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ExportAuditLog:
    audit_log: AuditLog
    rate_limiting: RateLimiting
    audit: Audit

    async def __call__(
        self, actor: Actor, query: EventQuery, caller: RequestContext = UNKNOWN
    ) -> AsyncIterator[Sequence[RecordedEvent]]:
        """Return all events that match, some at a time, the newest first. That is recorded.

        :raises PermissionMissing: the actor may not read the audit log.
        :raises TooManyRequests: there were too many changes and exports: each leaves an event.
        """
        async with self.audit.recording(EventType.EXPORT_AUDIT_LOG, caller, actor) as entry:
            actor.require(Permission.READ_AUDIT)
            if isinstance(actor, Principal):
                await self.rate_limiting.count_change(actor.user.id)
            page = await self.audit_log.page(query, None, _EXPORTED)
            await entry.settle(entry.success())
        return self._pages(query, page)

    async def _pages(
        self, query: EventQuery, page: Page[RecordedEvent]
    ) -> AsyncIterator[Sequence[RecordedEvent]]:
        yield page.items
        while page.next is not None:
            await asyncio.sleep(0)  # a store may answer at once: other requests have their turn
            page = await self.audit_log.page(query, page.next, _EXPORTED)
            yield page.items


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ListActivity:
    audit_log: AuditLog

    async def __call__(
        self, principal: Principal, after: str | None, limit: int
    ) -> Page[RecordedEvent]:
        """Return a page of the events that concern the caller's account, the newest first.

        :param after: :attr:`~application.pagination.Page.next` of the page before.
        :raises InvalidInput: ``after`` comes from no page.
        """
        return await self.audit_log.page(EventQuery(user_id=principal.user.id), after, limit)
