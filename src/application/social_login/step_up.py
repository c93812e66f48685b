"""Step up by a login at another provider."""

from dataclasses import dataclass, field

from application.audit import Audit, Entry
from application.authenticate import ReloadPrincipal
from application.login.complete import IssueTokens, TokenPair
from application.ports import IdentityStore
from application.rate_limiting import RateLimiting
from application.sessions.start import RenewSession
from application.social_login.codes import RedeemCode
from application.social_login.identities import RecordUse
from application.step_up import FindStepUpMethods
from domain.actor import Principal
from domain.audit.details import AuthenticatedBy
from domain.audit.event import EventType
from domain.authentication import Method
from domain.errors import InvalidCredentials, SocialFlowInvalid
from domain.request_context import UNKNOWN, RequestContext
from domain.social_login.identity import ProviderAccount


@dataclass(frozen=True, slots=True)
class AccountProof:
    """What an application shows at a step-up.

    :ivar code: of a flow that has asked for a new login at the provider.
    :ivar code_verifier: whose digest the application has begun that flow with.
    """

    code: str = field(repr=False)
    code_verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ConfirmWithAccount:
    """Replace a session by one that is good for sensitive steps for ten minutes, if its user has
    just logged in at a provider. Other use cases check that the user has no stronger method.
    """

    identities: IdentityStore
    record_use: RecordUse
    renew_session: RenewSession
    issue_tokens: IssueTokens

    async def __call__(self, me: Principal, account: ProviderAccount, entry: Entry) -> TokenPair:
        """
        :param me: as stored now.
        :param entry: the record of the step-up, which this settles.
        :raises SocialFlowInvalid: the provider was not asked for a new login.
        :raises InvalidCredentials: the account is not one that the user has linked.
        :raises TokenRejected: the session was ended at this moment.
        """
        if not account.is_fresh:
            raise SocialFlowInvalid
        identity = await self.identities.find(account.issuer, account.subject)
        if identity is None or identity.user_id != me.user.id:
            raise InvalidCredentials
        await self.record_use(identity, account)  # to unlink it ends the session
        entry.details = AuthenticatedBy(account.methods)
        session = await self.renew_session(
            me.session, me.user, account.methods, is_step_up=True, entry=entry
        )
        return await self.issue_tokens(session, me.user)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StepUpWithCode:
    """Step up a session whose application has got a code: a redirect cannot hand it tokens."""

    reload_principal: ReloadPrincipal
    find_step_up_methods: FindStepUpMethods
    redeem_code: RedeemCode
    confirm_with_account: ConfirmWithAccount
    rate_limiting: RateLimiting
    audit: Audit

    async def __call__(
        self, principal: Principal, proof: AccountProof, caller: RequestContext = UNKNOWN
    ) -> TokenPair:
        """
        :returns: the tokens of the new session. Those of the session before are dead.
        :raises TooManyRequests: there were too many attempts from this address.
        :raises TokenRejected: the session or the user was deleted, disabled or ended.
        :raises StepUpRequired: the user has another method, or no linked account. The code stays
            usable.
        :raises SocialFlowInvalid: see :class:`~application.social_login.codes.RedeemCode` and
            :class:`ConfirmWithAccount`. The code is used up, as after the next one.
        :raises InvalidCredentials: see :class:`ConfirmWithAccount`.
        """
        async with self.audit.recording(EventType.STEP_UP, caller) as entry:
            entry.is_about(principal.session)
            await self.rate_limiting.count_social_from(caller.address)
            me = await self.reload_principal(principal)
            await self.find_step_up_methods.require(me.user, Method.FEDERATED)
            account = await self.redeem_code(proof.code, proof.code_verifier)
            return await self.confirm_with_account(me, account, entry)
