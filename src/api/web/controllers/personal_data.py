"""Take my data with me, and delete my account."""

from typing import Any

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get, post
from msgspec import json

from api.json_request import JsonRequest
from api.request_context import context_of
from api.schemas.account.export import ExportAnswer
from api.security.cookies import CookieWriter
from api.session_response import CLEAR_SITE_DATA
from api.web.controllers.base import PageController
from api.web.forms import Form, read_form
from api.web.page import HEADERS, Pages, refreshed_cookies
from api.web.route_options import OWN_PAGE, PAGE
from api.web.step_up_form import FindFormProof
from application.accounts.account import DeleteAccount, ExportAccount
from application.step_up import RequireStepUp
from domain.errors import InvalidInput, LastAdministrator, Problem, WrongPassword


class PersonalDataPages(PageController):
    opt = OWN_PAGE

    @get("/account/export")
    @inject
    async def show_export(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        require_step_up: FromDishka[RequireStepUp],
    ) -> Response[Any]:
        """The step-up comes first: after the download, the browser stays on this page."""
        await require_step_up(request.user, context_of(request))
        return pages.render(request, "account/export")

    @post("/account/export", status_code=200)
    @inject
    async def export(
        self, request: JsonRequest, export_account: FromDishka[ExportAccount]
    ) -> Response[Any]:
        exported = await export_account(request.user, context_of(request))
        data = ExportAnswer.of(exported, request.user.session.id).data
        return Response(
            json.format(json.encode(data)),
            media_type="application/json",
            headers={**HEADERS, "Content-Disposition": 'attachment; filename="account.json"'},
            cookies=refreshed_cookies(request),
        )

    @get("/account/delete")
    @inject
    async def show_deletion(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        find_proof: FromDishka[FindFormProof],
    ) -> Response[Any]:
        asks_password = await find_proof(request.user, context_of(request))
        return pages.render(request, "account/delete", asks_password=asks_password, message=None)

    @post("/account/delete")
    @inject
    async def delete(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        delete_account: FromDishka[DeleteAccount],
        cookies: FromDishka[CookieWriter],
    ) -> Response[Any]:
        form, message = await read_form(request), None
        password = form.values.get("password")
        try:
            await delete_account(request.user, password, context_of(request))
        except InvalidInput as invalid:
            form.problems = list(invalid.problems)
        except WrongPassword:
            form.problems = [Problem("password", "is wrong")]
        except LastAdministrator:
            message = pages.texts(request)("delete.last_administrator")
        if form.problems or message:
            return _deletion_page(request, pages, form, message)
        response = pages.redirect(request, "/login/goodbye", cookies.removal())
        response.set_header("Clear-Site-Data", CLEAR_SITE_DATA)
        return response

    @get("/login/goodbye", opt=PAGE)
    @inject
    async def say_goodbye(self, request: JsonRequest, pages: FromDishka[Pages]) -> Response[Any]:
        return pages.render_message(request, "goodbye.title", "goodbye.text")


def _deletion_page(
    request: JsonRequest, pages: Pages, form: Form, message: str | None
) -> Response[Any]:
    asks_password = "password" in form.values
    return pages.render(
        request,
        "account/delete",
        form=form,
        status=400,
        asks_password=asks_password,
        message=message,
    )
