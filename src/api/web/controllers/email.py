"""Change my email address."""

from typing import Any

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get, post

from api.json_request import JsonRequest
from api.request_context import context_of
from api.web.controllers.base import PageController
from api.web.forms import Form, read_form
from api.web.page import Pages
from api.web.route_options import OWN_PAGE
from api.web.step_up_form import FindFormProof
from application.accounts.email_change import RequestEmailChange
from application.mail.request_link import RequestLink
from domain.errors import InvalidInput, Problem, WrongPassword
from domain.mail.message import MailKind


class EmailPages(PageController):
    path = "/account/email"
    opt = OWN_PAGE

    @get("/")
    @inject
    async def show_email(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        find_proof: FromDishka[FindFormProof],
    ) -> Response[Any]:
        asks_password = await find_proof(request.user, context_of(request))
        return _email_page(request, pages, Form(), asks_password=asks_password)

    @post("/")
    @inject
    async def change_email(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        request_change: FromDishka[RequestEmailChange],
    ) -> Response[Any]:
        """The answer is the same if another user has the new address."""
        form = await read_form(request)
        password = form.values.get("password")
        try:
            await request_change(request.user, form["email"], password, caller=context_of(request))
        except InvalidInput as invalid:
            form.problems = list(invalid.problems)
        except WrongPassword:
            form.problems = [Problem("password", "is wrong")]
        if form.problems:
            return _email_page(request, pages, form, asks_password=password is not None)
        return pages.render_message(request, "email.sent", "email.sent_text", email=form["email"])

    @post("/verification")
    @inject
    async def send_verification(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        request_link: FromDishka[RequestLink],
    ) -> Response[Any]:
        """Send a mail that proves the present address."""
        email = request.user.user.email.address
        kind = MailKind.EMAIL_VERIFICATION
        await request_link(kind, email, caller=context_of(request))
        return pages.render_message(
            request, "email.sent", "account.verification_sent", email=email
        )


def _email_page(
    request: JsonRequest, pages: Pages, form: Form, *, asks_password: bool
) -> Response[Any]:
    return pages.render(request, "account/email", form=form, asks_password=asks_password)
