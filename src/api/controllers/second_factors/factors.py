"""Complete a login with a second factor; add and remove an authenticator app."""

import asyncio
from dataclasses import replace

from dishka.integrations.litestar import FromDishka, inject
from litestar import Controller, Response, delete, get, post
from litestar.params import JSONBody

from api.json_request import JsonRequest
from api.openapi.operations import ACCESS, SETS_COOKIES, failures
from api.qr_code import svg_of
from api.request_context import context_of
from api.schemas.auth import TokenAnswer
from api.schemas.second_factors.factors import (
    EnrolmentAnswer,
    ProposedTotpAnswer,
    RecoveryCodesAnswer,
    SecondFactorLogin,
    SecondFactorsAnswer,
    TotpCode,
)
from api.security.cookies import CookieWriter
from api.security.credential_reader import CredentialReader
from api.security.guard import FOR_ENROLMENT, PUBLIC
from api.security.origin_policy import CrossSiteRequest
from api.session_response import login_response, renewal_response
from application.enrolment.recovery_codes import RenewRecoveryCodes
from application.enrolment.totp import ConfirmTotp, ProposeTotp, RemoveTotp
from application.login.second_factor import LoginWithSecondFactor
from application.second_factors.find import FindFactors
from domain.errors import (
    EmailUnverified,
    InvalidCredentials,
    InvalidInput,
    NotFound,
    NotLoggedIn,
    PasskeyInvalid,
    SecondFactorInvalid,
    SecondFactorsOff,
    StepUpRequired,
    TokenRejected,
    Unavailable,
)
from domain.rate_limit import TooManyRequests
from domain.second_factors.factors import PENDING_LIFETIME

_BODY = (413, 415)
_CHANGE = failures(NotLoggedIn, TokenRejected, CrossSiteRequest, Unavailable)
_SENSITIVE = failures(NotLoggedIn, TokenRejected, StepUpRequired, CrossSiteRequest, Unavailable)


class SecondFactorLoginController(Controller):
    path = "/api/auth/login/second-factor"
    tags = ["auth"]
    opt = PUBLIC

    @post(
        status_code=200,
        summary="Complete a login with a second factor",
        response_headers=SETS_COOKIES,
        responses=failures(
            InvalidInput,
            SecondFactorInvalid,
            PasskeyInvalid,
            InvalidCredentials,
            TooManyRequests,
            Unavailable,
            status=_BODY,
        ),
    )
    @inject
    async def complete_login(
        self,
        request: JsonRequest,
        data: JSONBody[SecondFactorLogin],
        log_in: FromDishka[LoginWithSecondFactor],
        credentials: FromDishka[CredentialReader],
        cookies: FromDishka[CookieWriter],
    ) -> Response[TokenAnswer]:
        """Start the session of a login that was answered by `second_factor_required`.

        The answer is that of the login, in the transport that it has asked for. A challenge is
        good for five minutes and five tries, once, and for the client that has got it. A passkey
        answers a challenge of its own, too, from `POST /api/auth/passkeys/options`."""
        device_token = data.device_token or credentials.device_token(request)
        caller = replace(context_of(request), device_token=device_token)
        logged_in = await log_in(data.challenge, data.proof, caller)
        return login_response(logged_in, cookies)


class SecondFactorController(Controller):
    path = "/api/users/me"
    tags = ["second factors"]
    security = ACCESS

    @get(
        "/second-factors",
        opt=FOR_ENROLMENT,
        summary="Get my second factors",
        responses=failures(NotLoggedIn, TokenRejected, Unavailable),
    )
    @inject
    async def get_second_factors(
        self, request: JsonRequest, find_factors: FromDishka[FindFactors]
    ) -> SecondFactorsAnswer:
        """Which second factors I have, and how many recovery codes are left."""
        return SecondFactorsAnswer.answer(await find_factors(request.user.user))

    @post(
        "/totp",
        opt=FOR_ENROLMENT,
        status_code=200,
        summary="Begin to set up an authenticator app",
        responses=_SENSITIVE
        | failures(EmailUnverified, CrossSiteRequest, TooManyRequests)
        | failures(SecondFactorsOff),
    )
    @inject
    async def propose_totp(
        self, request: JsonRequest, propose: FromDishka[ProposeTotp]
    ) -> ProposedTotpAnswer:
        """Make a secret for an authenticator app. It is no factor before a code confirms it, in
        this session and within ten minutes.

        It needs a step-up. Another app that there is stays until then."""
        proposed = await propose(request.user, context_of(request))
        return ProposedTotpAnswer(
            "success",
            proposed.secret,
            proposed.uri,
            await asyncio.to_thread(svg_of, proposed.uri),
            int(PENDING_LIFETIME.total_seconds()),
        )

    @post(
        "/totp/confirm",
        opt=FOR_ENROLMENT,
        status_code=200,
        summary="Confirm an authenticator app",
        response_headers=SETS_COOKIES,
        responses=_CHANGE
        | failures(InvalidInput, SecondFactorInvalid, status=_BODY)
        | failures(EmailUnverified, CrossSiteRequest)
        | failures(TooManyRequests, SecondFactorsOff),
    )
    @inject
    async def confirm_totp(
        self,
        request: JsonRequest,
        data: JSONBody[TotpCode],
        confirm: FromDishka[ConfirmTotp],
        credentials: FromDishka[CredentialReader],
        cookies: FromDishka[CookieWriter],
    ) -> Response[EnrolmentAnswer]:
        """Make the authenticator app a second factor, by a code that it shows.

        The answer has ten new recovery codes. All my sessions end, and a new one takes the place
        of this one, after a change of the password."""
        enrolled = await confirm(request.user, data.code, context_of(request))
        renewed = await renewal_response(request, enrolled.logged_in, credentials, cookies)
        answer = EnrolmentAnswer.with_codes(renewed.content, list(enrolled.recovery_codes))
        return Response(answer, cookies=renewed.cookies)

    @delete(
        "/totp",
        status_code=200,
        summary="Remove my authenticator app",
        response_headers=SETS_COOKIES,
        responses=_SENSITIVE | failures(NotFound),
    )
    @inject
    async def remove_totp(
        self,
        request: JsonRequest,
        remove: FromDishka[RemoveTotp],
        credentials: FromDishka[CredentialReader],
        cookies: FromDishka[CookieWriter],
    ) -> Response[TokenAnswer]:
        """Remove the authenticator app; the recovery codes too, if there is no passkey.

        It needs a step-up. All my sessions end, and a new one takes the place of this one."""
        renewed = await remove(request.user, context_of(request))
        return await renewal_response(request, renewed, credentials, cookies)

    @post(
        "/recovery-codes",
        status_code=200,
        summary="Make new recovery codes",
        responses=_SENSITIVE | failures(NotFound, TooManyRequests, SecondFactorsOff),
    )
    @inject
    async def renew_recovery_codes(
        self, request: JsonRequest, renew: FromDishka[RenewRecoveryCodes]
    ) -> RecoveryCodesAnswer:
        """Make ten recovery codes in place of those that there are.

        It needs a step-up, and a second factor: a `404` means that there is none."""
        codes = await renew(request.user, context_of(request))
        return RecoveryCodesAnswer("success", list(codes))
