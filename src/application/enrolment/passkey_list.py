"""List, rename and remove passkeys."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.accounts.users import existing
from application.audit import Audit
from application.authenticate import ReloadPrincipal
from application.enrolment.account import AdjustAccount, AdjustUser
from application.login.complete import LoggedIn
from application.mail.messages import MailPolicy, MakeMessage
from application.ports import IdentityProviders, IdentityStore, PasskeyStore, UserRepository
from application.rate_limiting import RateLimiting
from application.sessions.purge import PurgeStaleSessions
from application.step_up import RequireStepUp
from domain.actor import Actor, Principal
from domain.audit.details import OfPasskey
from domain.audit.event import EventType
from domain.errors import LastCredential, NotFound, TokenRejected
from domain.mail.message import MailKind, Message
from domain.permissions import Permission
from domain.request_context import UNKNOWN, RequestContext
from domain.second_factors.passkey import Passkey, PasskeyId, is_passkey_id, parse_passkey_name
from domain.social_login.rules import has_own_way_in
from domain.user import User, UserId


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FindPasskey:
    passkeys: PasskeyStore

    async def __call__(self, user_id: UserId, passkey_id: PasskeyId) -> Passkey:
        """:raises NotFound: the user has no passkey with this id."""
        passkey = await self.passkeys.by_id(passkey_id) if is_passkey_id(passkey_id) else None
        if passkey is None or passkey.user_id != user_id:
            raise NotFound
        return passkey


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ListPasskeys:
    """List the principal's own passkeys."""

    reload_principal: ReloadPrincipal
    passkeys: PasskeyStore

    async def __call__(self, principal: Principal) -> Sequence[Passkey]:
        """:raises TokenRejected: see :class:`~application.authenticate.ReloadPrincipal`."""
        me = await self.reload_principal(principal)
        return await self.passkeys.of_user(me.user.id)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RenamePasskey:
    reload_principal: ReloadPrincipal
    find_passkey: FindPasskey
    passkeys: PasskeyStore
    rate_limiting: RateLimiting
    audit: Audit

    async def __call__(
        self,
        principal: Principal,
        passkey_id: PasskeyId,
        name: str,
        caller: RequestContext = UNKNOWN,
    ) -> Passkey:
        """
        :raises InvalidInput: the name is not accepted.
        :raises NotFound: the principal has no passkey with this id.
        :raises TooManyRequests: there were too many changes.
        :raises TokenRejected: see :class:`~application.authenticate.ReloadPrincipal`.
        """
        async with self.audit.recording(EventType.RENAME_PASSKEY, caller) as entry:
            entry.is_about(principal.session)
            chosen = parse_passkey_name(name)
            me = await self.reload_principal(principal)
            await self.rate_limiting.count_change(me.user.id)
            while True:  # until no other process changes the passkey in between
                passkey = await self.find_passkey(me.user.id, passkey_id)
                entry.details = OfPasskey(passkey.id)
                renamed, effects = passkey.renamed(chosen), entry.success()
                stored = await self.passkeys.replace(passkey, renamed, effects)
                if await entry.settle(effects, stored):
                    return renamed


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RemovePasskey:
    """Remove one of the principal's own passkeys, unless it is the last way to log in."""

    require_step_up: RequireStepUp
    find_passkey: FindPasskey
    passkeys: PasskeyStore
    identities: IdentityStore
    identity_providers: IdentityProviders
    adjust_account: AdjustAccount
    mail_policy: MailPolicy
    make_message: MakeMessage
    audit: Audit

    async def __call__(
        self, principal: Principal, passkey_id: PasskeyId, caller: RequestContext = UNKNOWN
    ) -> LoggedIn:
        """End all sessions, and start a new one for this client: the passkey may be in the hands
        of another person.

        :returns: the tokens of the session that takes the place of the present one.
        :raises StepUpRequired: see :class:`~application.step_up.RequireStepUp`.
        :raises NotFound: the principal has no passkey with this id.
        :raises LastCredential: the principal could not log in any more.
        :raises TokenRejected: see :class:`~application.enrolment.account.AdjustAccount`.
        """
        async with self.audit.recording(EventType.REMOVE_PASSKEY, caller) as entry:
            entry.is_about(principal.session)
            me = await self.require_step_up(principal, caller)
            passkey = await self.find_passkey(me.user.id, passkey_id)
            entry.details = OfPasskey(passkey.id)
            notice = _notice(self.make_message, me.user)
            effects = entry.success().with_messages(*notice)
            has_another_way = await self._has_another_way(me.user)
            stored = await self.passkeys.delete(passkey, effects, not_last=not has_another_way)
            if not await entry.settle(effects, stored):
                await self.find_passkey(me.user.id, passkey_id)
                raise LastCredential
            return await self.adjust_account(me, caller)

    async def _has_another_way(self, user: User) -> bool:
        """Return whether the user logs in without any passkey: by the password, a new one, or an
        account at another provider. That cannot be unlinked at this moment if it is the last way.
        """
        can_reset = user.verified and self.mail_policy.is_on
        others = self.identity_providers.count_usable(await self.identities.of_user(user.id))
        return has_own_way_in(user, can_reset=can_reset, other_identities=others)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ListPasskeysOf:
    """List the passkeys of any user, for an administrator or the operator."""

    users: UserRepository
    passkeys: PasskeyStore

    async def __call__(self, actor: Actor, user_id: UserId) -> Sequence[Passkey]:
        """
        :raises PermissionMissing: the actor may not read users.
        :raises NotFound: there is no user with this id.
        """
        actor.require(Permission.READ_USERS)
        user = await existing(self.users, user_id)
        return await self.passkeys.of_user(user.id)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RemovePasskeyOf:
    """Remove a passkey of another user, who may have lost it. It may be the last way to log in:
    an administrator can send a link for a new password.
    """

    users: UserRepository
    find_passkey: FindPasskey
    passkeys: PasskeyStore
    require_step_up: RequireStepUp
    adjust_user: AdjustUser
    purge_stale_sessions: PurgeStaleSessions
    make_message: MakeMessage
    audit: Audit

    async def __call__(
        self,
        actor: Actor,
        user_id: UserId,
        passkey_id: PasskeyId,
        caller: RequestContext = UNKNOWN,
        reason: str | None = None,
    ) -> None:
        """End all sessions of the user, too.

        :param reason: why, as it was typed, for the audit log.
        :raises PermissionMissing: the actor may not change users, or is the user: a stolen
            session of an administrator is no way around their factors.
        :raises InvalidInput: the reason is not accepted.
        :raises StepUpRequired: see :class:`~application.step_up.RequireStepUp`.
        :raises NotFound: there is no user with this id, or no such passkey.
        """
        async with self.audit.recording(EventType.REMOVE_PASSKEY, caller, actor) as entry:
            await self.require_step_up.to_change_another(user_id, actor, entry, reason)
            user = await existing(self.users, user_id)
            passkey = await self.find_passkey(user.id, passkey_id)
            entry.details = OfPasskey(passkey.id)
            effects = entry.success().with_messages(*_notice(self.make_message, user))
            if not await entry.settle(effects, await self.passkeys.delete(passkey, effects)):
                raise NotFound
            try:
                changed = await self.adjust_user(user.id)
            except TokenRejected:  # deleted at this moment, with all sessions
                return
            await self.purge_stale_sessions(changed)


def _notice(make_message: MakeMessage, user: User) -> Sequence[Message]:
    facts = {"change": "passkey_removed"}
    return make_message.notice(MailKind.SECOND_FACTORS_CHANGED, user, facts)
