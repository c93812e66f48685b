"""What people do with their own account."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.audit import Audit, Subject
from application.authenticate import Principal
from application.ports import Clock, Devices, PasswordHasher, SessionStore, UserRepository
from application.throttle import Throttle
from domain.errors import TokenRejected, WrongPassword, all_of, in_field
from domain.event import UNKNOWN, Caller
from domain.password import Password, PasswordRule
from domain.session import Session, SessionId
from domain.user import User, UserId, parse_name, parse_photo


@dataclass(frozen=True, slots=True)
class ReloadPrincipal:
    """Who asked, as of now: a request may have been let in on a copy that is a moment old."""

    users: UserRepository
    sessions: SessionStore

    async def __call__(self, principal: Principal) -> Principal:
        """
        :raises TokenRejected: the user or the session is not there any more.
        """
        user = await self.users.get(principal.user.id)
        session = await self.sessions.get(principal.user.id, principal.session.id)
        if user is None or session is None or not session.is_good_for(user):
            raise TokenRejected
        return Principal(user, session)


@dataclass(frozen=True, slots=True)
class ConfirmPassword:
    """Who is logged in may still not be the owner: what matters asks for the password again."""

    reload_principal: ReloadPrincipal
    hasher: PasswordHasher
    throttle: Throttle

    async def __call__(
        self, principal: Principal, password: Password, caller: Caller
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
        await self.throttle.login(guesses, caller.address, None)
        if not await self.hasher.verify(password, me.user.password_hash):
            raise WrongPassword
        await self.throttle.forgive_login(guesses)
        return me


@dataclass(frozen=True, slots=True)
class ChangePassword:
    confirm_password: ConfirmPassword
    users: UserRepository
    sessions: SessionStore
    hasher: PasswordHasher
    devices: Devices
    rule: PasswordRule
    audit: Audit
    clock: Clock

    async def __call__(
        self, principal: Principal, current: str, new: str, caller: Caller = UNKNOWN
    ) -> str:
        """Everybody else who is logged in as this user is logged out, and no other device is known
        any more.

        :returns: a token by which this device is known from now on.
        :raises InvalidInput: the new password will not do.
        :raises TooManyRequests: there were too many attempts to guess the current one.
        :raises WrongPassword: the current one is not the user's.
        :raises TokenRejected: the user was changed or deleted at this very moment.
        """
        async with self.audit.recording("change password", caller) as subject:
            _note(subject, principal)
            typed, chosen = all_of(
                lambda: in_field("current_password", lambda: Password.parse(current)),
                lambda: in_field("new_password", lambda: self._choose(new, principal.user)),
            )
            me = await self.confirm_password(principal, typed, caller)
            changed = me.user.with_new_password(await self.hasher.hash(chosen), self.clock())
            if not await self.users.replace(me.user, changed):
                raise TokenRejected
            # In that one step all sessions have ended. What follows saves this one and tidies up.
            await self._keep(me.session, changed)
            await self._forget_others(changed, me.session.id)
            return self.devices.issue(changed)

    async def _keep(self, session: Session, user: User) -> None:
        while stored := await self.sessions.get(user.id, session.id):
            if await self.sessions.replace(stored, stored.kept_by(user)):
                return

    def _choose(self, new: str, user: User) -> Password:
        return self.rule.choose(new, user.name, user.email.address)

    async def _forget_others(self, user: User, kept: SessionId) -> None:
        for session in await self.sessions.of_user(user.id):
            if session.id != kept and not session.is_good_for(user):
                await self.sessions.delete(user.id, session.id)


@dataclass(frozen=True, slots=True)
class ChangeProfile:
    reload_principal: ReloadPrincipal
    users: UserRepository
    audit: Audit
    clock: Clock

    async def __call__(
        self,
        principal: Principal,
        name: str | None = None,
        photo: str | None = None,
        caller: Caller = UNKNOWN,
    ) -> User:
        """
        :param name: and ``photo``: the new ones; ``None`` leaves what is there.
        :returns: the user as they are now.
        :raises InvalidInput: the name or the photo will not do.
        :raises TokenRejected: see :class:`ReloadPrincipal`.
        """
        async with self.audit.recording("change profile", caller) as subject:
            _note(subject, principal)
            new_name, new_photo = all_of(
                lambda: None if name is None else parse_name(name),
                lambda: None if photo is None else parse_photo(photo),
            )
            while True:  # each further turn follows on somebody else's change, which is kept
                user = (await self.reload_principal(principal)).user
                changed = user.with_profile(
                    new_name or user.name, new_photo or user.photo, self.clock()
                )
                if await self.users.replace(user, changed):
                    return changed


@dataclass(frozen=True, slots=True)
class DeleteAccount:
    confirm_password: ConfirmPassword
    users: UserRepository
    sessions: SessionStore
    audit: Audit

    async def __call__(
        self, principal: Principal, password: str, caller: Caller = UNKNOWN
    ) -> None:
        """The user and all their sessions are gone; the audit trail knows the user's id alone.

        :raises InvalidInput: the password is longer than any can be.
        :raises TooManyRequests: there were too many attempts to guess the password.
        :raises WrongPassword: it is not the user's.
        :raises TokenRejected: the user is gone already.
        """
        async with self.audit.recording("delete account", caller) as subject:
            _note(subject, principal)
            me = await self.confirm_password(principal, Password.parse(password), caller)
            # First the sessions, so that a crash in between leaves none that is nobody's; and once
            # more, for those who came in meanwhile.
            await self._end_all(me.user.id)
            await self.users.delete(me.user.id)
            await self._end_all(me.user.id)

    async def _end_all(self, user_id: UserId) -> None:
        for session in await self.sessions.of_user(user_id):
            await self.sessions.delete(user_id, session.id)


@dataclass(frozen=True, slots=True)
class ExportAccount:
    reload_principal: ReloadPrincipal
    sessions: SessionStore
    audit: Audit

    async def __call__(
        self, principal: Principal, caller: Caller = UNKNOWN
    ) -> tuple[User, Sequence[Session]]:
        """
        :returns: all that is held about the user.
        :raises TokenRejected: see :class:`ReloadPrincipal`.
        """
        async with self.audit.recording("export account", caller) as subject:
            _note(subject, principal)
            user = (await self.reload_principal(principal)).user
            sessions = await self.sessions.of_user(user.id)
            return user, [session for session in sessions if session.is_good_for(user)]


def _note(subject: Subject, principal: Principal) -> None:
    subject.user_id, subject.session_id = principal.user.id, principal.session.id
