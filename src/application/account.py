"""What people do with their own account."""

from dataclasses import dataclass

from application.audit import Audit
from application.auth import Principal
from application.ports import Clock, PasswordHasher, SessionStore, UserRepository
from application.throttle import Throttle
from domain.errors import TokenRejected, WrongPassword, all_of, in_field
from domain.event import UNKNOWN, Caller
from domain.password import Password, PasswordRule
from domain.session import Session, SessionId
from domain.user import User


@dataclass(frozen=True, slots=True)
class ChangePassword:
    users: UserRepository
    sessions: SessionStore
    hasher: PasswordHasher
    rule: PasswordRule
    throttle: Throttle
    audit: Audit
    clock: Clock

    async def __call__(
        self, principal: Principal, current: str, new: str, caller: Caller = UNKNOWN
    ) -> None:
        """Everybody else who is logged in as this user is logged out.

        :raises InvalidInput: the new password will not do.
        :raises TooManyRequests: there were too many attempts to guess the current one.
        :raises WrongPassword: the current one is not the user's.
        :raises TokenRejected: the user was changed or deleted at this very moment.
        """
        user, session = principal.user, principal.session
        async with self.audit.recording("change password", caller) as subject:
            subject.user_id, subject.session_id = user.id, session.id
            typed, chosen = all_of(
                lambda: in_field("current_password", lambda: Password.parse(current)),
                lambda: in_field("new_password", lambda: self._choose(new, user)),
            )
            # Who is logged in may still not be the owner: guessing is limited here as well.
            # Under a key of its own, so that strangers' guesses at the login do not count here.
            guesses = f"password:{user.email.key}"
            await self.throttle.login(guesses, caller.address, None)
            if not await self.hasher.verify(typed, user.password_hash):
                raise WrongPassword
            await self.throttle.forgive_login(guesses)
            changed = user.with_new_password(await self.hasher.hash(chosen), self.clock())
            if not await self.users.replace(user, changed):
                raise TokenRejected
            # In that one step all sessions have ended. What follows saves this one and tidies up.
            await self._keep(session, changed)
            await self._forget_others(changed, session.id)

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
