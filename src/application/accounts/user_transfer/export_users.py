"""Export all users, for another system or for a back-up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from application.audit import Audit
from application.pagination import UserQuery
from application.ports import UserRepository
from domain.actor import Operator
from domain.audit.details import HashesExported
from domain.audit.event import EventType
from domain.request_context import UNKNOWN
from domain.user import User

PAGE_SIZE = 1000

WriteUsers = Callable[[Sequence[User]], None]
"""Write the users where they are exported to. May raise."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ExportUsers:
    users: UserRepository
    audit: Audit

    async def __call__(self, operator: Operator, write: WriteUsers, *, with_hashes: bool) -> int:
        """Write all users, a page at a time. An error of ``write`` ends the export.

        :param with_hashes: whether the password hashes are written, too; for the audit log.
        :returns: the number of users.
        """
        async with self.audit.recording(EventType.EXPORT_USERS, UNKNOWN, operator) as entry:
            entry.details = HashesExported() if with_hashes else None
            page = await self.users.page(UserQuery(), None, PAGE_SIZE)
            write(page.items)
            count = len(page.items)
            while page.next is not None:
                page = await self.users.page(UserQuery(), page.next, PAGE_SIZE)
                write(page.items)
                count += len(page.items)
            await entry.settle(entry.success())
            return count
