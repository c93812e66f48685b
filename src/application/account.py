"""What people do with their own account."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from application.audit import Audit
from application.authenticate import ReloadPrincipal
from application.pagination import EventQuery
from application.ports import (
    AuditLog,
    Clock,
    Devices,
    PasswordHasher,
    SessionStore,
    UserRepository,
)
from application.rate_limiting import RateLimiting
from application.sessions import FindSessions, PurgeStaleSessions, SessionWithActivity
from application.users import ForgetUser
from domain.actor import Principal
from domain.audit_event import EventType, RecordedEvent
from domain.errors import TokenRejected, WrongPassword, all_of, in_field
from domain.password import Password, PasswordRule
from domain.request_context import UNKNOWN, RequestContext
from domain.session import Session
from domain.user import User, UserId, parse_name, parse_photo

_MANY = 1000
"""Events that are read at a time."""


@dataclass(frozen=True, slots=True)
class ConfirmPassword:
    """Who is logged in may still not be the owner: what matters asks for the password again."""

    reload_principal: ReloadPrincipal
    hasher: PasswordHasher
    rate_limiting: RateLimiting

    async def __call__(
        self, principal: Principal, password: Password, caller: RequestContext
    ) -> Principal:
        """
        :returns: who it is, as of now.
        :raises TooManyRequests: there were too many attempts to guess the password.
        :raises WrongPassword: it is not the user's.
        :raises TokenRejected: see :class:`ReloadPrincipal`.
        """
        me = await self.reload_principal(principal)
        # Counted for the session alone: neither strangers at the login nor a thief in another
        # session use up the owner's attempts, and a new session takes the password.
        guesses = f"password:{me.session.id}"
        await self.rate_limiting.count_login(guesses, caller.address, None)
        if not await self.hasher.verify(password, me.user.password_hash):
            raise WrongPassword
        await self.rate_limiting.reset_login(guesses)
        return me


@dataclass(frozen=True, slots=True)
class ChangePassword:
    confirm_password: ConfirmPassword
    users: UserRepository
    sessions: SessionStore
    purge_stale_sessions: PurgeStaleSessions
    hasher: PasswordHasher
    devices: Devices
    rule: PasswordRule
    audit: Audit
    clock: Clock

    async def __call__(
        self, principal: Principal, current: str, new: str, caller: RequestContext = UNKNOWN
    ) -> str:
        """Everybody else who is logged in as this user is logged out, and no other device is known
        any more.

        :returns: a token by which this device is known from now on.
        :raises InvalidInput: the new password will not do.
        :raises TooManyRequests: there were too many attempts to guess the current one.
        :raises WrongPassword: the current one is not the user's.
        :raises TokenRejected: the user was changed or deleted at this very moment.
        """
        async with self.audit.recording(EventType.CHANGE_PASSWORD, caller) as entry:
            entry.is_about(principal.session)
            typed, chosen = all_of(
                lambda: in_field("current_password", lambda: Password.parse(current)),
                lambda: in_field("new_password", lambda: self._choose(new, principal.user)),
            )
            me = await self.confirm_password(principal, typed, caller)
            changed = me.user.with_new_password(await self.hasher.hash(chosen), self.clock())
            effects = entry.success()
            if not await entry.settle(
                effects, await self.users.replace(me.user, changed, effects)
            ):
                raise TokenRejected
            # In that one step all sessions have ended. What follows saves this one and tidies up.
            await self._keep(me.session, changed)
            await self.purge_stale_sessions(changed)
            return self.devices.issue(changed)

    async def _keep(self, session: Session, user: User) -> None:
        while stored := await self.sessions.get(user.id, session.id):
            if (await self.sessions.replace(stored, stored.carried_over_to(user))).changed:
                return

    def _choose(self, new: str, user: User) -> Password:
        return self.rule.choose(new, user.name, user.email.address)


@dataclass(frozen=True, slots=True)
class ChangeProfile:
    reload_principal: ReloadPrincipal
    users: UserRepository
    rate_limiting: RateLimiting
    audit: Audit
    clock: Clock

    async def __call__(
        self,
        principal: Principal,
        name: str | None = None,
        photo: str | None = None,
        caller: RequestContext = UNKNOWN,
    ) -> User:
        """
        :param name: and ``photo``: the new ones; ``None`` leaves what is there.
        :returns: the user as they are now.
        :raises InvalidInput: the name or the photo will not do.
        :raises TooManyRequests: there were too many changes.
        :raises TokenRejected: see :class:`ReloadPrincipal`.
        """
        async with self.audit.recording(EventType.CHANGE_PROFILE, caller) as entry:
            entry.is_about(principal.session)
            new_name, new_photo = all_of(
                lambda: None if name is None else parse_name(name),
                lambda: None if photo is None else parse_photo(photo),
            )
            await self.rate_limiting.count_change(principal.user.id)
            while True:  # each further turn follows on somebody else's change, which is kept
                user = (await self.reload_principal(principal)).user
                changed = user.with_profile(
                    new_name or user.name, new_photo or user.photo, self.clock()
                )
                effects = entry.success()
                if await entry.settle(effects, await self.users.replace(user, changed, effects)):
                    return changed


@dataclass(frozen=True, slots=True)
class DeleteAccount:
    confirm_password: ConfirmPassword
    forget_user: ForgetUser
    audit: Audit

    async def __call__(
        self, principal: Principal, password: str, caller: RequestContext = UNKNOWN
    ) -> None:
        """The user and all their sessions are gone; the audit trail knows the user's id alone.

        :raises InvalidInput: the password is longer than any can be.
        :raises TooManyRequests: there were too many attempts to guess the password.
        :raises WrongPassword: it is not the user's.
        :raises TokenRejected: the user is gone already.
        :raises LastAdministrator: nobody would be left who could give others a role.
        """
        async with self.audit.recording(EventType.DELETE_ACCOUNT, caller) as entry:
            entry.is_about(principal.session)
            me = await self.confirm_password(principal, Password.parse(password), caller)
            await self.forget_user(me.user, entry)


@dataclass(frozen=True, slots=True)
class Export:
    """All that is held about somebody, but the hash of the password. What they have done to others
    is about those.
    """

    user: User
    sessions: Sequence[SessionWithActivity]
    events: Sequence[RecordedEvent]


@dataclass(frozen=True, slots=True)
class ExportAccount:
    reload_principal: ReloadPrincipal
    find_sessions: FindSessions
    audit_log: AuditLog
    rate_limiting: RateLimiting
    audit: Audit

    async def __call__(self, principal: Principal, caller: RequestContext = UNKNOWN) -> Export:
        """
        :raises TooManyRequests: there were too many exports, or changes.
        :raises TokenRejected: see :class:`ReloadPrincipal`.
        """
        async with self.audit.recording(EventType.EXPORT_ACCOUNT, caller) as entry:
            entry.is_about(principal.session)
            await self.rate_limiting.count_change(principal.user.id)
            user = (await self.reload_principal(principal)).user
            events = [event async for event in self._events(user.id)]
            export = Export(user, await self.find_sessions(user), events)
            await entry.settle(entry.success())
            return export

    async def _events(self, user_id: UserId) -> AsyncIterator[RecordedEvent]:
        page = await self.audit_log.page(EventQuery(user_id=user_id), None, _MANY)
        while True:
            for event in page.items:
                yield event
            if page.next is None:
                return
            page = await self.audit_log.page(EventQuery(user_id=user_id), page.next, _MANY)
