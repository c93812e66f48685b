"""My account: profile, password, sessions and activity."""

from contextlib import suppress
from typing import Any

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get, post
from litestar.params import FromQuery

from api.json_request import JsonRequest
from api.request_context import context_of
from api.schemas.audit import ActivityView
from api.schemas.sessions import SessionActivityView
from api.security.cookies import CookieWriter
from api.web.controllers.base import PageController
from api.web.forms import Form, read_form
from api.web.page import Pages
from api.web.route_options import OWN_PAGE
from api.web.step_up_form import FindFormProof
from application.accounts.account import ChangePassword, ChangeProfile
from application.audit_log import ListActivity
from application.sessions.find import ListSessions
from application.sessions.revoke import RevokeOtherSessions, RevokeSession
from domain.errors import InvalidInput, NotFound, Problem, WrongPassword
from domain.outcome import Outcome
from domain.session import SessionId

_DONE = frozenset({"saved", "changed", "ended"})
_EVENTS = 30


class AccountPages(PageController):
    path = "/account"
    opt = OWN_PAGE

    @get("/")
    @inject
    async def show_account(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        done: FromQuery[str | None] = None,
    ) -> Response[Any]:
        return _account_page(request, pages, Form(), done=done)

    @post("/")
    @inject
    async def change_profile(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        change_profile: FromDishka[ChangeProfile],
    ) -> Response[Any]:
        form = await read_form(request)
        try:
            await change_profile(
                request.user, form["name"], None, form["locale"] or None, context_of(request)
            )
        except InvalidInput as invalid:
            form.problems = list(invalid.problems)
            return _account_page(request, pages, form)
        return pages.redirect(request, "/account?done=saved")

    @get("/password")
    @inject
    async def show_password(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        find_proof: FromDishka[FindFormProof],
    ) -> Response[Any]:
        asks_password = await find_proof(request.user, context_of(request))
        return pages.render(request, "account/password", asks_password=asks_password)

    @post("/password")
    @inject
    async def change_password(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        change_password: FromDishka[ChangePassword],
        cookies: FromDishka[CookieWriter],
    ) -> Response[Any]:
        form = await read_form(request)
        try:
            changed = await change_password(
                request.user,
                form.values.get("current_password"),
                form["new_password"],
                context_of(request),
            )
        except (InvalidInput, WrongPassword) as refused:
            form.problems = (
                list(refused.problems)
                if isinstance(refused, InvalidInput)
                else [Problem("current_password", "is wrong")]
            )
            asks_password = "current_password" in form.values
            return pages.render(
                request, "account/password", form=form, asks_password=asks_password
            )
        return pages.redirect(request, "/account?done=changed", cookies.of_session(changed))

    @get("/sessions")
    @inject
    async def show_sessions(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        list_sessions: FromDishka[ListSessions],
        done: FromQuery[str | None] = None,
    ) -> Response[Any]:
        found = await list_sessions(request.user)
        current = request.user.session.id
        return pages.render(
            request,
            "account/sessions",
            sessions=[SessionActivityView.of(each, current) for each in found],
            done=_done_text(request, pages, done),
        )

    @post("/sessions")
    @inject
    async def end_sessions(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        revoke_session: FromDishka[RevokeSession],
        revoke_others: FromDishka[RevokeOtherSessions],
    ) -> Response[Any]:
        form = await read_form(request)
        if form["session"] == "others":
            await revoke_others(request.user, context_of(request))
        else:
            with suppress(NotFound):  # it has ended already
                session = SessionId(form["session"])
                await revoke_session(request.user, session, context_of(request))
        return pages.redirect(request, "/account/sessions?done=ended")

    @get("/activity")
    @inject
    async def show_activity(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        list_activity: FromDishka[ListActivity],
        after: FromQuery[str | None] = None,
    ) -> Response[Any]:
        page = await list_activity(request.user, after, _EVENTS)
        texts = pages.texts(request)
        events = [
            {
                "at": view.at,
                "text": texts.of_event(view.what, view.outcome),
                "address": view.address,
                "is_success": view.outcome == Outcome.SUCCESS,
            }
            for view in map(ActivityView.of, page.items)
        ]
        return pages.render(request, "account/activity", events=events, after=page.next)


def _account_page(
    request: JsonRequest, pages: Pages, form: Form, *, done: str | None = None
) -> Response[Any]:
    return pages.render(
        request,
        "account/profile",
        form=form,
        user=request.user.user,
        done=_done_text(request, pages, done),
    )


def _done_text(request: JsonRequest, pages: Pages, done: str | None) -> str | None:
    return pages.texts(request)(f"done.{done}") if done in _DONE else None
