"""Codes: what an application exchanges for tokens, or for a link."""

from dataclasses import dataclass, field

from application.audit import Audit
from application.enrolment.totp import RequireProvenAddress
from application.login.complete import LoggedIn
from application.ports import Clock, FlowStore, RandomBytes
from application.rate_limiting import RateLimiting
from application.social_login.identities import LinkIdentity
from application.social_login.login import LoginWithIdentity
from application.step_up import RequireStepUp
from domain.actor import Principal
from domain.audit.event import EventType
from domain.errors import SocialFlowInvalid
from domain.request_context import UNKNOWN, RequestContext
from domain.session import Transport
from domain.social_login.flow import CODE_LIFETIME, AppClient, Code, base64url, digest_of
from domain.social_login.identity import Identity, ProviderAccount

_BYTES = 32
_LONGEST = 128
"""Characters of a code or verifier that is looked at (RFC 7636, section 4.1)."""


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """
    :ivar secret: what the application gets in the address of its page.
    """

    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class IssueCode:
    flows: FlowStore
    random_bytes: RandomBytes
    clock: Clock

    async def __call__(self, account: ProviderAccount, app: AppClient) -> IssuedCode:
        """Store an account for 60 seconds. Nothing else changes before the exchange."""
        secret = base64url(self.random_bytes(_BYTES))
        expires_at = self.clock() + CODE_LIFETIME
        await self.flows.add_code(Code(digest_of(secret), account, app.code_challenge, expires_at))
        return IssuedCode(secret)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RedeemCode:
    """Use up a code."""

    flows: FlowStore
    clock: Clock

    async def __call__(self, code: str, code_verifier: str) -> ProviderAccount:
        """
        :param code_verifier: whose digest the application has begun the flow with. A wrong one
            uses the code up, too: another application may have it.
        :raises SocialFlowInvalid: the code is unknown, used or expired, or the verifier is wrong;
            clients cannot tell.
        """
        if len(code) > _LONGEST or len(code_verifier) > _LONGEST:
            raise SocialFlowInvalid
        stored = await self.flows.take_code(digest_of(code))
        if stored is None or not stored.is_good(code_verifier, self.clock()):
            raise SocialFlowInvalid
        return stored.account


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LoginWithCode:
    redeem_code: RedeemCode
    login_with_identity: LoginWithIdentity
    rate_limiting: RateLimiting
    audit: Audit

    async def __call__(
        self,
        code: str,
        code_verifier: str,
        caller: RequestContext = UNKNOWN,
        transport: Transport = Transport.COOKIE,
        *,
        shows_access: bool = False,
    ) -> LoggedIn:
        """
        :param transport: how the client gets the tokens, and so how long the session lives.
        :param shows_access: see :class:`~application.login.complete.CompleteLogin`.
        :raises TooManyRequests: there were too many attempts from this address.
        :raises SocialFlowInvalid: see :class:`RedeemCode`.
        :raises AuthError: see :class:`~application.social_login.login.LoginWithIdentity`.
        """
        await self.rate_limiting.count_social_from(caller.address)
        try:
            account = await self.redeem_code(code, code_verifier)
        except SocialFlowInvalid as refusal:
            await self.audit.refused(self.audit.begin(EventType.LOGIN, caller), refusal)
            raise
        return await self.login_with_identity(
            account, caller, transport, shows_access=shows_access
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LinkWithCode:
    """Link the account of a code to the principal's own one."""

    redeem_code: RedeemCode
    link_identity: LinkIdentity
    require_step_up: RequireStepUp
    require_proven_address: RequireProvenAddress
    rate_limiting: RateLimiting
    audit: Audit

    async def __call__(
        self, principal: Principal, code: str, code_verifier: str, caller: RequestContext = UNKNOWN
    ) -> Identity:
        """
        :raises TooManyRequests: there were too many attempts from this address.
        :raises StepUpRequired: see :class:`~application.step_up.RequireStepUp`. The code stays
            usable, as after the next two.
        :raises TokenRejected: see :class:`~application.authenticate.ReloadPrincipal`.
        :raises EmailUnverified: see :class:`~application.enrolment.totp.RequireProvenAddress`.
        :raises SocialFlowInvalid: see :class:`RedeemCode`.
        :raises IdentityTaken: see :class:`~application.social_login.identities.LinkIdentity`.
        :raises InvalidInput: likewise.
        """
        async with self.audit.recording(EventType.LINK_IDENTITY, caller) as entry:
            entry.is_about(principal.session)
            await self.rate_limiting.count_social_from(caller.address)
            me = await self.require_step_up(principal, caller)
            self.require_proven_address(me.user)
            account = await self.redeem_code(code, code_verifier)
            return await self.link_identity(me, account, entry)
