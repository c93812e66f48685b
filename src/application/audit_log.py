"""Read the audit log: administrators read all of it, users read what concerns their account."""

from dataclasses import dataclass

from application.pagination import EventQuery, Page
from application.ports import AuditLog
from domain.actor import Actor, Principal
from domain.audit.event import RecordedEvent
from domain.permissions import Permission


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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
