"""The page of an action on a user: it says what will happen, and asks for the reason."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from litestar import Response

from api.json_request import JsonRequest
from api.request_context import context_of
from api.schemas.sessions import SessionActivityView
from api.web.forms import Form, read_form
from api.web.page import PageOptions, Pages
from application.accounts.users import Overview, ShowOverview
from domain.actor import Principal
from domain.errors import InvalidInput, LastAdministrator, NotFound
from domain.permissions import Role
from domain.request_context import RequestContext
from domain.user import UserId

Act = Callable[[Principal, UserId, RequestContext, str], Awaitable[object]]
"""A use case that takes the administrator, the user, the caller and the reason."""


@dataclass(frozen=True, slots=True)
class UserAction:
    """The action that the path of a request names behind the user."""

    pages: Pages
    show_overview: ShowOverview

    async def ask(self, request: JsonRequest) -> Response[Any]:
        """Return the page with its empty form.

        :raises NotFound: there is no such user, session, passkey or identity.
        """
        return await self._page(request, Form())

    async def do(self, request: JsonRequest, act: Act) -> Response[Any]:
        """Do what the form asks for, or show it again with its problems."""
        form, user_id = await read_form(request), UserId(request.path_params["user_id"])
        try:
            await act(request.user, user_id, context_of(request), form["reason"])
        except InvalidInput as invalid:
            form.problems = list(invalid.problems)
            return await self._page(request, form)
        except LastAdministrator:
            message = self.pages.texts(request)("admin.actions.last_administrator")
            return await self._page(request, form, status=409, message=message)
        action = name_of_action(request)
        user = "" if action == "delete" else f"/{user_id}"
        return self.pages.redirect(request, f"/admin/users{user}?done={action}")

    async def _page(
        self,
        request: JsonRequest,
        form: Form,
        *,
        status: int | None = None,
        message: str | None = None,
    ) -> Response[Any]:
        parameters = request.path_params
        shown = await self.show_overview(request.user, UserId(parameters["user_id"]))
        return self.pages.render(
            request,
            "admin/user_action",
            form=form,
            status=status,
            message=message,
            action=name_of_action(request),
            path=request.scope["path"],
            user=shown.user,
            roles=list(Role),
            session_count=len(shown.sessions),
            what=_object_of(shown, parameters, self.pages.options),
        )


def name_of_action(request: JsonRequest) -> str:
    """Return the part of the path behind the user."""
    return str(request.scope["path"].split("/")[4])


def _object_of(shown: Overview, parameters: Mapping[str, Any], options: PageOptions) -> str:
    """Return the name by which people know the session, passkey or identity of the page.

    :raises NotFound: the user has none with this id.
    """
    names: dict[str, str] = {each.id: each.name for each in shown.factors.passkeys}
    for each in shown.sessions:
        names[each.session.id] = SessionActivityView.of(each, None).device
    for identity in shown.identities:
        label = options.provider_label(identity.provider)
        names[identity.id] = f"{label}, {identity.email}" if identity.email else label
    ids = [parameters.get(name) for name in ("session_id", "passkey_id", "identity_id")]
    wanted = next((each for each in ids if each is not None), None)
    if wanted is None:
        return ""
    if wanted not in names:
        raise NotFound
    return names[wanted]
