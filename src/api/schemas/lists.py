"""What goes over the wire where there are many: sessions, users, recorded events."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from litestar.params import QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from api.schemas.users import Success, UserView
from api.user_agent import in_words
from application.ports.pagination import Page, Total
from application.sessions import SessionWithActivity
from domain.audit_event import RecordedEvent
from domain.errors import InvalidInput, Problem
from domain.session import SessionId
from domain.text import is_clean
from domain.user import User, UserId

After = Annotated[
    str | None, QueryParameter(description="`next` of the page before; without it the first page.")
]
PageSize = Annotated[int, QueryParameter(ge=1, le=200, description="How many on a page.")]

_LONGEST = 255


def searched(field: str, text: str | None) -> str | None:
    """
    :raises InvalidInput: nothing that could be found has such characters, or is so long.
    """
    if text is not None and (len(text) > _LONGEST or not is_clean(text)):
        raise InvalidInput(Problem(field, "cannot be searched for"))
    return text


class SessionActivityView(Struct, rename="camel"):
    """A login that has not ended."""

    id: str
    device: Annotated[str, Meta(examples=["Firefox 128 on Linux"])]
    agent: Annotated[str, Meta(description="What the browser or program calls itself.")]
    address: Annotated[str, Meta(description="Where it was last seen.", examples=["192.0.2.1"])]
    last_seen_at: Annotated[datetime, Meta(description="Give or take a minute.")]
    started_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    ends_at: datetime
    is_current: Annotated[bool, Meta(description="Whether it is the one that asks.")]

    @classmethod
    def of(cls, seen: SessionWithActivity, current: SessionId | None) -> Self:
        session, activity = seen.session, seen.activity
        return cls(
            id=session.id,
            device=in_words(activity.agent if activity else ""),
            agent=activity.agent if activity else "",
            address=activity.address if activity else "",
            last_seen_at=seen.last_seen_at.astimezone(UTC),
            started_at=session.started_at.astimezone(UTC),
            refreshed_at=session.rotated_at.astimezone(UTC),
            expires_at=session.expires_at.astimezone(UTC),
            ends_at=session.ends_at.astimezone(UTC),
            is_current=session.id == current,
        )


class SessionsData(Struct):
    sessions: list[SessionActivityView]


class SessionsAnswer(Struct):
    """All sessions of a user, the one last seen first."""

    status: Success
    data: SessionsData

    @classmethod
    def of(cls, sessions: Iterable[SessionWithActivity], current: SessionId | None = None) -> Self:
        views = [SessionActivityView.of(each, current) for each in sessions]
        return cls("success", SessionsData(views))


class PageView(Struct, rename="camel"):
    """Where in a long list this is."""

    next: Annotated[
        str | None, Meta(description="For `after`, to get the next page; null on the last one.")
    ]
    total: Annotated[
        int | UnsetType, Meta(description="How many there are on all pages; with the first page.")
    ] = UNSET
    total_is_exact: Annotated[
        bool | UnsetType, Meta(description="Whether they were counted, or else estimated.")
    ] = UNSET

    @classmethod
    def of(cls, page: Page[Any], total: Total | None = None) -> Self:
        if total is None:
            return cls(page.next)
        return cls(page.next, total.count, total.is_exact)


class AccountView(UserView):
    """A user, as administrators see them."""

    disabled: bool = False

    @classmethod
    def of(cls, user: User) -> Self:
        view = super().of(user)
        view.disabled = user.disabled
        return view


class AccountData(Struct):
    user: AccountView


class AccountAnswer(Struct):
    """One user, as administrators see them."""

    status: Success
    data: AccountData

    @classmethod
    def of(cls, user: User) -> Self:
        return cls("success", AccountData(AccountView.of(user)))


class AccountsData(Struct):
    users: list[AccountView]


class AccountsAnswer(Struct):
    """A page of users."""

    status: Success
    data: AccountsData
    page: PageView

    @classmethod
    def of(cls, page: Page[User], total: Total | None) -> Self:
        views = [AccountView.of(user) for user in page.items]
        return cls("success", AccountsData(views), PageView.of(page, total))


class ActivityView(Struct, rename="camel"):
    """What has happened to an account."""

    at: datetime
    what: Annotated[str, Meta(examples=["login"])]
    outcome: Annotated[str, Meta(examples=["success", "InvalidCredentials"])]
    detail: str
    session_id: str | None
    address: Annotated[str, Meta(description="Of whoever did it, unless an administrator did.")]
    by_administrator: bool

    @classmethod
    def of(cls, recorded: RecordedEvent) -> Self:
        event = recorded.event
        return cls(
            at=event.at.astimezone(UTC),
            what=event.what,
            outcome=event.outcome,
            detail=event.detail,
            session_id=event.session_id,
            address="" if event.is_by_another else event.caller.address,
            by_administrator=event.is_by_another,
        )


class ActivityData(Struct):
    events: list[ActivityView]


class ActivityAnswer(Struct):
    """A page of what has happened to an account, the newest first."""

    status: Success
    data: ActivityData
    page: PageView

    @classmethod
    def of(cls, page: Page[RecordedEvent]) -> Self:
        views = [ActivityView.of(each) for each in page.items]
        return cls("success", ActivityData(views), PageView.of(page))


class EventView(Struct, rename="camel"):
    """A record of the audit log."""

    number: Annotated[int, Meta(description="Its place in the audit log.")]
    at: datetime
    what: Annotated[str, Meta(examples=["login"])]
    outcome: Annotated[str, Meta(examples=["success", "InvalidCredentials"])]
    detail: str
    user_id: Annotated[UserId | None, Meta(description="Whom it is about.")]
    actor_id: Annotated[UserId | None, Meta(description="Who did it, if it was somebody else.")]
    session_id: str | None
    address: Annotated[str, Meta(description="Of whoever did it; forgotten with the account.")]
    request_id: str

    @classmethod
    def of(cls, recorded: RecordedEvent) -> Self:
        event = recorded.event
        return cls(
            number=recorded.number,
            at=event.at.astimezone(UTC),
            what=event.what,
            outcome=event.outcome,
            detail=event.detail,
            user_id=event.user_id,
            actor_id=event.actor_id,
            session_id=event.session_id,
            address=event.caller.address,
            request_id=event.caller.request_id,
        )


class EventsData(Struct):
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
