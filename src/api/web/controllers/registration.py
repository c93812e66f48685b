"""Register, and ask for a new password."""

from dataclasses import replace
from typing import Any

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get, post

from api.accept_language import preferred_locale
from api.json_request import JsonRequest
from api.request_context import context_of
from api.security.cookies import CookieWriter
from api.web.controllers.base import PageController
from api.web.forms import Form, read_form
from api.web.page import Pages
from api.web.route_options import PAGE
from application.accounts.registration import RegisterUser
from application.mail.request_link import RequestLink
from domain.errors import EmailTaken, InvalidInput, Problem
from domain.mail.message import MailKind


class RegistrationPages(PageController):
    @get("/register", opt=PAGE)
    @inject
    async def show_registration(
        self, request: JsonRequest, pages: FromDishka[Pages]
    ) -> Response[Any]:
        return pages.render(request, "register", message=None)

    @post("/register", opt=PAGE)
    @inject
    async def register(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        register_user: FromDishka[RegisterUser],
        cookies: FromDishka[CookieWriter],
    ) -> Response[Any]:
        form = await read_form(request)
        caller = replace(context_of(request), locale=preferred_locale(request.scope))
        try:
            registered = await register_user(form["name"], form["email"], form["password"], caller)
        except InvalidInput as invalid:
            form.problems = list(invalid.problems)
            return pages.render(request, "register", form=form, message=None)
        except EmailTaken:
            form.problems = [Problem("email", "is the address of an account already")]
            return pages.render(request, "register", form=form, status=409, message=None)
        if registered.device_token is None:
            return pages.redirect(request, "/login?done=registered")
        response = _check_mail_page(request, pages, form)
        response.set_cookie(cookies.of_device(registered.device_token))
        return response

    @post("/register/mail", opt=PAGE)
    @inject
    async def send_again(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        request_link: FromDishka[RequestLink],
    ) -> Response[Any]:
        """Send another mail that proves the address. The page is the same for every address."""
        form = await read_form(request)
        kind = MailKind.EMAIL_VERIFICATION
        await request_link(kind, form["email"], caller=context_of(request))
        return _check_mail_page(request, pages, form)

    @get("/forgot", opt=PAGE)
    @inject
    async def show_forgot(self, request: JsonRequest, pages: FromDishka[Pages]) -> Response[Any]:
        return pages.render(request, "forgot", message=None, email="")

    @post("/forgot", opt=PAGE)
    @inject
    async def forgot(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        request_link: FromDishka[RequestLink],
    ) -> Response[Any]:
        """The page is the same for every address."""
        form: Form = await read_form(request)
        try:
            await request_link(MailKind.PASSWORD_RESET, form["email"], None, context_of(request))
        except InvalidInput as invalid:
            form.problems = list(invalid.problems)
            return pages.render(request, "forgot", form=form, message=None, email="")
        return pages.render_message(
            request, "forgot.sent", "forgot.sent_text", email=form["email"]
        )


def _check_mail_page(request: JsonRequest, pages: Pages, form: Form) -> Response[Any]:
    return pages.render(request, "check_mail", email=form["email"])
