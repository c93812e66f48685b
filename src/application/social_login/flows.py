"""Take the flow that a browser comes back with, and purge the others."""

from dataclasses import dataclass, field
from datetime import timedelta

from application.audit import Audit
from application.ports import AuthorizationRequest, Clock, FlowStore
from application.rate_limiting import RateLimiting
from domain.audit.event import EventType
from domain.errors import AuthError, SocialFlowInvalid
from domain.request_context import UNKNOWN, RequestContext
from domain.social_login.flow import Flow, code_verifier_of, digest_of, nonce_of
from domain.social_login.identity import ProviderName

_LONGEST = 100
"""Characters of a secret or ``state`` that is looked up; real ones have 43 and 68."""
_KEPT_EXPIRED = timedelta(hours=1)
"""More than the clocks of the nodes differ."""
_STEP, _MAX_STEPS = 500, 100
"""Flows and codes that one call of the store deletes, and calls of one run."""


def request_of(state: str, secret: str, *, is_fresh: bool) -> AuthorizationRequest:
    """Return what a flow sends to its provider: the same at its begin and at its end.

    :param secret: of the browser's cookie.
    """
    return AuthorizationRequest(
        state, code_verifier_of(secret), nonce_of(secret), is_fresh=is_fresh
    )


@dataclass(frozen=True, slots=True)
class TakenFlow:
    """A flow that the browser may end. It is deleted: there is no second try.

    :ivar flow: says where the browser goes, whatever the end is.
    """

    flow: Flow
    secret: str = field(repr=False)
    state: str = field(repr=False)

    @property
    def request(self) -> AuthorizationRequest:
        """What the flow has sent to its provider."""
        return request_of(self.state, self.secret, is_fresh=self.flow.is_fresh)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TakeFlow:
    flows: FlowStore
    rate_limiting: RateLimiting
    audit: Audit
    clock: Clock

    async def __call__(
        self, provider: str, state: str, secret: str | None, caller: RequestContext = UNKNOWN
    ) -> TakenFlow:
        """Delete a flow and return it.

        :param provider: at whose callback the browser has arrived.
        :param state: as the browser has brought it.
        :param secret: of the cookie of that flow; ``None`` if the browser has none. Then the flow
            stays: another browser has begun it.
        :raises TooManyRequests: there were too many attempts from this address.
        :raises SocialFlowInvalid: the flow is unknown, used, expired, or of another browser or
            provider.
        """
        entry = self.audit.begin(EventType.LOGIN, caller)  # only a refusal is recorded
        try:
            await self.rate_limiting.count_social_from(caller.address)
            return await self._take(provider, state, secret)
        except AuthError as refusal:
            await self.audit.refused(entry, refusal)
            raise

    async def _take(self, provider: str, state: str, secret: str | None) -> TakenFlow:
        if secret is None or len(state) > _LONGEST or len(secret) > _LONGEST:
            raise SocialFlowInvalid
        flow = await self.flows.take_flow(digest_of(state))
        if flow is None or not flow.is_good(ProviderName(provider), secret, self.clock()):
            raise SocialFlowInvalid
        return TakenFlow(flow, secret, state)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PurgeFlows:
    """Delete expired flows and codes: those that browsers and applications did not use."""

    flows: FlowStore
    clock: Clock

    async def __call__(self) -> None:
        """Delete in steps, up to a maximum: the next run deletes the others.

        :raises Unavailable: the store does not answer.
        """
        before = self.clock() - _KEPT_EXPIRED
        for _ in range(_MAX_STEPS):
            if await self.flows.purge(before, _STEP) < _STEP:
                return
