"""Bodies of recorded events, and the values of their filters."""

from datetime import UTC, datetime
from typing import Annotated, Self, TypeVar

from msgspec import Meta, Struct

from api.schemas.pages import PageView
from api.schemas.success import Success
from application.pagination import Page
from domain.audit.event import EventType, RecordedEvent
from domain.errors import InvalidInput, Problem
from domain.outcome import Outcome
from domain.user import UserId

_Name = TypeVar("_Name", EventType, Outcome)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class ActivityView(Struct, rename="camel"):
    """An event of an account."""

    at: datetime
    what: Annotated[str, Meta(examples=["login"])]
    outcome: Annotated[str, Meta(examples=["success", "invalid_credentials"])]
    detail: str
    session_id: str | None
    address: Annotated[str, Meta(description="Of the actor, unless it was an administrator.")]
    by_administrator: bool

    @classmethod
    def of(cls, recorded: RecordedEvent) -> Self:
        event = recorded.event
        return cls(
            at=event.at.astimezone(UTC),
            what=event.type.value,
            outcome=event.outcome.value,
            detail=event.detail,
            session_id=event.session_id,
            address="" if event.is_by_another else event.caller.address,
            by_administrator=event.is_by_another,
        )


class ActivityData(Struct):
    """The events of this page."""

    events: list[ActivityView]


class ActivityAnswer(Struct):
    """A page of the events of an account, the newest first."""

    status: Success
    data: ActivityData
    page: PageView

    @classmethod
    def of(cls, page: Page[RecordedEvent]) -> Self:
        views = [ActivityView.of(each) for each in page.items]
        return cls("success", ActivityData(views), PageView.of(page))


class EventView(Struct, rename="camel"):
    """A record of the audit log."""

    number: Annotated[int, Meta(description="Its sequence number in the audit log.")]
    at: datetime
    what: Annotated[str, Meta(examples=["login"])]
    outcome: Annotated[str, Meta(examples=["success", "invalid_credentials"])]
    detail: Annotated[
        str,
        Meta(
            description="Details, and behind `reason: ` why an administrator did it.",
            examples=["disabled; reason: asked by phone"],
        ),
    ]
    user_id: Annotated[UserId | None, Meta(description="The user whom the event is about.")]
    actor_id: Annotated[
        UserId | None, Meta(description="The administrator who acted, if another user.")
    ]
    session_id: str | None
    address: Annotated[str, Meta(description="Of the actor; deleted with the account.")]
    request_id: str

    @classmethod
    def of(cls, recorded: RecordedEvent) -> Self:
        event = recorded.event
        return cls(
            number=recorded.number,
            at=event.at.astimezone(UTC),
            what=event.type.value,
            outcome=event.outcome.value,
            detail=event.recorded_detail,
            user_id=event.user_id,
            actor_id=event.actor_id,
            session_id=event.session_id,
            address=event.caller.address,
            request_id=event.request_id,
        )


class EventsData(Struct):
    """The events of this page."""

    events: list[EventView]


class EventsAnswer(Struct):
    """A page of the audit log, the newest first."""

    status: Success
    data: EventsData
    page: PageView

    @classmethod
    def of(cls, page: Page[RecordedEvent]) -> Self:
        views = [EventView.of(each) for each in page.items]
        return cls("success", EventsData(views), PageView.of(page))


def named(field: str, text: str, names: type[_Name]) -> _Name:
    """Read the name of an event or an outcome, as published now or by an earlier release.

    :raises InvalidInput: there is no such name: a typo would otherwise find nothing, in silence.
    """
    name = names(text)
    if name is names.UNKNOWN and text != name:
        raise InvalidInput(Problem(field, f"must be one of {', '.join(names)}"))
    return name


def in_utc(time: datetime | None) -> datetime | None:
    """Convert to UTC; a time without a zone is UTC. Clamp to what a calendar can hold."""
    if time is None or time.tzinfo is None:
        return time and time.replace(tzinfo=UTC)
    try:
        return time.astimezone(UTC)
    except OverflowError:
        return _FIRST if time.year < 2000 else _LAST
