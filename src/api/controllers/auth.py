"""Register, log in, refresh, log out."""

from dataclasses import replace
from typing import Any

from dishka.integrations.litestar import FromDishka, inject
from litestar import Controller, Response, get, post
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody
from msgspec import UNSET

from api.accept_language import preferred_locale
from api.json_request import JsonRequest
from api.openapi.operations import (
    ACCESS,
    REFRESH,
    REMOVES_COOKIES,
    SETS_COOKIES,
    SETS_DEVICE,
    OptionalRefreshToken,
    failures,
)
from api.request_context import context_of
from api.schemas.auth import (
    LoginRequest,
    RefreshRequest,
    RefreshToken,
    Registration,
    TokenAnswer,
)
from api.schemas.success import Accepted, Done
from api.schemas.users import UserAnswer
from api.security.cookies import CookieWriter
from api.security.credential_reader import CredentialReader
from api.security.guard import PUBLIC
from api.security.origin_policy import CrossSiteRequest
from api.session_response import logged_out, login_response, token_response
from application.accounts.registration import RegisterUser
from application.authentication import Login, Logout, RefreshAccess
from application.login.complete import TokenPair
from domain.errors import (
    EmailTaken,
    EmailUnverified,
    InvalidCredentials,
    InvalidInput,
    NotLoggedIn,
    Problem,
    RefreshTokenMissing,
    RegistrationClosed,
    SecondFactorRequired,
    TokenRejected,
    Unavailable,
)
from domain.rate_limit import TooManyRequests
from domain.request_context import RequestContext
from domain.session import Transport

CHANGED_BY_GET = frozenset({"/api/auth/refresh", "/api/auth/logout"})
"""Paths where GET changes something, for old clients."""

_BODY = (413, 415)
_CHECK_MAIL = "Please open the link in the mail that has been sent to this address"
_REFRESH_FAILURES = failures(
    RefreshTokenMissing, CrossSiteRequest, TokenRejected, TooManyRequests, Unavailable
)
_LOGOUT_FAILURES = failures(CrossSiteRequest, NotLoggedIn, TokenRejected, Unavailable)


class AuthController(Controller):
    path = "/api/auth"
    tags = ["auth"]
    opt = PUBLIC

    @post(
        "/register",
        status_code=200,
        summary="Register a user",
        response_headers=SETS_DEVICE,
        responses={
            202: ResponseSpec(
                Accepted,
                generate_examples=False,
                description="With `REGISTRATION_DISCLOSES=false`, for new and taken addresses.",
            ),
            **failures(
                InvalidInput,
                RegistrationClosed,
                EmailTaken,
                TooManyRequests,
                Unavailable,
                status=_BODY,
            ),
        },
    )
    @inject
    async def register(
        self,
        request: JsonRequest,
        data: JSONBody[Registration],
        register_user: FromDishka[RegisterUser],
        cookies: FromDishka[CookieWriter],
    ) -> Response[UserAnswer]:
        """Register a new user. The role is `user`; clients choose neither it nor `verified`.

        Unless `EMAIL_VERIFICATION` is `off`, a mail with a link that proves the address is sent.
        """
        for confirmation in (data.password_confirm, data.password_confirm_camel):
            if confirmation not in {None, data.password}:
                raise InvalidInput(Problem("password_confirm", "must equal the password"))
        caller = replace(context_of(request), locale=preferred_locale(request.scope))
        registered = await register_user(data.name, data.email, data.password, caller)
        response: Response[Any] = (
            Response(UserAnswer.of(registered.user))
            if registered.is_disclosed
            else Response(Accepted("success", _CHECK_MAIL), status_code=202)
        )
        if registered.device_token is not None:
            response.set_cookie(cookies.of_device(registered.device_token))
        return response

    @post(
        "/login",
        status_code=200,
        summary="Log in",
        response_headers=SETS_COOKIES,
        responses=failures(
            InvalidInput,
            InvalidCredentials,
            EmailUnverified,
            SecondFactorRequired,
            TooManyRequests,
            Unavailable,
            status=_BODY,
        ),
    )
    @inject
    async def login(
        self,
        request: JsonRequest,
        data: JSONBody[LoginRequest],
        log_in: FromDishka[Login],
        credentials: FromDishka[CredentialReader],
        cookies: FromDishka[CookieWriter],
    ) -> Response[TokenAnswer]:
        """Start a session. The tokens are set as cookies, or with `"transport": "bearer"` returned
        in the body; then the client stores the refresh token and the device token itself.

        Browser apps send `"transport": "cookie"`: scripts then never see a token.

        A user with a second factor gets no session: `401` with the code `second_factor_required`
        has a challenge, to be sent with the factor to `/api/auth/login/second-factor`."""
        device_token = data.device_token or credentials.device_token(request)
        caller = replace(context_of(request), device_token=device_token)
        logged_in = await log_in(
            data.email,
            data.password,
            caller,
            Transport(data.transport or Transport.COOKIE),
            shows_access=data.transport is UNSET,
        )
        return login_response(logged_in, cookies)

    @post(
        "/refresh",
        status_code=200,
        summary="Refresh the tokens",
        response_headers=SETS_COOKIES,
        security=REFRESH,
        operation_class=OptionalRefreshToken,
        responses=_REFRESH_FAILURES | failures(InvalidInput, status=_BODY),
    )
    @inject
    async def refresh(
        self,
        request: JsonRequest,
        refresh_access: FromDishka[RefreshAccess],
        credentials: FromDishka[CredentialReader],
        cookies: FromDishka[CookieWriter],
        data: JSONBody[RefreshRequest | None] = None,
    ) -> Response[TokenAnswer]:
        """Exchange the refresh token of the cookie, or of the body, for two new tokens.

        Repeating the call with the same token within a few seconds returns the same tokens.
        Later it counts as a theft and ends the session.
        """
        in_body = data.refresh_token if data else None
        if in_body is None:
            tokens = await _refresh_by_cookie(request, refresh_access, credentials)
            is_cookie = data is not None and data.transport == "cookie"
            return token_response(tokens, "cookie" if is_cookie else None, cookies)
        tokens = await refresh_access(in_body, _with_device(request, credentials))
        return token_response(tokens, "bearer", cookies)

    @post(
        "/logout",
        status_code=200,
        summary="Log out",
        response_headers=REMOVES_COOKIES,
        security=[*ACCESS, *REFRESH],
        operation_class=OptionalRefreshToken,
        responses=_LOGOUT_FAILURES | failures(InvalidInput, status=_BODY),
    )
    @inject
    async def logout(
        self,
        request: JsonRequest,
        log_out: FromDishka[Logout],
        credentials: FromDishka[CredentialReader],
        cookies: FromDishka[CookieWriter],
        data: JSONBody[RefreshToken | None] = None,
    ) -> Response[Done]:
        """End the session: all its tokens are invalid everywhere, at once.

        Either token is enough. Repeating the call is harmless.
        """
        in_body = data.refresh_token if data else None
        await _log_out(request, log_out, credentials, in_body)
        return logged_out(cookies)


