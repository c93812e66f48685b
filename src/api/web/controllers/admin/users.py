"""The users: the list, and one of them."""

from typing import Any
from uuid import UUID

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get
from litestar.params import FromPath, FromQuery

from api.json_request import JsonRequest
from api.schemas.audit import EventView
from api.schemas.pages import searched
from api.schemas.sessions import SessionActivityView
from api.web.controllers.base import PageController
from api.web.forms import Form
from api.web.page import Pages
from api.web.route_options import admin_page
from api.web.translations import Texts
from application.accounts.users import ListUsers, Overview, ShowOverview
from application.audit_log import ListAuditEvents
from application.operation.outbox import ListMailTo
from application.pagination import EventQuery, Page, Total, UserQuery
from domain.actor import Principal
from domain.email import beginning_of_email
from domain.errors import InvalidInput
from domain.permissions import Permission, Role
from domain.user import User, UserId

_ROWS = 25
_EVENTS, _MAILS = 10, 20
_FILTERS = ("email", "name", "role", "state", "order")
_STATES = {"active": False, "disabled": True}


class UserPages(PageController):
    path = "/admin/users"

    @get("/", opt=admin_page(Permission.READ_USERS))
    @inject
    async def show_users(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        list_users: FromDishka[ListUsers],
        after: FromQuery[str | None] = None,
        done: FromQuery[str | None] = None,
    ) -> Response[Any]:
        form = Form({name: request.query_params.get(name, "") for name in _FILTERS})
        found: Page[User] = Page([])
        total: Total | None = None
        try:
            found, total = await list_users(request.user, _query(form), after, _ROWS)
        except InvalidInput as invalid:
            form.problems = list(invalid.problems)
        return pages.render(
            request,
            "admin/users",
            form=form,
            users=found.items,
            total=total,
            roles=list(Role),
            query={name: text for name, text in form.values.items() if text},
            after=found.next,
            invites=(
                pages.options.sends_mail and request.user.user.role.may(Permission.CHANGE_USERS)
            ),
            done=_done_text(pages.texts(request), done),
        )

    @get("/{user_id:uuid}", opt=admin_page(Permission.READ_USERS))
    @inject
    async def show_user(
        self,
        request: JsonRequest,
        user_id: FromPath[UUID],
        pages: FromDishka[Pages],
        show_overview: FromDishka[ShowOverview],
        list_events: FromDishka[ListAuditEvents],
        list_mail_to: FromDishka[ListMailTo],
        done: FromQuery[str | None] = None,
    ) -> Response[Any]:
        shown = await show_overview(request.user, UserId(user_id))
        role, events, mails = request.user.user.role, None, None
        if role.may(Permission.READ_AUDIT):
            about = EventQuery(user_id=shown.user.id)
            events = (await list_events(request.user, about, None, _EVENTS)).items
        if role.may(Permission.READ_MAIL):
            mails = await list_mail_to(request.user, shown.user.email, _MAILS)
        current = request.user.session.id
        return pages.render(
            request,
            "admin/user",
            user=shown.user,
            factors=shown.factors.stored,
            locked_until=shown.locked_until,
            passkeys=shown.factors.passkeys,
            identities=shown.identities,
            sessions=[SessionActivityView.of(each, current) for each in shown.sessions],
            mails=mails,
            events=events and [EventView.of(each) for each in events],
            actions=_actions(request.user, shown, sends_mail=pages.options.sends_mail),
            ends_sessions=role.may(Permission.END_SESSIONS),
            changes_logins=_changes_logins(request.user, shown.user),
            done=_done_text(pages.texts(request), done),
        )


def _actions(principal: Principal, shown: Overview, *, sends_mail: bool) -> list[str]:
    """Return what this administrator may do to the user now, by the end of the page's path."""
    user, role = shown.user, principal.user.role
    has_factors = bool(shown.factors.methods)
    possible = {
        "role": role.may(Permission.CHANGE_USERS),
        "enable" if user.disabled else "disable": role.may(Permission.CHANGE_USERS),
        "invitation" if user.is_invited else "password-reset": (
            role.may(Permission.CHANGE_USERS) and sends_mail
        ),
        "second-factors": _changes_logins(principal, user) and has_factors,
        "end-sessions": role.may(Permission.END_SESSIONS) and bool(shown.sessions),
        "delete": role.may(Permission.DELETE_USERS),
    }
    return [name for name, is_possible in possible.items() if is_possible]


def _changes_logins(principal: Principal, user: User) -> bool:
    """Whether this administrator may remove factors and identities of the user: never the own."""
    return principal.user.role.may(Permission.CHANGE_USERS) and principal.user.id != user.id


def _done_text(texts: Texts, done: str | None) -> str | None:
    """Return what the action has achieved that led back to this page."""
    key = f"admin.actions.{done}.done"
    return texts(key) if texts.has(key) else None


def _query(form: Form) -> UserQuery:
    """Return what a form asks for. An unknown role, state or order asks for nothing.

    :raises InvalidInput: there is no such address or name.
    """
    email = searched("email", form["email"].strip())
    name = searched("name", form["name"].strip())
    role = Role(form["role"]) if form["role"] in set(Role) else None
    disabled = _STATES.get(form["state"])
    return UserQuery(
        beginning_of_email(email) if email else _sorts_by(form, "email"),
        name or _sorts_by(form, "name"),
        role,
        disabled,
    )


def _sorts_by(form: Form, order: str) -> str | None:
    """Return the search that finds all and sorts them, if that order is chosen."""
    return "" if form["order"] == order else None
