"""Send a browser to another provider."""

from dataclasses import dataclass, field

from application.authenticate import ReloadPrincipal
from application.enrolment.totp import RequireProvenAddress
from application.ports import Clock, FlowStore, IdentityProviders, RandomBytes
from application.rate_limiting import RateLimiting
from application.social_login.flows import request_of
from application.social_login.policy import SocialPolicy
from application.step_up import FindStepUpMethods, RequireStepUp
from domain.actor import Principal
from domain.authentication import Method
from domain.errors import InvalidInput, Problem
from domain.request_context import UNKNOWN, RequestContext
from domain.session import Transport
from domain.social_login.flow import (
    LIFETIME,
    AppClient,
    Flow,
    FlowId,
    Intent,
    Starter,
    base64url,
    digest_of,
    flow_id_at,
)

_BYTES = 32


@dataclass(frozen=True, slots=True)
class Begun:
    """A flow that a browser has to end.

    :ivar url: of the provider: the browser goes there.
    :ivar flow_id: names the cookie of the flow.
    :ivar secret: the value of that cookie. No store and no provider has it.
    """

    url: str = field(repr=False)
    flow_id: FlowId
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BeginFlow:
    """Store a new flow. Other use cases decide whether it may begin."""

    identity_providers: IdentityProviders
    flows: FlowStore
    random_bytes: RandomBytes
    clock: Clock

    async def __call__(
        self,
        provider: str,
        intent: Intent,
        return_to: str,
        *,
        starter: Starter | None = None,
        app: AppClient | None = None,
        is_fresh: bool = False,
    ) -> Begun:
        """
        :raises NotFound: no provider has this name.
        :raises ProviderUnavailable: the provider does not answer. Then nothing is stored.
        """
        chosen, now = self.identity_providers.named(provider), self.clock()
        flow_id, secret = flow_id_at(now, self.random_bytes(8)), self._random_text()
        state = f"{flow_id}.{self._random_text()}"
        url = await chosen.authorization_url(request_of(state, secret, is_fresh=is_fresh))
        await self.flows.add_flow(
            Flow(
                digest_of(state),
                chosen.name,
                intent,
                digest_of(secret),
                return_to,
                now + LIFETIME,
                starter,
                app,
                is_fresh,
            )
        )
        return Begun(url, flow_id, secret)

    def _random_text(self) -> str:
        return base64url(self.random_bytes(_BYTES))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BeginSocialLogin:
    begin_flow: BeginFlow
    social_policy: SocialPolicy
    rate_limiting: RateLimiting

    async def __call__(
        self,
        provider: str,
        return_to: str,
        caller: RequestContext = UNKNOWN,
        app: AppClient | None = None,
        *,
        is_fresh: bool = False,
    ) -> Begun:
        """
        :param return_to: where the browser goes after the login. The caller accepts it, except
            for an application: this use case does that.
        :param app: that gets a code in place of cookies.
        :param is_fresh: whether the person has to log in there again: the code of an application
            is good for a step-up then.
        :raises TooManyRequests: there were too many attempts from this address, or from all.
        :raises InvalidInput: an application may not get a code at this address.
        :raises NotFound: no provider has this name.
        :raises ProviderUnavailable: the provider does not answer.
        """
        await self.rate_limiting.count_social_from(caller.address)
        if app is not None:
            self.social_policy.require_app_address(return_to)
        await self.rate_limiting.count_social_begin()
        return await self.begin_flow(provider, Intent.LOGIN, return_to, app=app, is_fresh=is_fresh)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BeginLink:
    """Begin to link an account to the principal's own one."""

    begin_flow: BeginFlow
    require_step_up: RequireStepUp
    require_proven_address: RequireProvenAddress
    rate_limiting: RateLimiting

    async def __call__(
        self, principal: Principal, provider: str, return_to: str, caller: RequestContext = UNKNOWN
    ) -> Begun:
        """
        :param return_to: where the browser goes at the end, which the caller has accepted.
        :raises TooManyRequests: there were too many attempts from this address.
        :raises StepUpRequired: see :class:`~application.step_up.RequireStepUp`.
        :raises TokenRejected: see :class:`~application.authenticate.ReloadPrincipal`.
        :raises EmailUnverified: see :class:`~application.enrolment.totp.RequireProvenAddress`.
        :raises NotFound: no provider has this name.
        :raises ProviderUnavailable: the provider does not answer.
        """
        await self.rate_limiting.count_social_from(caller.address)
        me = await self.require_step_up(principal, caller)
        self.require_proven_address(me.user)
        return await self.begin_flow(provider, Intent.LINK, return_to, starter=_starter(me))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BeginStepUp:
    """Begin a step-up of a user who has neither a password nor a second factor."""

    begin_flow: BeginFlow
    reload_principal: ReloadPrincipal
    find_step_up_methods: FindStepUpMethods
    rate_limiting: RateLimiting

    async def __call__(
        self, principal: Principal, provider: str, return_to: str, caller: RequestContext = UNKNOWN
    ) -> Begun:
        """Begin it also for a session that is good for an enrolment alone, which needs a step-up.

        :param return_to: where the browser goes at the end, which the caller has accepted.
        :raises TooManyRequests: there were too many attempts from this address.
        :raises TokenRejected: see :class:`~application.authenticate.ReloadPrincipal`.
        :raises StepUpRequired: the user has another method, or no linked account.
        :raises InvalidInput: the session is none of a browser, which alone gets the new tokens.
            An application steps up with a code.
        :raises NotFound: no provider has this name.
        :raises ProviderUnavailable: the provider does not answer.
        """
        await self.rate_limiting.count_social_from(caller.address)
        me = await self.reload_principal(principal)
        await self.find_step_up_methods.require(me.user, Method.FEDERATED)
        if me.session.transport is not Transport.COOKIE:
            raise InvalidInput(Problem("transport", "must be that of a session with cookies"))
        return await self.begin_flow(
            provider, Intent.STEP_UP, return_to, starter=_starter(me), is_fresh=True
        )


def _starter(me: Principal) -> Starter:
    return Starter(me.user.id, me.session.generation, me.session.id)
