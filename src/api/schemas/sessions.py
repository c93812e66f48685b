"""Bodies of sessions."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Self

from msgspec import Meta, Struct

from api.schemas.success import Success
from api.user_agent import in_words
from application.sessions.find import SessionWithActivity
from domain.session import SessionId


class SessionActivityView(Struct, rename="camel"):
    """A session that has not ended."""

    id: str
    device: Annotated[str, Meta(examples=["Firefox 128 on Linux"])]
    agent: Annotated[str, Meta(description="The User-Agent of the browser or program.")]
    address: Annotated[
        str, Meta(description="The address of its last activity.", examples=["192.0.2.1"])
    ]
    last_seen_at: Annotated[datetime, Meta(description="Accurate to a minute.")]
    started_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    ends_at: datetime
    is_current: Annotated[bool, Meta(description="Whether it is the session of this request.")]

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
    """The sessions."""

    sessions: list[SessionActivityView]


class SessionsAnswer(Struct):
    """All sessions of a user, the most recently active first."""

    status: Success
    data: SessionsData

    @classmethod
    def of(cls, sessions: Iterable[SessionWithActivity], current: SessionId | None = None) -> Self:
        views = [SessionActivityView.of(each, current) for each in sessions]
        return cls("success", SessionsData(views))
