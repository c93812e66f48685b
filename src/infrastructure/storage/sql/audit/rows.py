"""Audit events as rows of ``audit_events``.

A row is text for years: this release also reads what earlier releases wrote, and shows as
``unknown`` what a later one wrote.
"""

from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, and_, true
from sqlalchemy.engine import RowMapping

from application.pagination import EventQuery
from domain.actor import actor_without_request
from domain.audit.details import Details, OtherDetails
from domain.audit.event import Event, EventType, RecordedEvent, read_details
from domain.audit.reason import split_reason
from domain.outcome import Outcome
from domain.request_context import RequestContext
from domain.session import SessionId
from domain.user import UserId
from infrastructure.storage.sql.tables import audit_events


def columns_of(event: Event) -> dict[str, Any]:
    """Return the columns that state the event, but for the address and the chain."""
    return {
        "id": event.id,
        "at": event.at,
        "what": event.type.value,
        "outcome": event.outcome.value,
        "user_id": event.user_id,
        "session_id": event.session_id,
        "actor_id": event.actor_id,
        "detail": event.recorded_detail,
        "request_id": event.request_id,
    }


def event_of(row: RowMapping) -> RecordedEvent:
    """Return the event of a row that this release or another one wrote."""
    operator_or_scheduler = actor_without_request(row["request_id"])
    request_id = "" if operator_or_scheduler else row["request_id"]
    detail, reason = split_reason(row["detail"])
    event = Event(
        id=row["id"],
        type=EventType(row["what"]),
        outcome=Outcome(row["outcome"]),
        at=row["at"],
        caller=RequestContext(row["address"] or "", request_id),
        user_id=UserId(row["user_id"]) if row["user_id"] else None,
        session_id=SessionId(row["session_id"]) if row["session_id"] else None,
        actor=UserId(row["actor_id"]) if row["actor_id"] else operator_or_scheduler,
        details=_details(row["what"], row["outcome"], detail),
        reason=reason,
    )
    return RecordedEvent(row["number"], event)


def _details(what: str, outcome: str, text: str) -> Details | None:
    """Of a type or an outcome that this release does not know, return the whole text."""
    event_type = EventType(what)
    if event_type is EventType.UNKNOWN or Outcome(outcome) is Outcome.UNKNOWN:
        return OtherDetails(" ".join(filter(None, (what, outcome, text))))
    return read_details(event_type, text)


def matching(query: EventQuery) -> ColumnElement[bool]:
    """Return the condition on the rows that a query asks for."""
    conditions: list[ColumnElement[bool]] = [true()]
    if query.user_id is not None:
        conditions.append(audit_events.c.user_id == query.user_id)
    if query.actor_id is not None:
        conditions.append(audit_events.c.actor_id == query.actor_id)
    if query.type is not None:
        conditions.append(_is_of_type(query.type))
    if query.outcome is not None:
        conditions.append(_ended_with(query.outcome))
    if query.since is not None:
        conditions.append(audit_events.c.at >= query.since)
    if query.until is not None:
        conditions.append(audit_events.c.at < query.until)
    return and_(*conditions)


def _is_of_type(event_type: EventType) -> ColumnElement[bool]:
    if event_type is EventType.UNKNOWN:
        return audit_events.c.what.not_in(sorted(set(EventType) - {event_type}))
    return audit_events.c.what == event_type.value


def _ended_with(outcome: Outcome) -> ColumnElement[bool]:
    if outcome is Outcome.UNKNOWN:
        known = set(Outcome) - {outcome}
        names = chain.from_iterable(each.recorded_names for each in known)
        return audit_events.c.outcome.not_in(sorted(names))
    return audit_events.c.outcome.in_(sorted(outcome.recorded_names))
