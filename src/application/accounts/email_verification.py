"""Prove that users receive mail at their addresses. See docs/adr/0047."""

from dataclasses import dataclass

from application.audit import Audit
from application.authenticate import Authenticate, ReloadPrincipal
from application.mail.messages import MakeMessage
from application.mail.one_time_tokens import FindToken
from application.ports import (
    Clock,
    Devices,
    HashClient,
    PasswordHasher,
    UserRepository,
)
from application.rate_limiting import RateLimiting
from application.second_factors.find import FindFactors
from application.sessions.purge import PurgeStaleSessions
from domain.audit.details import CredentialsDropped
from domain.audit.event import EventType
from domain.errors import OneTimeTokenInvalid, TokenRejected, WrongPassword
from domain.mail.message import MailKind
from domain.mail.one_time_token import OneTimeToken, Purpose
from domain.passwords.password import Password
from domain.request_context import UNKNOWN, RequestContext
from domain.user import User


@dataclass(frozen=True, slots=True)
class RegistrantProof:
    """What shows that a client is the one that has registered, or logged in since.

    :ivar password: of the account.
    :ivar access_token: of a session of the account. The device token of the caller counts, too.
    """

    password: str | None = None
    access_token: str | None = None


NO_PROOF = RegistrantProof()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class IsRegistrant:
    """Decide whether a client shows that the account is its own."""

    authenticate: Authenticate
    reload_principal: ReloadPrincipal
    devices: Devices
    hasher: PasswordHasher
    find_factors: FindFactors

    async def __call__(self, user: User, proof: RegistrantProof, caller: RequestContext) -> bool:
        """
        :raises InvalidInput: the password is longer than a password can be.
        :raises WrongPassword: a password is given, and is not the user's. Or nothing is shown, and
            the user has a second factor: to drop the password would leave the account to the one
            who has the factor, under an address that the reader of the mail has proven.
        """
        if self.devices.recognise(caller.device_token, user) is not None:
            return True
        if proof.access_token and await self._has_session(user, proof.access_token, caller):
            return True
        if proof.password is None:
            if (await self.find_factors(user)).methods:
                raise WrongPassword
            return False
        typed, client = Password.parse(proof.password), HashClient(caller.address)
        if not await self.hasher.verify(typed, user.password_hash, client):
            raise WrongPassword
        return True

    async def _has_session(self, user: User, access_token: str, caller: RequestContext) -> bool:
        try:
            principal = await self.authenticate(access_token, caller)
            principal = await self.reload_principal(principal)
        except TokenRejected:
            return False
        return principal.user.id == user.id


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class VerifyEmail:
    """Use a token up to mark the address of its user as verified."""

    find_token: FindToken
    users: UserRepository
    is_registrant: IsRegistrant
    purge_stale_sessions: PurgeStaleSessions
    make_message: MakeMessage
    rate_limiting: RateLimiting
    audit: Audit
    clock: Clock

    async def __call__(
        self,
        secret: str,
        proof: RegistrantProof = NO_PROOF,
        caller: RequestContext = UNKNOWN,
    ) -> bool:
        """Mark the address as verified: one step, which uses up the token and all others of its
        kind.

        The owner of the mailbox may be another person than the one who registered with its
        address. Without a proof that they are one, the same step makes the password unusable, ends
        all sessions, forgets all devices, unlinks all identities, and queues a mail for a new
        password.

        :returns: whether the password was left as it is.
        :raises TooManyRequests: the address has used too many tokens.
        :raises OneTimeTokenInvalid: see :class:`~application.mail.one_time_tokens.FindToken`.
        :raises InvalidInput: see :class:`IsRegistrant`.
        :raises WrongPassword: see :class:`IsRegistrant`. The token stays usable.
        """
        async with self.audit.recording(EventType.VERIFY_EMAIL, caller) as entry:
            await self.rate_limiting.count_link_from(caller.address)
            while True:  # until no other process changes the user in between
                token, user = await self._find(secret)
                entry.user_id = user.id
                if keeps := await self.is_registrant(user, proof, caller):
                    changed, effects = user.with_verified_email(self.clock()), entry.success()
                else:
                    changed = user.without_credentials(self.clock())
                    reset = self.make_message(MailKind.PASSWORD_RESET, user.email, user=user)
                    effects = entry.success(details=CredentialsDropped()).with_messages(reset)
                    effects = effects.unlinking_all_of(user.id)
                effects = effects.spending(token)
                if await entry.settle(effects, await self.users.replace(user, changed, effects)):
                    await self.purge_stale_sessions(changed)
                    return keeps

    async def _find(self, secret: str) -> tuple[OneTimeToken, User]:
        token, user = await self.find_token(secret, Purpose.EMAIL_VERIFICATION)
        if user.verified:  # it was proven otherwise: what a verified user has is never dropped
            raise OneTimeTokenInvalid
        return token, user
