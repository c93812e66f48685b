"""What goes over the wire when somebody takes their data along."""

from typing import Self

from msgspec import Struct

from api.schemas.lists import ActivityView, SessionActivityView
from api.schemas.users import Success, UserView
from application.account import Export
from domain.session import SessionId


class ExportData(Struct):
    user: UserView
    sessions: list[SessionActivityView]
    events: list[ActivityView]


class ExportAnswer(Struct):
    """All that is held about a user, but the hash of the password."""

    status: Success
    data: ExportData

    @classmethod
    def of(cls, export: Export, current: SessionId) -> Self:
        data = ExportData(
            UserView.of(export.user),
            [SessionActivityView.of(each, current) for each in export.sessions],
            [ActivityView.of(each) for each in export.events],
        )
        return cls("success", data)
