"""Delete users, and what is stored about them."""

from dataclasses import dataclass

from application.accounts.users import existing
from application.audit import Audit, Entry
from application.mail.messages import MakeMessage
from application.ports import (
    AuditLog,
    ChallengeStore,
    Clock,
    IdentityStore,
    OneTimeTokenStore,
    Outbox,
    PasskeyStore,
    SecondFactorStore,
    SessionStore,
    UserRepository,
)
from application.step_up import RequireStepUp
from domain.actor import Actor
from domain.audit.details import AccountChanged
from domain.audit.event import EventType
from domain.mail.message import MailKind
from domain.permissions import Permission, Role
from domain.request_context import UNKNOWN, RequestContext
from domain.user import User, UserId


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ForgetUser:
    """Delete a user from every store. Other use cases check the permission."""

    users: UserRepository
    sessions: SessionStore
    audit_log: AuditLog
    outbox: Outbox
    tokens: OneTimeTokenStore
    second_factors: SecondFactorStore
    challenges: ChallengeStore
    passkeys: PasskeyStore
    identities: IdentityStore
    make_message: MakeMessage
    audit: Audit
    clock: Clock

    async def __call__(self, user: User, entry: Entry) -> None:
        """
        :param entry: the audit record of the deletion, which keeps the id of the user only.
        :raises LastAdministrator: no administrator would be left.
        """
        await self._demote(user, entry)
        entry.forget_address_of(user.id)
        # Delete the user last, so that a crash leaves no data without a user; then delete again,
        # for what was stored in the meantime.
        await self._forget_data(user)
        notice = self.make_message.notice(MailKind.ACCOUNT_DELETED, user)
        effects = entry.success().with_messages(*notice)
        await entry.settle(effects, await self.users.delete(user.id, effects))
        await self._forget_data(user)
        await self._forget_factors(user)

    async def purge(self, user: User) -> None:
        """Delete an ordinary user without a record and without a notice."""
        await self._forget_data(user)
        await self.users.delete(user.id)
        await self._forget_data(user)
        await self._forget_factors(user)

    async def _demote(self, user: User, deletion: Entry) -> None:
        """Take the role away first: the last administrator cannot be deleted."""
        if not user.is_administrator:
            return
        async with self.audit.recording(
            EventType.CHANGE_USER, deletion.caller, deletion.actor
        ) as entry:
            entry.user_id, entry.details = user.id, AccountChanged(Role.USER)
            now: User | None = user
            while now is not None and now.is_administrator:
                ordinary = now.with_role(Role.USER, self.clock())
                effects = entry.success()
                await entry.settle(effects, await self.users.replace(now, ordinary, effects))
                now = await self.users.get(user.id)

    async def _forget_data(self, user: User) -> None:
        """Delete all that belongs to a user except the second factors and the identities."""
        for session in await self.sessions.of_user(user.id):
            await self.sessions.delete(user.id, session.id)
        await self.audit_log.forget_addresses(user.id)
        await self.tokens.forget(user.id)
        await self.challenges.forget(user.id)
        await self.outbox.forget(user.email)

    async def _forget_factors(self, user: User) -> None:
        """Delete the second factors and the identities of a user who is deleted. A user who stays,
        because the store fails or refuses, must not log in by the password alone, and has to log
        in. SQL deletes them with the user.
        """
        await self.second_factors.forget(user.id)
        await self.passkeys.forget(user.id)
        await self.identities.forget(user.id)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DeleteUser:
    require_step_up: RequireStepUp
    users: UserRepository
    forget_user: ForgetUser
    audit: Audit

    async def __call__(
        self,
        actor: Actor,
        user_id: UserId,
        caller: RequestContext = UNKNOWN,
        reason: str | None = None,
    ) -> None:
        """
        :param reason: why, as it was typed, for the audit log.
        :raises PermissionMissing: the actor may not delete users.
        :raises InvalidInput: the reason is not accepted.
        :raises StepUpRequired: the actor is an administrator without a recent step-up.
        :raises NotFound: there is no user with this id.
        :raises LastAdministrator: no administrator would be left.
        """
        async with self.audit.recording(EventType.DELETE_USER, caller, actor) as entry:
            entry.user_id = user_id
            await self.require_step_up.to_change(Permission.DELETE_USERS, actor, entry, reason)
            await self.forget_user(await existing(self.users, user_id), entry)
