"""The outbox: the mails that wait, and what administrators do to them."""

from typing import Any

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from api.json_request import JsonRequest
from api.request_context import context_of
from api.web.controllers.base import PageController
from api.web.forms import Form, read_form
from api.web.page import Pages
from api.web.route_options import admin_page
from application.operation.outbox import (
    CountMail,
    DropMail,
    ListMail,
    RetryAllMail,
    RetryMail,
    ShowMail,
)
from application.pagination import Total
from domain.errors import InvalidInput, NotFound
from domain.mail.message import Delivery, DeliveryState, MessageId
from domain.permissions import Permission

_MAIL = "/admin/mail"
_ROWS = 25
_DONE = frozenset({"retried", "dropped", "gone"})
_CHANGE = admin_page(Permission.CHANGE_MAIL)


class MailPages(PageController):
    path = _MAIL

    @get("/", opt=admin_page(Permission.READ_MAIL))
    @inject
    async def show_outbox(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        list_mail: FromDishka[ListMail],
        count_mail: FromDishka[CountMail],
        after: FromQuery[str | None] = None,
        done: FromQuery[str | None] = None,
    ) -> Response[Any]:
        chosen = request.query_params.get("state", "")
        state = DeliveryState(chosen) if chosen in set(DeliveryState) else None
        page = await list_mail(request.user, state, after, _ROWS)
        return pages.render(
            request,
            "admin/outbox",
            mails=page.items,
            totals=await count_mail(request.user),
            state=state,
            after=page.next,
            may_change=request.user.user.role.may(Permission.CHANGE_MAIL),
            done=done if done in _DONE else None,
        )

    @get("/retry", opt=_CHANGE)
    @inject
    async def ask_to_retry_all(
        self, request: JsonRequest, pages: FromDishka[Pages], count_mail: FromDishka[CountMail]
    ) -> Response[Any]:
        """Say how many mails that would be, with a form for the reason."""
        total = (await count_mail(request.user))[DeliveryState.GIVEN_UP]
        return _action_page(request, pages, Form(), "retry_all", total=total)

    @post("/retry", opt=_CHANGE)
    @inject
    async def retry_all(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        count_mail: FromDishka[CountMail],
        retry_all: FromDishka[RetryAllMail],
    ) -> Response[Any]:
        form = await read_form(request)
        try:
            await retry_all(request.user, context_of(request), form["reason"])
        except InvalidInput as refused:
            form.problems = list(refused.problems)
            total = (await count_mail(request.user))[DeliveryState.GIVEN_UP]
            return _action_page(request, pages, form, "retry_all", total=total)
        return pages.redirect(request, f"{_MAIL}?done=retried")

    @get(["/{message_id:str}/retry", "/{message_id:str}/drop"], opt=_CHANGE)
    @inject
    async def ask(
        self,
        request: JsonRequest,
        message_id: FromPath[str],
        pages: FromDishka[Pages],
        show_mail: FromDishka[ShowMail],
    ) -> Response[Any]:
        """Say which mail it is and what will happen, with a form for the reason."""
        mail = await show_mail(request.user, MessageId(message_id))
        action = request.scope["path"].rpartition("/")[2]
        return _action_page(request, pages, Form(), action, mail=mail)

    @post("/{message_id:str}/retry", opt=_CHANGE)
    @inject
    async def retry(
        self,
        request: JsonRequest,
        message_id: FromPath[str],
        pages: FromDishka[Pages],
        show_mail: FromDishka[ShowMail],
        retry_mail: FromDishka[RetryMail],
    ) -> Response[Any]:
        return await _change(request, pages, show_mail, retry_mail, MessageId(message_id))

    @post("/{message_id:str}/drop", opt=_CHANGE)
    @inject
    async def drop(
        self,
        request: JsonRequest,
        message_id: FromPath[str],
        pages: FromDishka[Pages],
        show_mail: FromDishka[ShowMail],
        drop_mail: FromDishka[DropMail],
    ) -> Response[Any]:
        return await _change(request, pages, show_mail, drop_mail, MessageId(message_id))


async def _change(
    request: JsonRequest,
    pages: Pages,
    show_mail: ShowMail,
    change: RetryMail | DropMail,
    message_id: MessageId,
) -> Response[Any]:
    form = await read_form(request)
    is_drop = isinstance(change, DropMail)
    try:
        await change(request.user, message_id, context_of(request), form["reason"])
    except NotFound:
        return pages.redirect(request, f"{_MAIL}?done=gone")
    except InvalidInput as refused:
        form.problems = list(refused.problems)
        mail = await show_mail(request.user, message_id)
        return _action_page(request, pages, form, "drop" if is_drop else "retry", mail=mail)
    return pages.redirect(request, f"{_MAIL}?done={'dropped' if is_drop else 'retried'}")


def _action_page(
    request: JsonRequest,
    pages: Pages,
    form: Form,
    action: str,
    *,
    mail: Delivery | None = None,
    total: Total | None = None,
) -> Response[Any]:
    return pages.render(
        request,
        "admin/mail_action",
        form=form,
        action=action,
        mail=mail,
        total=total,
        path=f"{_MAIL}/{mail.message.id}/{action}" if mail else f"{_MAIL}/retry",
    )
