"""Change, export and delete one's own account."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from application.accounts.deletion import ForgetUser
from application.audit import Audit
from application.authenticate import ReloadPrincipal
from application.confirm_password import session_client
from application.known_networks import KnownNetworks
from application.login.complete import IssueTokens, LoggedIn
from application.mail.messages import MakeMessage
from application.pagination import EventQuery
from application.ports import (
    AuditLog,
    Clock,
    Devices,
    IdentityStore,
    PasswordHasher,
    UserRepository,
)
from application.rate_limiting import RateLimiting
from application.second_factors.find import Factors, FindFactors
from application.sessions.find import FindSessions, SessionWithActivity
from application.sessions.purge import PurgeStaleSessions
from application.sessions.start import RenewSession
from application.step_up import RequireStepUp
from domain.actor import Principal
from domain.audit.event import EventType, RecordedEvent
from domain.errors import TokenRejected, all_of, in_field
from domain.mail.message import MailKind
from domain.passwords.password import Password, PasswordRule
from domain.request_context import UNKNOWN, RequestContext
from domain.social_login.identity import Identity
from domain.user import User, UserId, parse_locale, parse_name, parse_photo

_PAGE_SIZE = 1000


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ChangePassword:
    require_step_up: RequireStepUp
    users: UserRepository
    renew_session: RenewSession
    purge_stale_sessions: PurgeStaleSessions
    issue_tokens: IssueTokens
    hasher: PasswordHasher
    devices: Devices
    known_networks: KnownNetworks
    rule: PasswordRule
    make_message: MakeMessage
    audit: Audit
    clock: Clock

    async def __call__(
        self,
        principal: Principal,
        current: str | None,
        new: str,
        caller: RequestContext = UNKNOWN,
    ) -> LoggedIn:
        """Set a new password, end all sessions and forget all devices; start a new session.

        If the process dies in between, or the response is lost, no session is left: the user logs
        in with the new password.

        :param current: the current password; ``None`` in a session that was stepped up.
        :returns: the tokens of the new session, and of this device.
        :raises InvalidInput: the new password is not accepted.
        :raises StepUpRequired: see :class:`RequireStepUp`.
        :raises TooManyRequests: there were too many attempts to guess the current one.
        :raises WrongPassword: the current one is not the user's.
        :raises TokenRejected: the user was changed or deleted concurrently; or the session was
            ended concurrently, after the password was changed.
        """
        async with self.audit.recording(EventType.CHANGE_PASSWORD, caller) as entry:
            entry.is_about(principal.session)
            typed, chosen = all_of(
                lambda: in_field("current_password", lambda: Password.parse_optional(current)),
                lambda: in_field("new_password", lambda: self._choose(new, principal.user)),
            )
            me = await self.require_step_up(principal, caller, typed)
            new_hash = await self.hasher.hash(chosen, session_client(caller))
            changed = me.user.with_new_password(new_hash, self.clock())
            notice = self.make_message.notice(MailKind.PASSWORD_CHANGED, me.user)
            effects = entry.success().with_messages(*notice)
            if not await entry.settle(
                effects, await self.users.replace(me.user, changed, effects)
            ):
                raise TokenRejected
            # That step has ended all sessions. The next ones start a new one and clean up.
            session = await self.renew_session(me.session, changed)
            await self.purge_stale_sessions(changed)
            await self.known_networks.remember(changed, caller.address)
            tokens = await self.issue_tokens(session, changed)
            return LoggedIn(tokens, self.devices.issue(changed))

    def _choose(self, new: str, user: User) -> Password:
        return self.rule.choose(new, user.name, user.email.address)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
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
        locale: str | None = None,
        caller: RequestContext = UNKNOWN,
    ) -> User:
        """
        :param name: the new name; ``None`` leaves the stored one, as it does with ``photo`` and
            ``locale``.
        :returns: the user as stored now.
        :raises InvalidInput: the name, the photo or the language is not accepted.
        :raises TooManyRequests: there were too many changes.
        :raises TokenRejected: see :class:`ReloadPrincipal`.
        """
        async with self.audit.recording(EventType.CHANGE_PROFILE, caller) as entry:
            entry.is_about(principal.session)
            new_name, new_photo, new_locale = all_of(
                lambda: None if name is None else parse_name(name),
                lambda: None if photo is None else parse_photo(photo),
                lambda: None if locale is None else parse_locale(locale),
            )
            await self.rate_limiting.count_change(principal.user.id)
            while True:  # until no other process changes the user in between
                user = (await self.reload_principal(principal)).user
                changed = user.with_profile(
                    new_name or user.name,
                    new_photo or user.photo,
                    new_locale or user.locale,
                    self.clock(),
                )
                effects = entry.success()
                if await entry.settle(effects, await self.users.replace(user, changed, effects)):
                    return changed


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DeleteAccount:
    require_step_up: RequireStepUp
    forget_user: ForgetUser
    audit: Audit

    async def __call__(
        self, principal: Principal, password: str | None, caller: RequestContext = UNKNOWN
    ) -> None:
        """Delete the user and all sessions. The audit log keeps the id of the user only.

        :param password: ``None`` in a session that was stepped up.
        :raises StepUpRequired: see :class:`RequireStepUp`.
        :raises InvalidInput: the password is longer than a password can be.
        :raises TooManyRequests: there were too many attempts to guess the password.
        :raises WrongPassword: the password is not the user's.
        :raises TokenRejected: the user has been deleted.
        :raises LastAdministrator: no administrator would be left.
        """
        async with self.audit.recording(EventType.DELETE_ACCOUNT, caller) as entry:
            entry.is_about(principal.session)
            me = await self.require_step_up(principal, caller, Password.parse_optional(password))
            await self.forget_user(me.user, entry)


@dataclass(frozen=True, slots=True)
class Export:
    """All data about a user except secrets. Events about other users are theirs."""

    user: User
    factors: Factors
    identities: Sequence[Identity]
    sessions: Sequence[SessionWithActivity]
    events: Sequence[RecordedEvent]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ExportAccount:
    require_step_up: RequireStepUp
    find_factors: FindFactors
    identities: IdentityStore
    find_sessions: FindSessions
    audit_log: AuditLog
    rate_limiting: RateLimiting
    audit: Audit

    async def __call__(self, principal: Principal, caller: RequestContext = UNKNOWN) -> Export:
        """
        :raises StepUpRequired: see :class:`RequireStepUp`.
        :raises TooManyRequests: there were too many exports, or changes.
        :raises TokenRejected: see :class:`ReloadPrincipal`.
        """
        async with self.audit.recording(EventType.EXPORT_ACCOUNT, caller) as entry:
            entry.is_about(principal.session)
            user = (await self.require_step_up(principal, caller)).user
            await self.rate_limiting.count_change(user.id)
            events = [event async for event in self._events(user.id)]
            export = Export(
                user,
                await self.find_factors(user),
                await self.identities.of_user(user.id),
                await self.find_sessions(user, principal),
                events,
            )
            await entry.settle(entry.success())
            return export

    async def _events(self, user_id: UserId) -> AsyncIterator[RecordedEvent]:
        page = await self.audit_log.page(EventQuery(user_id=user_id), None, _PAGE_SIZE)
        while True:
            for event in page.items:
                yield event
            if page.next is None:
                return
            page = await self.audit_log.page(EventQuery(user_id=user_id), page.next, _PAGE_SIZE)
