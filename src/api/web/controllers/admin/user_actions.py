"""What administrators do to a user. Each action has a page that says what will happen, with a form
that asks for the reason.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get, post
from litestar.params import FromPath

from api.json_request import JsonRequest
from api.request_context import context_of
from api.schemas.sessions import SessionActivityView
from api.web.controllers.base import PageController
from api.web.forms import Form, read_form
from api.web.page import Pages
from api.web.route_options import admin_page
from application.accounts.deletion import DeleteUser
from application.accounts.password_reset import SendPasswordReset
from application.accounts.reset_second_factors import ResetSecondFactors
from application.accounts.session_revocation import RevokeSessionOf, RevokeSessionsOf
from application.accounts.users import ChangeUser, Overview, ShowOverview
from application.enrolment.passkey_list import RemovePasskeyOf
from domain.errors import InvalidInput, LastAdministrator, NotFound, Problem
from domain.permissions import Permission, Role
from domain.second_factors.passkey import PasskeyId
from domain.session import SessionId
from domain.user import UserId

_CHANGE = admin_page(Permission.CHANGE_USERS)
_END = admin_page(Permission.END_SESSIONS)
_DELETE = admin_page(Permission.DELETE_USERS)
_LINKS = ["/password-reset", "/invitation"]
"""Both send what the user needs: an invitation until the first password is set."""
_SESSION, _PASSKEY = "/sessions/{session_id:str}", "/passkeys/{passkey_id:str}"


class UserActionPages(PageController):
    path = "/admin/users/{user_id:uuid}"

    @get(
        ["/role", "/disable", "/enable", *_LINKS, "/second-factors", _PASSKEY],
        opt=_CHANGE,
    )
    @inject
    async def show_change(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        show_overview: FromDishka[ShowOverview],
    ) -> Response[Any]:
        return await _action_page(request, pages, show_overview)

    @get(["/end-sessions", _SESSION], opt=_END)
    @inject
    async def show_end(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        show_overview: FromDishka[ShowOverview],
    ) -> Response[Any]:
        return await _action_page(request, pages, show_overview)

    @get("/delete", opt=_DELETE)
    @inject
    async def show_deletion(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        show_overview: FromDishka[ShowOverview],
    ) -> Response[Any]:
        return await _action_page(request, pages, show_overview)

    @post("/role", opt=_CHANGE)
    @inject
    async def change_role(
        self,
        request: JsonRequest,
        user_id: FromPath[UUID],
        pages: FromDishka[Pages],
        show_overview: FromDishka[ShowOverview],
        change_user: FromDishka[ChangeUser],
    ) -> Response[Any]:
        async def act(form: Form) -> None:
            role, caller = chosen_role(form), context_of(request)
            await change_user(request.user, UserId(user_id), role, None, caller, form["reason"])

        return await _do(request, pages, show_overview, act)

    @post(["/disable", "/enable"], opt=_CHANGE)
    @inject
    async def change_state(
        self,
        request: JsonRequest,
        user_id: FromPath[UUID],
        pages: FromDishka[Pages],
        show_overview: FromDishka[ShowOverview],
        change_user: FromDishka[ChangeUser],
    ) -> Response[Any]:
        async def act(form: Form) -> None:
            disabled, caller = _action_of(request) == "disable", context_of(request)
            await change_user(
                request.user, UserId(user_id), None, disabled, caller, form["reason"]
            )

        return await _do(request, pages, show_overview, act)

    @post(_LINKS, opt=_CHANGE)
    @inject
    async def send_password_reset(
        self,
        request: JsonRequest,
        user_id: FromPath[UUID],
        pages: FromDishka[Pages],
        show_overview: FromDishka[ShowOverview],
        send_reset: FromDishka[SendPasswordReset],
    ) -> Response[Any]:
        async def act(form: Form) -> None:
            await send_reset(request.user, UserId(user_id), context_of(request), form["reason"])

        return await _do(request, pages, show_overview, act)

    @post("/second-factors", opt=_CHANGE)
    @inject
    async def reset_second_factors(
        self,
        request: JsonRequest,
        user_id: FromPath[UUID],
        pages: FromDishka[Pages],
        show_overview: FromDishka[ShowOverview],
        reset: FromDishka[ResetSecondFactors],
    ) -> Response[Any]:
        async def act(form: Form) -> None:
            await reset(request.user, UserId(user_id), context_of(request), form["reason"])

        return await _do(request, pages, show_overview, act)

    @post(_PASSKEY, opt=_CHANGE)
    @inject
    async def remove_passkey(
        self,
        request: JsonRequest,
        user_id: FromPath[UUID],
        passkey_id: FromPath[str],
        pages: FromDishka[Pages],
        show_overview: FromDishka[ShowOverview],
        remove: FromDishka[RemovePasskeyOf],
    ) -> Response[Any]:
        async def act(form: Form) -> None:
            passkey, caller = PasskeyId(passkey_id), context_of(request)
            with suppress(NotFound):  # it was removed in another tab
                await remove(request.user, UserId(user_id), passkey, caller, form["reason"])

        return await _do(request, pages, show_overview, act)

    @post("/end-sessions", opt=_END)
    @inject
    async def end_sessions(
        self,
        request: JsonRequest,
        user_id: FromPath[UUID],
        pages: FromDishka[Pages],
        show_overview: FromDishka[ShowOverview],
        end_sessions: FromDishka[RevokeSessionsOf],
    ) -> Response[Any]:
        async def act(form: Form) -> None:
            await end_sessions(request.user, UserId(user_id), context_of(request), form["reason"])

        return await _do(request, pages, show_overview, act)

    @post(_SESSION, opt=_END)
    @inject
    async def end_session(
        self,
        request: JsonRequest,
        user_id: FromPath[UUID],
        session_id: FromPath[str],
        pages: FromDishka[Pages],
        show_overview: FromDishka[ShowOverview],
        end_session: FromDishka[RevokeSessionOf],
    ) -> Response[Any]:
        async def act(form: Form) -> None:
            session, caller = SessionId(session_id), context_of(request)
            with suppress(NotFound):  # it has ended already
                await end_session(request.user, UserId(user_id), session, caller, form["reason"])

        return await _do(request, pages, show_overview, act)

    @post("/delete", opt=_DELETE)
    @inject
    async def delete_user(
        self,
        request: JsonRequest,
        user_id: FromPath[UUID],
        pages: FromDishka[Pages],
        show_overview: FromDishka[ShowOverview],
        delete: FromDishka[DeleteUser],
    ) -> Response[Any]:
        async def act(form: Form) -> None:
            await delete(request.user, UserId(user_id), context_of(request), form["reason"])

        return await _do(request, pages, show_overview, act)


def chosen_role(form: Form) -> Role:
    """:raises InvalidInput: the form has no such role."""
    if form["role"] not in set(Role):
        raise InvalidInput(Problem("role", "is none of the roles"))
    return Role(form["role"])


def _action_of(request: JsonRequest) -> str:
    """Return the part of the path behind the user."""
    return str(request.scope["path"].split("/")[4])


async def _do(
    request: JsonRequest,
    pages: Pages,
    show_overview: ShowOverview,
    act: Callable[[Form], Awaitable[None]],
) -> Response[Any]:
    """Do what a form asks for, or show it again with its problems."""
    form, action = await read_form(request), _action_of(request)
    try:
        await act(form)
    except InvalidInput as invalid:
        form.problems = list(invalid.problems)
        return await _action_page(request, pages, show_overview, form, status=400)
    except LastAdministrator:
        message = pages.texts(request)("admin.actions.last_administrator")
        return await _action_page(request, pages, show_overview, form, status=409, message=message)
    user = "" if action == "delete" else f"/{request.path_params['user_id']}"
    return pages.redirect(request, f"/admin/users{user}?done={action}")


async def _action_page(
    request: JsonRequest,
    pages: Pages,
    show_overview: ShowOverview,
    form: Form | None = None,
    *,
    status: int = 200,
    message: str | None = None,
) -> Response[Any]:
    """
    :raises NotFound: there is no such user, session or passkey.
    """
    parameters = request.path_params
    shown = await show_overview(request.user, UserId(parameters["user_id"]))
    return pages.render(
        request,
        "admin/user_action",
        form=form,
        status=status,
        message=message,
        action=_action_of(request),
        path=request.scope["path"],
        user=shown.user,
        roles=list(Role),
        session_count=len(shown.sessions),
        what=_object_of(shown, parameters),
    )


def _object_of(shown: Overview, parameters: Any) -> str:
    """Return what people call the session or the passkey that a page is about.

    :raises NotFound: the user has none with this id.
    """
    names: dict[str, str] = {each.id: each.name for each in shown.factors.passkeys}
    for each in shown.sessions:
        names[each.session.id] = SessionActivityView.of(each, None).device
    wanted = parameters.get("session_id") or parameters.get("passkey_id")
    if wanted is None:
        return ""
    if wanted not in names:
        raise NotFound
    return names[wanted]
