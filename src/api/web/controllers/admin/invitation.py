"""Invite a user."""

from typing import Any

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get, post

from api.json_request import JsonRequest
from api.request_context import context_of
from api.web.controllers.admin.user_actions import chosen_role
from api.web.controllers.base import PageController
from api.web.forms import Form, read_form
from api.web.page import Pages
from api.web.route_options import admin_page
from application.accounts.invitation import Invitee, InviteUser
from domain.errors import EmailTaken, InvalidInput, Problem
from domain.permissions import Permission, Role


class InvitationPages(PageController):
    path = "/admin/users/new"
    opt = admin_page(Permission.CHANGE_USERS)

    @get("/")
    @inject
    async def show_invitation(
        self, request: JsonRequest, pages: FromDishka[Pages]
    ) -> Response[Any]:
        return _page(request, pages)

    @post("/")
    @inject
    async def invite_user(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        invite_user: FromDishka[InviteUser],
    ) -> Response[Any]:
        form = await read_form(request)
        try:
            invitee = Invitee(
                form["name"], form["email"], chosen_role(form), form["locale"] or None
            )
            user = await invite_user(request.user, invitee, context_of(request), form["reason"])
        except InvalidInput as invalid:
            form.problems = list(invalid.problems)
            return _page(request, pages, form)
        except EmailTaken:
            form.problems = [Problem("email", "is the address of an account already")]
            return _page(request, pages, form, status=409)
        return pages.redirect(request, f"/admin/users/{user.id}?done=invitation")


def _page(
    request: JsonRequest, pages: Pages, form: Form | None = None, *, status: int | None = None
) -> Response[Any]:
    return pages.render(
        request,
        "admin/invitation",
        form=form,
        status=status,
        roles=list(Role),
    )
