"""What administrators do to a user, each with a page that asks for the reason."""

from contextlib import suppress
from typing import Any

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get, post
from litestar.params import FromPath

from api.json_request import JsonRequest
from api.web.controllers.admin.action_page import UserAction, name_of_action
from api.web.controllers.base import PageController
from api.web.forms import Form, read_form
from api.web.route_options import admin_page
from application.accounts.deletion import DeleteUser
from application.accounts.password_reset import SendPasswordReset
from application.accounts.reset_second_factors import ResetSecondFactors
from application.accounts.session_revocation import RevokeSessionOf, RevokeSessionsOf
from application.accounts.users import ChangeUser
from application.enrolment.passkey_list import RemovePasskeyOf
from application.social_login.identities import UnlinkIdentityOf
from domain.actor import Principal
from domain.errors import InvalidInput, NotFound, Problem
from domain.permissions import Permission, Role
from domain.request_context import RequestContext
from domain.second_factors.passkey import PasskeyId
from domain.session import SessionId
from domain.social_login.identity import IdentityId
from domain.user import UserId

_CHANGE = admin_page(Permission.CHANGE_USERS)
_END = admin_page(Permission.END_SESSIONS)
_DELETE = admin_page(Permission.DELETE_USERS)
_LINKS = ["/password-reset", "/invitation"]
"""Both send what the user needs: an invitation until the first password is set."""
_SESSION, _PASSKEY = "/sessions/{session_id:str}", "/passkeys/{passkey_id:str}"
_IDENTITY = "/identities/{identity_id:str}"


class UserActionPages(PageController):
    path = "/admin/users/{user_id:uuid}"

    @get(
        ["/role", "/disable", "/enable", *_LINKS, "/second-factors", _PASSKEY, _IDENTITY],
        opt=_CHANGE,
    )
    @inject
    async def show_change(
        self, request: JsonRequest, action: FromDishka[UserAction]
    ) -> Response[Any]:
        return await action.ask(request)

    @get(["/end-sessions", _SESSION], opt=_END)
    @inject
    async def show_end(
        self, request: JsonRequest, action: FromDishka[UserAction]
    ) -> Response[Any]:
        return await action.ask(request)

    @get("/delete", opt=_DELETE)
    @inject
    async def show_deletion(
        self, request: JsonRequest, action: FromDishka[UserAction]
    ) -> Response[Any]:
        return await action.ask(request)

    @post("/role", opt=_CHANGE)
    @inject
    async def change_role(
        self,
        request: JsonRequest,
        action: FromDishka[UserAction],
        change_user: FromDishka[ChangeUser],
    ) -> Response[Any]:
        async def act(
            admin: Principal, user_id: UserId, caller: RequestContext, reason: str
        ) -> None:
            role = chosen_role(await read_form(request))
            await change_user(admin, user_id, role, None, caller, reason)

        return await action.do(request, act)

    @post(["/disable", "/enable"], opt=_CHANGE)
    @inject
    async def change_state(
        self,
        request: JsonRequest,
        action: FromDishka[UserAction],
        change_user: FromDishka[ChangeUser],
    ) -> Response[Any]:
        async def act(
            admin: Principal, user_id: UserId, caller: RequestContext, reason: str
        ) -> None:
            disabled = name_of_action(request) == "disable"
            await change_user(admin, user_id, None, disabled, caller, reason)

        return await action.do(request, act)

    @post(_LINKS, opt=_CHANGE)
    @inject
    async def send_password_reset(
        self,
        request: JsonRequest,
        action: FromDishka[UserAction],
        send_reset: FromDishka[SendPasswordReset],
    ) -> Response[Any]:
        return await action.do(request, send_reset)

    @post("/second-factors", opt=_CHANGE)
    @inject
    async def reset_second_factors(
        self,
        request: JsonRequest,
        action: FromDishka[UserAction],
        reset: FromDishka[ResetSecondFactors],
    ) -> Response[Any]:
        return await action.do(request, reset)

    @post(_PASSKEY, opt=_CHANGE)
    @inject
    async def remove_passkey(
        self,
        request: JsonRequest,
        passkey_id: FromPath[str],
        action: FromDishka[UserAction],
        remove: FromDishka[RemovePasskeyOf],
    ) -> Response[Any]:
        async def act(
            admin: Principal, user_id: UserId, caller: RequestContext, reason: str
        ) -> None:
            with suppress(NotFound):  # it was removed in another tab
                await remove(admin, user_id, PasskeyId(passkey_id), caller, reason)

        return await action.do(request, act)

    @post(_IDENTITY, opt=_CHANGE)
    @inject
    async def unlink_identity(
        self,
        request: JsonRequest,
        identity_id: FromPath[str],
        action: FromDishka[UserAction],
        unlink: FromDishka[UnlinkIdentityOf],
    ) -> Response[Any]:
        async def act(
            admin: Principal, user_id: UserId, caller: RequestContext, reason: str
        ) -> None:
            with suppress(NotFound):  # it was unlinked in another tab
                await unlink(admin, user_id, IdentityId(identity_id), caller, reason)

        return await action.do(request, act)

    @post("/end-sessions", opt=_END)
    @inject
    async def end_sessions(
        self,
        request: JsonRequest,
        action: FromDishka[UserAction],
        end_sessions: FromDishka[RevokeSessionsOf],
    ) -> Response[Any]:
        return await action.do(request, end_sessions)

    @post(_SESSION, opt=_END)
    @inject
    async def end_session(
        self,
        request: JsonRequest,
        session_id: FromPath[str],
        action: FromDishka[UserAction],
        end_session: FromDishka[RevokeSessionOf],
    ) -> Response[Any]:
        async def act(
            admin: Principal, user_id: UserId, caller: RequestContext, reason: str
        ) -> None:
            with suppress(NotFound):  # it has ended already
                await end_session(admin, user_id, SessionId(session_id), caller, reason)

        return await action.do(request, act)

    @post("/delete", opt=_DELETE)
    @inject
    async def delete_user(
        self,
        request: JsonRequest,
        action: FromDishka[UserAction],
        delete: FromDishka[DeleteUser],
    ) -> Response[Any]:
        return await action.do(request, delete)


def chosen_role(form: Form) -> Role:
    """:raises InvalidInput: the form has no such role."""
    if form["role"] not in set(Role):
        raise InvalidInput(Problem("role", "is none of the roles"))
    return Role(form["role"])
