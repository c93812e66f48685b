"""List, link and unlink accounts of other providers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from application.accounts.users import existing
from application.audit import Audit, Entry
from application.authenticate import ReloadPrincipal
from application.known_networks import KnownNetworks
from application.login.complete import IssueTokens, LoggedIn
from application.mail.messages import MailPolicy, MakeMessage
from application.ports import (
    Clock,
    Devices,
    IdentityProviders,
    IdentityStore,
    RandomId,
    UserRepository,
)
from application.sessions.purge import PurgeStaleSessions
from application.sessions.start import RenewSession
from application.step_up import RequireStepUp
from domain.actor import Actor, Principal
from domain.audit.details import OfIdentity
from domain.audit.event import EventType
from domain.errors import (
    IdentityTaken,
    InvalidInput,
    LastCredential,
    NotFound,
    Problem,
)
from domain.mail.message import MailKind, Message
from domain.permissions import Permission
from domain.request_context import UNKNOWN, RequestContext
from domain.social_login.identity import (
    MAX_IDENTITIES,
    Identity,
    IdentityId,
    ProviderAccount,
    ProviderName,
    is_identity_id,
)
from domain.social_login.rules import has_own_way_in
from domain.user import User, UserId

_NOTED_EVERY = timedelta(minutes=1)
"""How often the last use of an identity is stored."""


def linked_notice(
    make_message: MakeMessage, user: User, change: str, label: str
) -> Sequence[Message]:
    """
    :param change: ``linked``, ``unlinked`` or ``taken_over``.
    :param label: of the provider.
    """
    facts = {"change": change, "provider": label}
    return make_message.notice(MailKind.IDENTITIES_CHANGED, user, facts)


@dataclass(frozen=True, slots=True)
class ShownProvider:
    """What front ends make a button of."""

    name: ProviderName
    label: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ListProviders:
    identity_providers: IdentityProviders

    async def __call__(self) -> Sequence[ShownProvider]:
        return [ShownProvider(each.name, each.label) for each in self.identity_providers.all]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RecordUse:
    """Note that the account of an identity has just logged in, at most once a minute."""

    identities: IdentityStore
    clock: Clock

    async def __call__(self, identity: Identity, account: ProviderAccount) -> bool:
        """
        :returns: whether the account is still linked.
        """
        used = identity.used(account, self.clock())
        is_due = _is_worth_storing(identity, used)
        if is_due and (await self.identities.replace(identity, used)).changed:
            return True
        found = await self.identities.by_id(identity.id)  # another process may have noted a use
        return found is not None and found.user_id == identity.user_id


def _is_worth_storing(old: Identity, new: Identity) -> bool:
    if old.last_used_at is None or new.last_used_at is None:
        return True
    is_due = new.last_used_at - old.last_used_at >= _NOTED_EVERY
    return is_due or (old.email, old.provider) != (new.email, new.provider)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FindIdentity:
    identities: IdentityStore

    async def __call__(self, user_id: UserId, identity_id: IdentityId) -> Identity:
        """:raises NotFound: the user has no identity with this id."""
        is_id = is_identity_id(identity_id)
        identity = await self.identities.by_id(identity_id) if is_id else None
        if identity is None or identity.user_id != user_id:
            raise NotFound
        return identity


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ListIdentities:
    """List the principal's own identities."""

    reload_principal: ReloadPrincipal
    identities: IdentityStore

    async def __call__(self, principal: Principal) -> Sequence[Identity]:
        """:raises TokenRejected: see :class:`~application.authenticate.ReloadPrincipal`."""
        me = await self.reload_principal(principal)
        return await self.identities.of_user(me.user.id)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LinkIdentity:
    """Link an account to the principal's own one. Other use cases ask for the step-up."""

    reload_principal: ReloadPrincipal
    users: UserRepository
    identities: IdentityStore
    identity_providers: IdentityProviders
    make_message: MakeMessage
    clock: Clock
    random_id: RandomId

    async def __call__(
        self, principal: Principal, account: ProviderAccount, entry: Entry
    ) -> Identity:
        """Link the account in a change of the user. Sessions stay. To link it twice changes
        nothing.

        :param entry: the record of the link, which this settles.
        :raises IdentityTaken: another user has linked the account.
        :raises InvalidInput: the user has too many identities.
        :raises TokenRejected: see :class:`~application.authenticate.ReloadPrincipal`.
        """
        while True:  # until no other process changes the user in between
            me = await self.reload_principal(principal)
            found = await self._linked(account)
            if found is not None:
                if found.user_id != me.user.id:
                    raise IdentityTaken
                return found
            await self._require_place(me.user)
            identity_id, now = IdentityId(self.random_id()), self.clock()
            identity = Identity.of(account, identity_id, me.user.id, now)
            entry.details = OfIdentity(identity.provider, identity.id)
            label = self.identity_providers.label_of(identity.provider)
            notice = linked_notice(self.make_message, me.user, "linked", label)
            effects = entry.success().with_messages(*notice).linking(identity)
            changed = replace(me.user, updated_at=now)
            if await entry.settle(effects, await self.users.replace(me.user, changed, effects)):
                return identity

    async def _linked(self, account: ProviderAccount) -> Identity | None:
        """Return the identity of the account. A link to a deleted user is deleted."""
        found = await self.identities.find(account.issuer, account.subject)
        if found is not None and await self.users.get(found.user_id) is None:
            await self.identities.delete(found)
            return None
        return found

    async def _require_place(self, user: User) -> None:
        if len(await self.identities.of_user(user.id)) >= MAX_IDENTITIES:
            message = f"must be at most {MAX_IDENTITIES}: unlink one"
            raise InvalidInput(Problem("identities", message))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class UnlinkIdentity:
    """Unlink one of the principal's own identities, unless it is the last way to log in."""

    require_step_up: RequireStepUp
    find_identity: FindIdentity
    users: UserRepository
    identities: IdentityStore
    identity_providers: IdentityProviders
    renew_session: RenewSession
    purge_stale_sessions: PurgeStaleSessions
    issue_tokens: IssueTokens
    devices: Devices
    known_networks: KnownNetworks
    mail_policy: MailPolicy
    make_message: MakeMessage
    audit: Audit
    clock: Clock

    async def __call__(
        self, principal: Principal, identity_id: IdentityId, caller: RequestContext = UNKNOWN
    ) -> LoggedIn:
        """End all sessions, and start a new one for this client: the account at the provider may
        be in the hands of another person.

        :returns: the tokens of the session that takes the place of the present one.
        :raises StepUpRequired: see :class:`~application.step_up.RequireStepUp`.
        :raises NotFound: the principal has no identity with this id.
        :raises LastCredential: the principal could not log in any more.
        :raises TokenRejected: the session was ended concurrently.
        """
        async with self.audit.recording(EventType.UNLINK_IDENTITY, caller) as entry:
            entry.is_about(principal.session)
            while True:  # until no other process changes the user in between
                me = await self.require_step_up(principal, caller)
                identity = await self.find_identity(me.user.id, identity_id)
                entry.details = OfIdentity(identity.provider, identity.id)
                await self._require_other_way(me.user, identity)
                changed = replace(me.user.without_sessions(), updated_at=self.clock())
                label = self.identity_providers.label_of(identity.provider)
                notice = linked_notice(self.make_message, me.user, "unlinked", label)
                effects = entry.success().with_messages(*notice).unlinking(identity)
                stored = await self.users.replace(me.user, changed, effects)
                if await entry.settle(effects, stored):
                    return await self._renew(Principal(changed, me.session), caller)

    async def _require_other_way(self, user: User, identity: Identity) -> None:
        found = await self.identities.of_user(user.id)
        others = self.identity_providers.count_usable(
            each for each in found if each.id != identity.id
        )
        can_reset = user.verified and self.mail_policy.is_on
        if not has_own_way_in(user, can_reset=can_reset, other_identities=others):
            raise LastCredential

    async def _renew(self, me: Principal, caller: RequestContext) -> LoggedIn:
        session = await self.renew_session(me.session, me.user)
        await self.purge_stale_sessions(me.user)
        await self.known_networks.remember(me.user, caller.address)
        tokens = await self.issue_tokens(session, me.user)
        return LoggedIn(tokens, self.devices.issue(me.user), session.transport)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ListIdentitiesOf:
    """List the identities of any user, for an administrator or the operator."""

    users: UserRepository
    identities: IdentityStore

    async def __call__(self, actor: Actor, user_id: UserId) -> Sequence[Identity]:
        """
        :raises PermissionMissing: the actor may not read users.
        :raises NotFound: there is no user with this id.
        """
        actor.require(Permission.READ_USERS)
        user = await existing(self.users, user_id)
        return await self.identities.of_user(user.id)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class UnlinkIdentityOf:
    """Unlink an identity of another user. It may be the last way to log in: an administrator can
    send a link for a new password.
    """

    users: UserRepository
    find_identity: FindIdentity
    identity_providers: IdentityProviders
    require_step_up: RequireStepUp
    purge_stale_sessions: PurgeStaleSessions
    make_message: MakeMessage
    audit: Audit
    clock: Clock

    async def __call__(
        self,
        actor: Actor,
        user_id: UserId,
        identity_id: IdentityId,
        caller: RequestContext = UNKNOWN,
        reason: str | None = None,
    ) -> None:
        """End all sessions of the user, too.

        :param reason: why, as it was typed, for the audit log.
        :raises PermissionMissing: the actor may not change users, or is the user.
        :raises InvalidInput: the reason is not accepted.
        :raises StepUpRequired: see :class:`~application.step_up.RequireStepUp`.
        :raises NotFound: there is no user with this id, or no such identity.
        """
        async with self.audit.recording(EventType.UNLINK_IDENTITY, caller, actor) as entry:
            await self.require_step_up.to_change_another(user_id, actor, entry, reason)
            while True:  # until no other process changes the user in between
                user = await existing(self.users, user_id)
                identity = await self.find_identity(user.id, identity_id)
                entry.details = OfIdentity(identity.provider, identity.id)
                changed = replace(user.without_sessions(), updated_at=self.clock())
                label = self.identity_providers.label_of(identity.provider)
                notice = linked_notice(self.make_message, user, "unlinked", label)
                effects = entry.success().with_messages(*notice).unlinking(identity)
                if await entry.settle(effects, await self.users.replace(user, changed, effects)):
                    await self.purge_stale_sessions(changed)
                    return
