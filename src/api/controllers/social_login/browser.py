"""Send a browser to another provider, and take it back."""

import re
from dataclasses import replace
from typing import Any

from dishka.integrations.litestar import FromDishka, inject
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath

from api.accept_language import preferred_locale
from api.controllers.social_login.shared import LOGGING_IN, PATH
from api.controllers.social_login.wanted_login import WantedLogin, wanted_login
from api.flow_response import FlowEnd, FlowResponses
from api.json_request import JsonRequest, form_fields, is_embedded, is_prefetch
from api.openapi.operations import SeeOther, TakesCallback, TakesForm, failures, redirects
from api.problems.answers import ANSWERS
from api.problems.responses import respond
from api.request_context import context_of
from api.schemas.social_login import CallbackParameters
from api.security.credential_reader import CredentialReader
from api.security.guard import PUBLIC
from api.security.origin_policy import CrossSiteRequest
from api.unknown_members import only_parameters
from application.social_login.begin import BeginSocialLogin
from application.social_login.finish import FinishFlow
from application.social_login.flows import TakeFlow
from application.social_login.policy import SocialPolicy
from domain.errors import (
    AuthError,
    EnrolmentRequired,
    IdentityTaken,
    InvalidInput,
    NotFound,
    ProviderCancelled,
    ProviderRefused,
    ProviderUnavailable,
    SocialFlowInvalid,
    StepUpRequired,
    TokenRejected,
    Unavailable,
)
from domain.rate_limit import TooManyRequests
from domain.request_context import RequestContext
from domain.social_login.flow import Intent
from domain.social_login.identity import is_provider_name

_FLOW_STEP = re.compile(rf"{PATH}/[^/]+/(?:start|callback)")
_BODY = (413, 415)


def is_flow_step(path: str) -> bool:
    """Return whether GET begins or ends a flow at this path: HEAD does neither."""
    return _FLOW_STEP.fullmatch(path) is not None


class BrowserFlowController(Controller):
    path = PATH
    tags = ["social login"]
    opt = PUBLIC

    @get(
        "/{provider:str}/start",
        status_code=303,
        summary="Begin to log in with a provider",
        operation_class=SeeOther,
        dependencies={"wanted": Provide(wanted_login)},
        before_request=only_parameters(
            "return_to", "code_challenge", "code_challenge_method", "state", "fresh"
        ),
        response_headers=redirects(
            "The provider. If it does not answer, the page or application that says so.",
            "Sets `social-…`, HttpOnly, for ten minutes: only this browser can end the login. Of "
            "several at a time the newest three stay.",
        ),
        responses=failures(
            InvalidInput, CrossSiteRequest, NotFound, ProviderUnavailable, ProviderRefused,
            TooManyRequests, Unavailable,
        ),
    )  # fmt: skip
    @inject
    async def begin_social_login(
        self,
        request: JsonRequest,
        provider: FromPath[str],
        begin: FromDishka[BeginSocialLogin],
        policy: FromDishka[SocialPolicy],
        responses: FromDishka[FlowResponses],
        wanted: NamedDependency[WantedLogin],
    ) -> Response[None]:
        """Open this in a browser, by a link or a redirect: it sets a cookie and goes on to the
        provider, which comes back to the callback.

        In the end a browser gets the cookies of a login and goes to `return_to`. An application
        gets `code` and `state` added to its address, or `error` with one of this API's codes."""
        if is_prefetch(request.headers):  # the browser forgets it, and asks again at the visit
            return respond(ANSWERS[Unavailable], request)
        if is_embedded(request.headers):  # pages of others would use up the limits
            raise CrossSiteRequest
        if (elsewhere := responses.under_main_name(request)) is not None:
            return elsewhere
        end = responses.end(Intent.LOGIN, wanted.return_to, wanted.app)
        if wanted.app is not None:
            policy.require_app_address(end.return_to)  # before any redirect to there
        caller = context_of(request)
        try:
            begun = await begin(
                provider, end.return_to, caller, wanted.app, is_fresh=wanted.is_fresh
            )
        except AuthError as refused:
            return responses.failed(request, refused, end)
        return responses.begun(request, begun)

    @get(
        "/{provider:str}/callback",
        status_code=303,
        summary="End a flow at a provider",
        operation_class=TakesCallback,
        response_headers=redirects(
            "Where the flow returns to, or the page that says what went wrong.",
            "Sets the cookies of the session as a login does, unless an application gets a code "
            "or an account was linked. Removes the cookie of the flow.",
        ),
        responses=failures(
            *(SocialFlowInvalid, ProviderCancelled, ProviderRefused, ProviderUnavailable),
            *(IdentityTaken, EnrolmentRequired, StepUpRequired, TokenRejected, NotFound),
            *(InvalidInput, *LOGGING_IN),
        ),
    )
    @inject
    async def finish_flow(
        self,
        request: JsonRequest,
        provider: FromPath[str],
        take_flow: FromDishka[TakeFlow],
        finish_flow: FromDishka[FinishFlow],
        credentials: FromDishka[CredentialReader],
        responses: FromDishka[FlowResponses],
    ) -> Response[None]:
        """The provider sends the browser here. Its other parameters are ignored (RFC 6749, section
        4.1.2).

        Only the browser that has begun the flow can end it, once. Errors go to the application
        of the flow, else to a page if there are any; other callers get them as an answer."""
        if is_prefetch(request.headers):
            return respond(ANSWERS[Unavailable], request)
        caller = replace(
            context_of(request),
            device_token=credentials.device_token(request),
            locale=preferred_locale(request.scope),
        )
        return await _finish(request, provider, caller, take_flow, finish_flow, responses)

    @post(
        "/{provider:str}/callback",
        status_code=303,
        summary="End a flow at a provider that sends a form",
        operation_class=TakesForm,
        response_headers=redirects("The same address with these parameters, by GET."),
        responses=failures(InvalidInput, SocialFlowInvalid, NotFound, status=_BODY),
    )
    @inject
    async def forward_callback(
        self, request: JsonRequest, provider: FromPath[str], responses: FromDishka[FlowResponses]
    ) -> Response[None]:
        """The same for `response_mode=form_post`. The browser leaves out its cookies in a form of
        another site, so it comes back by GET. Nothing else happens here."""
        if not is_provider_name(provider):
            raise NotFound
        parameters = CallbackParameters.of(await form_fields(request))
        return responses.forwarded(f"{PATH}/{provider}/callback", parameters.given)


async def _finish(
    request: JsonRequest,
    provider: str,
    caller: RequestContext,
    take_flow: TakeFlow,
    finish_flow: FinishFlow,
    responses: FlowResponses,
) -> Response[Any]:
    end, state = None, ""
    try:
        parameters = CallbackParameters.of(request.query_params.items())
        state = parameters.state
        secret = responses.flow_cookies.secret(request, state)
        taken = await take_flow(provider, state, secret, caller)
        end = FlowEnd.of(taken.flow)
        finished = await finish_flow(taken, parameters.answer, caller)
        response = responses.finished(finished, end)
    except AuthError as refused:
        response = responses.failed(request, refused, end)
        if end is None and isinstance(refused, TooManyRequests | Unavailable):
            return response  # the flow is still there, for another try
    for cookie in responses.flow_cookies.removal(request, state):
        response.set_cookie(cookie)
    return response
