"""End a flow with what its provider says."""

from dataclasses import dataclass

from application.audit import Audit
from application.enrolment.totp import RequireProvenAddress
from application.login.complete import LoggedIn, TokenPair
from application.ports import (
    Clock,
    IdentityProviders,
    ProviderAnswer,
    SessionStore,
    UserRepository,
)
from application.second_factors.policy import SecondFactorPolicy
from application.social_login.codes import IssueCode, IssuedCode
from application.social_login.flows import TakenFlow
from application.social_login.identities import LinkIdentity
from application.social_login.login import LoginWithIdentity
from application.social_login.step_up import ConfirmWithAccount
from application.step_up import FindStepUpMethods
from domain.actor import Principal
from domain.audit.event import EventType
from domain.authentication import Method
from domain.errors import AuthError, EnrolmentRequired, SocialFlowInvalid
from domain.request_context import UNKNOWN, RequestContext
from domain.session import Transport
from domain.social_login.flow import Flow, Intent, Starter
from domain.social_login.identity import Identity, ProviderAccount

_EVENTS = {
    Intent.LOGIN: EventType.LOGIN,
    Intent.LINK: EventType.LINK_IDENTITY,
    Intent.STEP_UP: EventType.STEP_UP,
}


@dataclass(frozen=True, slots=True)
class Linked:
    """The end of a flow in a session: the account is the user's, by now or before."""

    identity: Identity


@dataclass(frozen=True, slots=True)
class SteppedUp:
    """
    :ivar tokens: of the session that takes the place of the one that has begun the flow.
    """

    tokens: TokenPair


Finished = LoggedIn | IssuedCode | Linked | SteppedUp
"""By the intent: of a login, with an application a code; of a link; of a step-up."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FindStarter:
    """Find the session that has begun a flow. The flow's cookie shows that it is its browser."""

    users: UserRepository
    sessions: SessionStore
    clock: Clock

    async def __call__(self, starter: Starter | None) -> Principal:
        """:raises SocialFlowInvalid: the session or the user was deleted, disabled or ended."""
        if starter is None:
            raise SocialFlowInvalid
        user = await self.users.get(starter.user_id)
        session = await self.sessions.get(starter.user_id, starter.session_id)
        if user is None or session is None or session.has_ended(self.clock()):
            raise SocialFlowInvalid
        if not session.is_good_for(user) or session.generation != starter.generation:
            raise SocialFlowInvalid
        return Principal(user, session)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StepUpWithIdentity:
    """Step up the session that has begun a flow."""

    find_starter: FindStarter
    find_step_up_methods: FindStepUpMethods
    confirm_with_account: ConfirmWithAccount
    audit: Audit

    async def __call__(
        self, flow: Flow, account: ProviderAccount, caller: RequestContext
    ) -> SteppedUp:
        """
        :raises SocialFlowInvalid: see :class:`FindStarter`.
        :raises StepUpRequired: the user has another method by now.
        :raises AuthError: see :class:`~application.social_login.step_up.ConfirmWithAccount`.
        """
        async with self.audit.recording(EventType.STEP_UP, caller) as entry:
            me = await self.find_starter(flow.starter)
            entry.is_about(me.session)
            await self.find_step_up_methods.require(me.user, Method.FEDERATED)
            return SteppedUp(await self.confirm_with_account(me, account, entry))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LinkFromFlow:
    """Link an account to the user whose session has begun a flow."""

    find_starter: FindStarter
    require_proven_address: RequireProvenAddress
    second_factor_policy: SecondFactorPolicy
    link_identity: LinkIdentity
    audit: Audit

    async def __call__(
        self, flow: Flow, account: ProviderAccount, caller: RequestContext
    ) -> Linked:
        """
        :raises SocialFlowInvalid: see :class:`FindStarter`.
        :raises EmailUnverified: see :class:`~application.enrolment.totp.RequireProvenAddress`.
        :raises EnrolmentRequired: by now the user has to enrol a second factor first.
        :raises IdentityTaken: see :class:`~application.social_login.identities.LinkIdentity`, and
            so are ``InvalidInput`` and ``TokenRejected``.
        """
        async with self.audit.recording(EventType.LINK_IDENTITY, caller) as entry:
            me = await self.find_starter(flow.starter)
            entry.is_about(me.session)
            self.require_proven_address(me.user)
            if self.second_factor_policy.restricts(me.session, me.user):
                raise EnrolmentRequired
            return Linked(await self.link_identity(me, account, entry))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FinishFlow:
    """Ask the provider of a flow who has logged in there, and do what the flow is for."""

    identity_providers: IdentityProviders
    login_with_identity: LoginWithIdentity
    issue_code: IssueCode
    link_from_flow: LinkFromFlow
    step_up_with_identity: StepUpWithIdentity
    audit: Audit

    async def __call__(
        self, taken: TakenFlow, answer: ProviderAnswer, caller: RequestContext = UNKNOWN
    ) -> Finished:
        """
        :param taken: from :class:`~application.social_login.flows.TakeFlow`.
        :raises NotFound: the provider is not configured any more.
        :raises ProviderCancelled: see :class:`~application.ports.IdentityProvider`, and so are
            ``ProviderRefused`` and ``ProviderUnavailable``.
        :raises AuthError: see :class:`~application.social_login.login.LoginWithIdentity`,
            :class:`LinkFromFlow` and :class:`StepUpWithIdentity`.
        """
        flow = taken.flow
        account = await self._account(taken, answer, caller)
        match flow.intent:
            case Intent.LINK:
                return await self.link_from_flow(flow, account, caller)
            case Intent.STEP_UP:
                return await self.step_up_with_identity(flow, account, caller)
            case Intent.LOGIN if flow.app is not None:
                return await self.issue_code(account, flow.app)
            case _:
                return await self.login_with_identity(account, caller, Transport.COOKIE)

    async def _account(
        self, taken: TakenFlow, answer: ProviderAnswer, caller: RequestContext
    ) -> ProviderAccount:
        try:
            provider = self.identity_providers.named(taken.flow.provider)
            return await provider.account(answer, taken.request)
        except AuthError as refusal:
            entry = self.audit.begin(_EVENTS[taken.flow.intent], caller)
            if starter := taken.flow.starter:
                entry.user_id, entry.session_id = starter.user_id, starter.session_id
            await self.audit.refused(entry, refusal)
            raise
