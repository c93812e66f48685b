"""What login pages and applications ask for: the providers, and tokens for a code."""

from dataclasses import replace

from dishka.integrations.litestar import FromDishka, inject
from litestar import Controller, Response, get, post
from litestar.params import JSONBody

from api.accept_language import preferred_locale
from api.controllers.social_login.shared import LOGGING_IN, PATH
from api.flow_response import FlowResponses
from api.json_request import JsonRequest
from api.openapi.operations import SETS_COOKIES, failures
from api.request_context import context_of
from api.schemas.auth import TokenAnswer
from api.schemas.social_login import LoginCode, ProvidersAnswer
from api.security.cookies import CookieWriter
from api.security.credential_reader import CredentialReader
from api.security.guard import PUBLIC
from api.session_response import login_response
from application.social_login.codes import LoginWithCode
from application.social_login.identities import ListProviders
from domain.errors import InvalidInput, SocialFlowInvalid
from domain.session import Transport


class SocialLoginController(Controller):
    path = PATH
    tags = ["social login"]
    opt = PUBLIC

    @get(summary="List the providers")
    @inject
    async def list_providers(
        self,
        list_providers: FromDishka[ListProviders],
        responses: FromDishka[FlowResponses],
    ) -> ProvidersAnswer:
        """List what a login page makes buttons of. A button is a link to `start`, not a form."""
        below = responses.origin_policy.origin + responses.path_prefix + PATH
        return ProvidersAnswer.of(await list_providers(), below)

    @post(
        "/token",
        status_code=200,
        summary="Log in with a code",
        response_headers=SETS_COOKIES,
        responses=failures(InvalidInput, SocialFlowInvalid, *LOGGING_IN, status=(413, 415)),
    )
    @inject
    async def log_in_with_code(
        self,
        request: JsonRequest,
        data: JSONBody[LoginCode],
        log_in: FromDishka[LoginWithCode],
        credentials: FromDishka[CredentialReader],
        cookies: FromDishka[CookieWriter],
    ) -> Response[TokenAnswer]:
        """Exchange the code that an application has got for tokens. They are answered as those of
        a login with the password, and so is a second factor that is needed.

        A code is good for 60 seconds, once, and with the verifier of its `code_challenge`."""
        device_token = data.device_token or credentials.device_token(request)
        caller = replace(
            context_of(request),
            device_token=device_token,
            locale=preferred_locale(request.scope),
        )
        transport = data.transport or None
        logged_in = await log_in(
            data.code,
            data.code_verifier,
            caller,
            Transport(transport or Transport.COOKIE),
            shows_access=transport is None,
        )
        return login_response(logged_in, cookies)
