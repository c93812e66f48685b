"""Bring an account in line with its second factors after one was stored or removed."""

from dataclasses import dataclass, replace

from application.known_networks import KnownNetworks
from application.login.complete import IssueTokens, LoggedIn
from application.ports import Clock, Devices, PasskeyStore, SecondFactorStore, UserRepository
from application.second_factors.find import FindFactors
from application.sessions.purge import PurgeStaleSessions
from application.sessions.start import RenewSession
from domain.actor import Principal
from domain.authentication import Method
from domain.errors import TokenRejected
from domain.request_context import RequestContext
from domain.session import Session
from domain.user import User, UserId


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AdjustUser:
    """State in the user whether there is a factor, and end all sessions."""

    users: UserRepository
    second_factors: SecondFactorStore
    passkeys: PasskeyStore
    find_factors: FindFactors
    clock: Clock

    async def __call__(
        self, user_id: UserId, session: Session | None = None, *, ends_others: bool = True
    ) -> User:
        """
        :param session: that has made the change.
        :param ends_others: whether sessions end also if the user has had a factor before.
        :returns: the user as stored now.
        :raises TokenRejected: the user was deleted concurrently, or the session was ended. The
            factors are changed then.
        """
        while True:  # until no other process changes the user in between
            user = await self.users.get(user_id)
            if user is None:
                await self.second_factors.forget(user_id)
                await self.passkeys.forget(user_id)
                raise TokenRejected
            has, now = await self._has_factor(user), self.clock()
            changed = user.with_second_factor(has=has, now=now)
            if has and user.has_second_factor and not ends_others:
                # Stored all the same: a removal at this moment must look at the factors again.
                changed = replace(user, updated_at=now)
            if (await self.users.replace(user, changed)).changed:
                if session and not session.is_good_for(user):
                    raise TokenRejected
                return changed

    async def _has_factor(self, user: User) -> bool:
        """Return whether the user has a factor. Recovery codes do not outlive the last one."""
        while True:  # until no other process changes the factors in between
            factors = await self.find_factors(user)
            if factors.methods:
                return True
            stored = factors.stored
            if not stored.recovery_codes:
                return False
            bare = stored.with_recovery_codes(frozenset())
            if (await self.second_factors.replace(stored, bare)).changed:
                return False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AdjustAccount:
    """End all sessions after a change of the factors, and start a new one for this client.

    The change comes first, in the store of the factor: from then on a login asks for the factor,
    whatever happens to this step. It tells earlier releases (docs/adr/0049).
    """

    adjust_user: AdjustUser
    renew_session: RenewSession
    purge_stale_sessions: PurgeStaleSessions
    issue_tokens: IssueTokens
    devices: Devices
    known_networks: KnownNetworks

    async def __call__(
        self,
        me: Principal,
        caller: RequestContext,
        shown: frozenset[Method] = frozenset(),
        *,
        ends_others: bool = True,
    ) -> LoggedIn:
        """
        :param shown: the method that the user has shown to add it: the new session begins with a
            step-up. None after a removal.
        :param ends_others: see :class:`AdjustUser`, and so is ``TokenRejected``.
        """
        user = await self.adjust_user(me.user.id, me.session, ends_others=ends_others)
        session = await self.renew_session(me.session, user, shown, is_step_up=bool(shown))
        await self.purge_stale_sessions(user)
        await self.known_networks.remember(user, caller.address)
        tokens = await self.issue_tokens(session, user)
        return LoggedIn(tokens, self.devices.issue(user), session.transport)
