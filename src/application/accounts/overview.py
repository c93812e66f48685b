"""Show an administrator all that there is about one user."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.accounts.users import existing
from application.ports import Clock, Outbox, UserRepository
from application.second_factors.find import Factors, FindFactors
from application.sessions import FindSessions, SessionWithActivity
from domain.actor import Actor
from domain.mail.message import Delivery
from domain.permissions import Permission
from domain.user import User, UserId

_MAILS = 20


@dataclass(frozen=True, slots=True)
class Overview:
    """
    :ivar locked_until: until then no second factor is accepted; ``None`` if they are.
    :ivar sessions: that have not ended, the most recently active first.
    :ivar mails: to the address of the user, those made last first.
    """

    user: User
    factors: Factors
    locked_until: datetime | None
    sessions: Sequence[SessionWithActivity]
    mails: Sequence[Delivery]


@dataclass(frozen=True, slots=True)
class ShowOverview:
    users: UserRepository
    outbox: Outbox
    find_factors: FindFactors
    find_sessions: FindSessions
    clock: Clock

    async def __call__(self, actor: Actor, user_id: UserId) -> Overview:
        """
        :raises PermissionMissing: the actor may not read users.
        :raises NotFound: there is no user with this id.
        """
        actor.require(Permission.READ_USERS)
        user = await existing(self.users, user_id)
        factors = await self.find_factors(user)
        is_locked = factors.stored.is_locked(self.clock())
        return Overview(
            user,
            factors,
            factors.stored.locked_until if is_locked else None,
            await self.find_sessions(user, actor),
            await self.outbox.to(user.email, _MAILS),
        )