class LegacyAuthController(AuthController):
    """Also has the routes of the tutorial where GET changes something."""

    @get(
        "/refresh",
        summary="Refresh the tokens with the cookie",
        response_headers=SETS_COOKIES,
        deprecated=True,
        security=REFRESH,
        responses=_REFRESH_FAILURES,
    )
    @inject
    async def refresh_by_get(
        self,
        request: JsonRequest,
        refresh_access: FromDishka[RefreshAccess],
        credentials: FromDishka[CredentialReader],
        cookies: FromDishka[CookieWriter],
    ) -> Response[TokenAnswer]:
        """Refresh with the cookie, for old clients. Use `POST`."""
        tokens = await _refresh_by_cookie(request, refresh_access, credentials)
        return token_response(tokens, None, cookies)

    @get(
        "/logout",
        summary="Log out with a cookie or a bearer token",
        response_headers=REMOVES_COOKIES,
        deprecated=True,
        security=[*ACCESS, *REFRESH],
        responses=_LOGOUT_FAILURES,
    )
    @inject
    async def logout_by_get(
        self,
        request: JsonRequest,
        log_out: FromDishka[Logout],
        credentials: FromDishka[CredentialReader],
        cookies: FromDishka[CookieWriter],
    ) -> Response[Done]:
        """Log out, for old clients. Use `POST`."""
        await _log_out(request, log_out, credentials, None)
        return logged_out(cookies)


async def _refresh_by_cookie(
    request: JsonRequest, refresh_access: RefreshAccess, credentials: CredentialReader
) -> TokenPair:
    refresh_token = (await credentials.read(request)).refresh
    if refresh_token is not None:
        await credentials.reject_cross_site(request)
    return await refresh_access(refresh_token, _with_device(request, credentials))


def _with_device(request: JsonRequest, credentials: CredentialReader) -> RequestContext:
    return replace(context_of(request), device_token=credentials.device_token(request))


async def _log_out(
    request: JsonRequest, log_out: Logout, credentials: CredentialReader, in_body: str | None
) -> None:
    presented = await credentials.read(request)
    refresh_token = in_body if in_body is not None else presented.refresh
    if presented.has_access_cookie or refresh_token is presented.refresh is not None:
        await credentials.reject_cross_site(request)
    await log_out(presented.access, refresh_token, context_of(request))
