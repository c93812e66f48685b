"""Log in, with a second factor if there is one, and log out."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get, post
from litestar.params import FromQuery

from api.json_request import JsonRequest, is_prefetch
from api.request_context import context_of
from api.schemas.second_factors.credentials import RequestOptionsAnswer
from api.security.cookies import CookieWriter
from api.security.credential_reader import CredentialReader
from api.session_response import CLEAR_SITE_DATA
from api.web.controllers.base import PageController
from api.web.forms import Form, read_form
from api.web.page import Pages
from api.web.proofs import asked_factors, assertion_in, factor_proof
from api.web.route_options import PAGE
from api.web.social_login import OF_LOGIN, cancelled_text, problem_text
from api.web.visitors import PrefetchRefused, Visitors
from application.authentication import Login, Logout
from application.login.complete import LoggedIn
from application.login.passkey import LoginWithPasskey, OfferPasskeyUse
from application.login.second_factor import LoginWithSecondFactor
from domain.errors import (
    AuthError,
    EmailUnverified,
    InvalidCredentials,
    InvalidInput,
    PasskeyInvalid,
    SecondFactorInvalid,
    SecondFactorRequired,
    TokenRejected,
)
from domain.outcome import Outcome
from domain.rate_limit import TooManyRequests
from domain.request_context import RequestContext
from domain.session import Transport

_HOME, _SECURITY = "/account", "/account/security"
_DONE = frozenset({"logged_out", "registered", "password_set"})
_REFUSALS: Mapping[type[AuthError], tuple[str, int]] = {
    InvalidCredentials: ("login.refused", 400),
    InvalidInput: ("login.refused", 400),
    PasskeyInvalid: ("passkeys.refused", 400),
    EmailUnverified: ("login.unverified", 403),
    TooManyRequests: ("errors.too_many_requests", 429),
}


class LoginPages(PageController):
    @get("/login", opt=PAGE)
    @inject
    async def show_login(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        visitors: FromDishka[Visitors],
        return_to: FromQuery[str | None] = None,
        done: FromQuery[str | None] = None,
        problem: FromQuery[str | None] = None,
    ) -> Response[Any]:
        target = pages.options.return_targets.choose(return_to, _HOME)
        if problem == Outcome.LINK_REQUIRED and target == _HOME:
            target = _SECURITY  # where accounts are linked
        if await visitors.find(request) is not None:
            return pages.redirect(request, target)
        texts = pages.texts(request)
        return _login_page(
            request,
            pages,
            Form(),
            target,
            message=problem_text(texts, problem, OF_LOGIN, "login"),
            note=cancelled_text(texts, problem),
            done=texts(f"login.{done}") if done in _DONE else None,
        )

    @post("/login", opt=PAGE)
    @inject
    async def log_in(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        log_in: FromDishka[Login],
        log_in_with_passkey: FromDishka[LoginWithPasskey],
        credentials: FromDishka[CredentialReader],
        cookies: FromDishka[CookieWriter],
    ) -> Response[Any]:
        """By the passkey that the script of the page has used, else by the password."""
        form = await read_form(request)
        target = pages.options.return_targets.choose(form["return_to"], _HOME)
        caller = _with_device(request, credentials)
        try:
            if form["credential"]:
                assertion = assertion_in(form["credential"])
                logged_in = await log_in_with_passkey(assertion, caller, Transport.COOKIE)
            else:
                logged_in = await log_in(form["email"], form["password"], caller, Transport.COOKIE)
        except SecondFactorRequired as required:
            return _second_factor_page(request, pages, _pending_form(required), target)
        except tuple(_REFUSALS) as refused:
            key, status = _REFUSALS[type(refused)]
            return _login_page(
                request,
                pages,
                form,
                target,
                status=status,
                is_unverified=isinstance(refused, EmailUnverified),
                message=pages.texts(request)(key),
            )
        return _logged_in(request, pages, target, logged_in, cookies)

    @post("/login/second-factor", opt=PAGE)
    @inject
    async def log_in_with_second_factor(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        log_in: FromDishka[LoginWithSecondFactor],
        credentials: FromDishka[CredentialReader],
        cookies: FromDishka[CookieWriter],
    ) -> Response[Any]:
        form = await read_form(request)
        target = pages.options.return_targets.choose(form["return_to"], _HOME)
        caller = _with_device(request, credentials)
        try:
            proof = factor_proof(form["code"], form["credential"])
            logged_in = await log_in(form["challenge"], proof, caller)
        except (SecondFactorInvalid, PasskeyInvalid, InvalidCredentials):
            return _second_factor_page(request, pages, form, target, is_refused=True)
        return _logged_in(request, pages, target, logged_in, cookies)

    @post("/login/passkey/options", opt=PAGE, status_code=200)
    @inject
    async def begin_passkey_use(
        self, request: JsonRequest, offer: FromDishka[OfferPasskeyUse]
    ) -> RequestOptionsAnswer:
        """Answer the script of a page: for a login, a second factor or a step-up."""
        return RequestOptionsAnswer.of(await offer(context_of(request)))

    @get("/login/second-factor", opt=PAGE)
    @inject
    async def show_second_factor(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        credentials: FromDishka[CredentialReader],
        cookies: FromDishka[CookieWriter],
        return_to: FromQuery[str | None] = None,
    ) -> Response[Any]:
        """Show the form for a login at another provider, which comes by a cookie and only once.
        After a password the answer has the form: a reload begins again.
        """
        if is_prefetch(request.headers):
            raise PrefetchRefused
        pending = credentials.pending_login(request)
        if pending is None:
            return pages.redirect(request, "/login")
        target = pages.options.return_targets.choose(return_to, _HOME)
        page = _second_factor_page(request, pages, _pending_form(pending), target)
        page.set_cookie(cookies.second_factor_removal())
        return page

    @post("/logout", opt=PAGE)
    @inject
    async def log_out(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        log_out: FromDishka[Logout],
        credentials: FromDishka[CredentialReader],
        cookies: FromDishka[CookieWriter],
    ) -> Response[Any]:
        for access, refresh in credentials.read_all(request):
            with suppress(TokenRejected):  # the session has ended already
                await log_out(access, refresh, context_of(request))
        response = pages.redirect(request, "/login?done=logged_out", cookies.removal())
        response.set_header("Clear-Site-Data", CLEAR_SITE_DATA)
        return response


def _login_page(
    request: JsonRequest,
    pages: Pages,
    form: Form,
    return_to: str,
    *,
    status: int = 200,
    is_unverified: bool = False,
    **said: str | None,
) -> Response[Any]:
    """
    :param said: ``message``, ``note`` or ``done``: what the page says above its form.
    """
    return pages.render(
        request,
        "login",
        form=form,
        status=status,
        return_to=return_to,
        email=form["email"],
        is_unverified=is_unverified,
        **dict.fromkeys(("message", "note", "done")) | said,
    )


def _second_factor_page(
    request: JsonRequest, pages: Pages, form: Form, return_to: str, *, is_refused: bool = False
) -> Response[Any]:
    return pages.render(
        request,
        "second_factor",
        form=form,
        status=400 if is_refused else 200,
        return_to=return_to,
        message=pages.texts(request)("second_factor.refused") if is_refused else None,
    )


def _pending_form(required: SecondFactorRequired) -> Form:
    return Form({"challenge": required.challenge, **asked_factors(required.methods)})


def _logged_in(
    request: JsonRequest, pages: Pages, target: str, logged_in: LoggedIn, cookies: CookieWriter
) -> Response[Any]:
    return pages.redirect(request, target, cookies.of_session(logged_in))


def _with_device(request: JsonRequest, credentials: CredentialReader) -> RequestContext:
    return replace(context_of(request), device_token=credentials.device_token(request))
