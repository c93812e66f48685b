"""The audit log."""

from contextlib import suppress
from typing import Any

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from api.json_request import JsonRequest
from api.request_context import context_of
from api.schemas.audit import EventView
from api.web.admin.audit_export import FORMATS
from api.web.admin.audit_filter import AuditFilter, ReadAuditFilter
from api.web.controllers.base import PageController
from api.web.page import HEADERS, Pages, refreshed_cookies
from api.web.route_options import admin_page
from application.accounts.users import ShowUser
from application.audit_log import (
    ExportAuditLog,
    ListAuditEvents,
    ShowAuditEvent,
    ShowAuditLogState,
)
from application.pagination import Page
from application.ports import AuditLogState
from domain.actor import Principal
from domain.audit.event import KEPT_OUTCOMES, EventType, RecordedEvent
from domain.errors import NotFound, PermissionMissing
from domain.outcome import Outcome
from domain.permissions import Permission
from domain.user import UserId

_EVENTS = 25
"""On a page."""
_NOT_OFFERED = {
    EventType.AUTHENTICATE,
    EventType.READ_CREDENTIALS,
    EventType.USE_COOKIES,
    EventType.USE_PERMISSION,
    EventType.UNKNOWN,
}
"""The log keeps none of them, or those of another release, which take long to find."""

_OWN_SITES = {"same-origin", "none"}
"""Where a visit comes from (Fetch, ``Sec-Fetch-Site``): a page of this service, or its user."""


class AuditPages(PageController):
    path = "/admin/audit"
    opt = admin_page(Permission.READ_AUDIT)

    @get("/")
    @inject
    async def show_audit_log(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        read_filter: FromDishka[ReadAuditFilter],
        list_events: FromDishka[ListAuditEvents],
        show_state: FromDishka[ShowAuditLogState],
        after: FromQuery[str | None] = None,
    ) -> Response[Any]:
        wanted = await read_filter(request.user, request.query_params)
        page: Page[RecordedEvent] = Page([])
        if not wanted.form.problems:
            page = await list_events(request.user, wanted.query, after, _EVENTS)
        state = await show_state(request.user, [each.number for each in page.items])
        return _audit_page(request, pages, wanted, page, state, after)

    @get("/{number:int}")
    @inject
    async def show_event(
        self,
        request: JsonRequest,
        number: FromPath[int],
        pages: FromDishka[Pages],
        show_event: FromDishka[ShowAuditEvent],
        show_state: FromDishka[ShowAuditLogState],
        show_user: FromDishka[ShowUser],
    ) -> Response[Any]:
        recorded = await show_event(request.user, number)
        event = recorded.event
        state = await show_state(request.user, [number])
        return pages.render(
            request,
            "admin/event",
            each=EventView.of(recorded),
            user_address=await _address(show_user, request.user, event.user_id),
            actor_address=await _address(show_user, request.user, event.actor_id),
            is_broken=bool(state.broken),
            is_chained=bool(state.digest),
            first=state.first,
            last=state.last,
        )


async def _address(
    show_user: ShowUser, principal: Principal, user_id: UserId | None
) -> str | None:
    """Return the address of a user who is not deleted, if the visitor may read users."""
    if user_id is not None:
        with suppress(NotFound, PermissionMissing):
            return (await show_user(principal, user_id)).email.address
    return None


class AuditExports(PageController):
    path = "/admin"
    opt = admin_page(Permission.READ_AUDIT)

    @get([f"/audit.{ending}" for ending in FORMATS])
    @inject
    async def export_audit_log(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        read_filter: FromDishka[ReadAuditFilter],
        export_audit_log: FromDishka[ExportAuditLog],
    ) -> Response[Any]:
        """Send all events that match, of any number, as they are read.

        An export is recorded and counted, and a link of another site would start one.
        """
        wanted = await read_filter(request.user, request.query_params)
        is_foreign = request.headers.get("sec-fetch-site", "none") not in _OWN_SITES
        if wanted.form.problems or is_foreign:  # the page says them, and has a link
            return pages.redirect(request, f"/admin/audit{wanted.parameters()}")
        name = request.scope["path"].rpartition("/")[2]
        media_type, write = FORMATS[name.rpartition(".")[2]]
        events = await export_audit_log(request.user, wanted.query, context_of(request))
        return Stream(
            write(events),
            media_type=media_type,
            headers={**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'},
            cookies=refreshed_cookies(request),
        )


def _audit_page(
    request: JsonRequest,
    pages: Pages,
    wanted: AuditFilter,
    page: Page[RecordedEvent],
    state: AuditLogState,
    after: str | None,
) -> Response[Any]:
    texts = pages.texts(request)
    types = [
        (each.value, texts.of_event(each, Outcome.SUCCESS))
        for each in EventType
        if each not in _NOT_OFFERED
    ]
    outcomes = [(each.value, texts.of_outcome(each)) for each in Outcome if each in KEPT_OUTCOMES]
    return pages.render(
        request,
        "admin/audit",
        form=wanted.form,
        events=[EventView.of(each) for each in page.items],
        types=sorted(types, key=lambda each: each[1].casefold()),
        outcomes=outcomes,
        state=state,
        exports=[f"/admin/audit.{ending}{wanted.parameters()}" for ending in FORMATS],
        newest=f"/admin/audit{wanted.parameters()}" if after else None,
        older=f"/admin/audit{wanted.parameters(after=page.next)}" if page.next else None,
    )
