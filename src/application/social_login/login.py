"""Log in with an account of another provider."""

from contextlib import suppress
from dataclasses import dataclass, replace
from unicodedata import normalize
from uuid import UUID

from application.accounts.reserved_addresses import RefuseReservedAddress
from application.audit import Audit, Entry
from application.login.complete import CompleteLogin, LoggedIn
from application.mail.messages import MakeMessage
from application.ports import (
    Clock,
    Effects,
    IdentityProviders,
    IdentityStore,
    RandomId,
    UserRepository,
)
from application.rate_limiting import RateLimiting
from application.registration_policy import RegistrationPolicy
from application.second_factors.find import FindFactors
from application.sessions.purge import PurgeStaleSessions
from application.social_login.identities import RecordUse, linked_notice
from application.social_login.policy import SocialPolicy
from domain.audit.details import CredentialsDropped, OfIdentity
from domain.audit.event import EventType
from domain.email import Email
from domain.errors import (
    EmailTaken,
    EmailUnverified,
    InvalidCredentials,
    InvalidInput,
    LinkRequired,
    ProviderEmailUnverified,
    RegistrationClosed,
)
from domain.request_context import UNKNOWN, RequestContext
from domain.session import Transport
from domain.social_login.identity import MAX_IDENTITIES, Identity, IdentityId, ProviderAccount
from domain.social_login.rules import Holder, Verdict, decide
from domain.user import NAME_LENGTH, NO_PASSWORD, User, UserId, parse_name


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AdmitAccount:
    """Find or make the user whom an account logs in that no user has linked."""

    users: UserRepository
    identities: IdentityStore
    identity_providers: IdentityProviders
    find_factors: FindFactors
    refuse_reserved_address: RefuseReservedAddress
    purge_stale_sessions: PurgeStaleSessions
    make_message: MakeMessage
    rate_limiting: RateLimiting
    policy: RegistrationPolicy
    social_policy: SocialPolicy
    audit: Audit
    clock: Clock
    random_id: RandomId

    async def __call__(
        self, account: ProviderAccount, caller: RequestContext, entry: Entry
    ) -> User | None:
        """Apply the rules of docs/adr/0063, and link the account in the step that changes or adds
        the user.

        :param entry: the record of the login.
        :returns: the user as stored now; ``None`` if anything has changed meanwhile: look again.
        :raises ProviderEmailUnverified: see :class:`LoginWithIdentity`, and so are the others.
        """
        email = account.email
        if email is None:
            raise ProviderEmailUnverified
        # Whether a user has an address that is not proven shows by no time, either.
        holder = await self._holder(email) if account.is_email_verified else None
        is_open = self.policy.is_open
        verdict = decide(account, holder, self.social_policy.linking, is_registration_open=is_open)
        match verdict:
            case Verdict.REFUSE_UNVERIFIED:
                raise ProviderEmailUnverified
            case Verdict.REFUSE_CLOSED:
                raise RegistrationClosed
            case Verdict.REFUSE_KNOWN:
                if await self.identities.find(account.issuer, account.subject):
                    return None
                raise LinkRequired
        if holder is None:
            return await self._register(email, account, caller, entry)
        return await self._change(holder.user, account, verdict, entry)

    async def _holder(self, email: Email) -> Holder | None:
        user = await self.users.by_email(email)
        if user is None:
            return None
        has_factor = bool((await self.find_factors(user)).methods)
        return Holder(user, has_factor, bool(await self.identities.of_user(user.id)))

    async def _register(
        self, email: Email, account: ProviderAccount, caller: RequestContext, entry: Entry
    ) -> User | None:
        await self.rate_limiting.count_registration_from(caller.address)
        await self.rate_limiting.count_registration()
        user = self._new_user(email, account.name, caller)
        try:
            await self.refuse_reserved_address(user.email)
        except EmailTaken:
            raise LinkRequired from None
        effects = _together(
            entry.success(user, event_type=EventType.REGISTER), self._link(user, account, entry)
        )
        try:
            stored = await self.users.add(user, effects)
        except EmailTaken:
            return None
        if not stored.changed:
            return None
        await self.audit.settle(effects, stored)
        return user

    async def _change(
        self, user: User, account: ProviderAccount, verdict: Verdict, entry: Entry
    ) -> User | None:
        if len(await self.identities.of_user(user.id)) >= MAX_IDENTITIES:
            raise LinkRequired
        change, effects = "linked", self._link(user, account, entry)
        if verdict is Verdict.LINK:  # stored: another change at this moment must look again
            changed = replace(user, updated_at=self.clock())
        else:  # the mailbox is proven, and nothing of before counts: no invitation either
            changed, dropped = user.without_credentials(self.clock()), None
            if verdict is Verdict.TAKE_OVER:
                change, dropped = "taken_over", CredentialsDropped()
            proof = entry.success(user, dropped, EventType.VERIFY_EMAIL)
            effects = _together(proof, effects).unlinking_all_of(user.id)
        label = self.identity_providers.label_of(account.provider)
        notice = linked_notice(self.make_message, user, change, label)
        effects = effects.with_messages(*notice)
        stored = await self.users.replace(user, changed, effects)
        if not stored.changed:
            return None
        await self.audit.settle(effects, stored)
        await self.purge_stale_sessions(changed)
        return changed

    def _new_user(self, email: Email, name: str | None, caller: RequestContext) -> User:
        made = User.register(
            UserId(UUID(hex=self.random_id(), version=4)),
            _name_of(name, email),
            email,
            NO_PASSWORD,
            self.clock(),
            locale=caller.locale,
        )
        return replace(made, verified=True, self_registered=True)

    def _link(self, user: User, account: ProviderAccount, entry: Entry) -> Effects:
        identity_id = IdentityId(self.random_id())
        identity = Identity.of(account, identity_id, user.id, self.clock())
        details = OfIdentity(identity.provider, identity.id)
        return entry.success(user, details, EventType.LINK_IDENTITY).linking(identity)


