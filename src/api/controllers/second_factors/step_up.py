"""Step up the session before sensitive steps."""

from dishka.integrations.litestar import FromDishka, inject
from litestar import Controller, Response, post
from litestar.params import JSONBody

from api.json_request import JsonRequest
from api.openapi.operations import ACCESS, SETS_COOKIES, failures
from api.request_context import context_of
from api.schemas.auth import TokenAnswer
from api.schemas.second_factors.step_up import StepUpRequest
from api.security.cookies import CookieWriter
from api.security.credential_reader import CredentialReader
from api.security.guard import FOR_ENROLMENT
from api.security.origin_policy import CrossSiteRequest
from api.session_response import token_response, transport_of
from application.social_login.step_up import AccountProof, StepUpWithCode
from application.step_up import StepUp
from domain.errors import (
    InvalidCredentials,
    InvalidInput,
    NotLoggedIn,
    PasskeyInvalid,
    SecondFactorInvalid,
    SocialFlowInvalid,
    StepUpRequired,
    TokenRejected,
    Unavailable,
    WrongPassword,
)
from domain.rate_limit import TooManyRequests


class StepUpController(Controller):
    path = "/api/auth"
    tags = ["auth"]
    security = ACCESS
    opt = FOR_ENROLMENT

    @post(
        "/step-up",
        status_code=200,
        summary="Confirm that it is me",
        response_headers=SETS_COOKIES,
        responses=failures(
            InvalidInput,
            WrongPassword,
            SecondFactorInvalid,
            PasskeyInvalid,
            SocialFlowInvalid,
            InvalidCredentials,
            NotLoggedIn,
            TokenRejected,
            StepUpRequired,
            CrossSiteRequest,
            TooManyRequests,
            Unavailable,
            status=(413, 415),
        ),
    )
    @inject
    async def step_up(
        self,
        request: JsonRequest,
        data: JSONBody[StepUpRequest],
        step_up: FromDishka[StepUp],
        step_up_with_code: FromDishka[StepUpWithCode],
        credentials: FromDishka[CredentialReader],
        cookies: FromDishka[CookieWriter],
    ) -> Response[TokenAnswer]:
        """Make my session good for sensitive steps for ten minutes, under new tokens.

        With a second factor, the password does not do: `step_up_required` names the methods. An
        application whose user has none but `federated` begins a login at the provider, see
        `/api/auth/social/{provider}/start`, with `fresh=true`, and sends the `code` that it gets,
        and its `code_verifier`; browsers go to `/api/auth/step-up/social/{provider}`.

        The tokens are in the body for a client that sent an `Authorization` header, and cookies
        otherwise. Those of before are invalid at once.
        """
        caller = context_of(request)
        match data.proof:
            case AccountProof() as proof:
                tokens = await step_up_with_code(request.user, proof, caller)
            case proof:
                tokens = await step_up(request.user, proof, caller)
        return token_response(tokens, transport_of(await credentials.read(request)), cookies)
