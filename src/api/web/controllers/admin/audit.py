"""The audit log."""

from typing import Any

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get
from litestar.params import FromQuery

from api.json_request import JsonRequest
from api.schemas.audit import EventView
from api.web.audit_filter import AuditFilter, ReadAuditFilter
from api.web.controllers.base import PageController
from api.web.page import Pages
from api.web.route_options import admin_page
from application.audit_log import ListAuditEvents
from application.pagination import Page
from domain.audit.event import KEPT_OUTCOMES, EventType, RecordedEvent
from domain.outcome import Outcome
from domain.permissions import Permission

_EVENTS = 50
"""On a page."""


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
        after: FromQuery[str | None] = None,
    ) -> Response[Any]:
        wanted = await read_filter(request.user, request.query_params)
        page: Page[RecordedEvent] = Page([])
        if not wanted.form.problems:
            page = await list_events(request.user, wanted.query, after, _EVENTS)
        return _audit_page(request, pages, wanted, page, after)


def _audit_page(
    request: JsonRequest,
    pages: Pages,
    wanted: AuditFilter,
    page: Page[RecordedEvent],
    after: str | None,
) -> Response[Any]:
    texts = pages.texts(request)
    types = [(each.value, texts.of_event(each, Outcome.SUCCESS)) for each in EventType]
    outcomes = [(each.value, texts.of_outcome(each)) for each in Outcome if each in KEPT_OUTCOMES]
    return pages.render(
        request,
        "admin/audit",
        form=wanted.form,
        status=400 if wanted.form.problems else 200,
        events=[EventView.of(each) for each in page.items],
        types=sorted(types, key=lambda each: each[1].casefold()),
        outcomes=outcomes,
        newest=f"/admin/audit{wanted.parameters()}" if after else None,
        older=f"/admin/audit{wanted.parameters(after=page.next)}" if page.next else None,
    )