def _together(first: Effects, then: Effects) -> Effects:
    return replace(then, events=first.events + then.events)


def _name_of(stated: str | None, email: Email) -> str:
    """Return the name that the provider states, or else the local part of the address, or of one
    that no user can have as a name the domain.
    """
    local = normalize("NFC", email.address.rpartition("@")[0])
    for text in (stated or "", local[:NAME_LENGTH]):
        with suppress(InvalidInput):
            return parse_name(text)
    return parse_name(email.key.rpartition("@")[2][:NAME_LENGTH])


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LoginWithIdentity:
    """An account that a user has linked logs in that user; for another one the rules decide."""

    users: UserRepository
    identities: IdentityStore
    admit_account: AdmitAccount
    record_use: RecordUse
    complete_login: CompleteLogin
    policy: RegistrationPolicy
    audit: Audit

    async def __call__(
        self,
        account: ProviderAccount,
        caller: RequestContext = UNKNOWN,
        transport: Transport = Transport.COOKIE,
        *,
        shows_access: bool = False,
    ) -> LoggedIn:
        """
        :param account: from its provider, just now. The attempt has been counted.
        :param transport: how the client gets the tokens, and so how long the session lives.
        :param shows_access: see :class:`~application.login.complete.CompleteLogin`.
        :raises ProviderEmailUnverified: no user has the account, and its provider has not
            verified the address.
        :raises RegistrationClosed: no user has the account or its address, and people may not
            register.
        :raises TooManyRequests: there were too many registrations.
        :raises LinkRequired: another user has the address, or can restore it.
        :raises InvalidCredentials: the user is disabled; or see
            :class:`~application.login.complete.CompleteLogin`.
        :raises EmailUnverified: the address of the user has to be proven first.
        :raises SecondFactorRequired: see :class:`~application.login.complete.CompleteLogin`.
        """
        async with self.audit.recording(EventType.LOGIN, caller) as entry:
            user = None
            while user is None:  # until no other process changes user or identity in between
                user = await self._owner(account)
                if user is None:
                    user = await self.admit_account(account, caller, entry)
            entry.user_id = user.id
            if user.disabled:
                raise InvalidCredentials
            if self.policy.requires_verification and not user.verified:
                raise EmailUnverified
            return await self.complete_login(
                user, account.methods, caller, transport, entry, shows_access=shows_access
            )

    async def _owner(self, account: ProviderAccount) -> User | None:
        """Return the user who has linked the account. A link to a deleted one is deleted.

        The user is read before the link is looked at for the last time: to unlink it ends all
        sessions that begin with an earlier state of the user.
        """
        identity = await self.identities.find(account.issuer, account.subject)
        if identity is None:
            return None
        user = await self.users.get(identity.user_id)
        if user is None:
            await self.identities.delete(identity)
            return None
        return user if await self.record_use(identity, account) else None
