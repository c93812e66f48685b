"""Delete users who have registered and not proven their address in time."""

from dataclasses import dataclass

from application.accounts.deletion import ForgetUser
from application.audit import Audit
from application.pagination import UserQuery
from application.ports import Clock, UserRepository
from application.registration_policy import RegistrationPolicy
from domain.actor import Scheduler
from domain.audit.details import UsersPurged
from domain.audit.event import EventType
from domain.permissions import Role
from domain.request_context import UNKNOWN
from domain.user import User

_STEP = 1000


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PurgeUnverifiedUsers:
    """Delete users who have registered themselves, and not proven their address in time.

    Neither administrators nor disabled users: with the latter a ban would end.
    """

    users: UserRepository
    forget_user: ForgetUser
    policy: RegistrationPolicy
    audit: Audit
    clock: Clock

    async def __call__(self) -> None:
        """Delete them, and record how many, also if a store fails in between.

        :raises Unavailable: a store does not answer.
        """
        lifetime = self.policy.unverified_lifetime
        if lifetime is None or not self.policy.asks_for_verification:
            return
        before = self.clock() - lifetime
        query = UserQuery(role=Role.USER, disabled=False, unverified_before=before)
        count, after = 0, None
        try:
            while True:
                page = await self.users.page(query, after, _STEP)
                for user in page.items:
                    count += await self._purge(user)
                if (after := page.next) is None:
                    return
        finally:
            if count:
                entry = self.audit.begin(EventType.PURGE_UNVERIFIED_USERS, UNKNOWN, Scheduler())
                entry.details = UsersPurged(count)
                await entry.settle(entry.success())

    async def _purge(self, user: User) -> bool:
        """Delete the user, unless the address was proven, or anything else changed, meanwhile.

        Raising the generation first makes the links of pending mails useless.
        """
        ended = user.without_sessions()
        if not (await self.users.replace(user, ended)).changed:
            return False
        await self.forget_user.purge(ended)
        return True
