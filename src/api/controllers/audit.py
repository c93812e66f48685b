"""The audit log."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from dishka.integrations.litestar import FromDishka, inject
from litestar import Controller, get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from api.json_request import JsonRequest
from api.openapi.operations import ACCESS, failures
from api.schemas.audit import EventsAnswer, in_utc, named
from api.schemas.pages import After, PageSize
from api.security.guard import requires
from api.unknown_members import only_parameters
from application.audit_log import ListAuditEvents
from application.pagination import EventQuery
from domain.audit.event import EventType
from domain.errors import (
    InvalidInput,
    NotLoggedIn,
    PermissionMissing,
    TokenRejected,
    Unavailable,
)
from domain.outcome import Outcome
from domain.permissions import Permission
from domain.user import UserId


def _names(names: type[EventType] | type[Outcome]) -> str:
    return f"One of {', '.join(f'`{name}`' for name in names)}."


async def event_query(
    user: Annotated[
        UUID | None, QueryParameter(description="Only events about this user.")
    ] = None,
    actor: Annotated[
        UUID | None,
        QueryParameter(description="Only what this administrator did, to others or to keys."),
    ] = None,
    what: Annotated[str | None, QueryParameter(description=_names(EventType))] = None,
    outcome: Annotated[str | None, QueryParameter(description=_names(Outcome))] = None,
    since: Annotated[
        datetime | None, QueryParameter(description="Not before this time (RFC 3339).")
    ] = None,
    until: Annotated[datetime | None, QueryParameter(description="Before this time.")] = None,
) -> EventQuery:
    return EventQuery(
        UserId(user) if user else None,
        named("what", what, EventType) if what else None,
        named("outcome", outcome, Outcome) if outcome else None,
        in_utc(since),
        in_utc(until),
        UserId(actor) if actor else None,
    )


class AuditController(Controller):
    path = "/api/audit"
    tags = ["administration"]
    security = ACCESS

    @get(
        summary="List the audit log",
        opt=requires(Permission.READ_AUDIT),
        dependencies={"wanted": Provide(event_query)},
        before_request=only_parameters(
            "user", "actor", "what", "outcome", "since", "until", "after", "limit"
        ),
        responses=failures(
            InvalidInput, NotLoggedIn, TokenRejected, PermissionMissing, Unavailable
        ),
    )
    @inject
    async def list_audit_events(
        self,
        request: JsonRequest,
        list_events: FromDishka[ListAuditEvents],
        wanted: NamedDependency[EventQuery],
        after: After = None,
        limit: PageSize = 50,
    ) -> EventsAnswer:
        """List the audit log, the newest event first."""
        return EventsAnswer.of(await list_events(request.user, wanted, after, limit))
