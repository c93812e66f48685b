"""Body of the export of one's own data."""

from typing import Self

from msgspec import Struct

from api.schemas.audit import ActivityView
from api.schemas.second_factors.factors import FactorsView
from api.schemas.second_factors.passkeys import PasskeyView
from api.schemas.sessions import SessionActivityView
from api.schemas.social_login import IdentityView
from api.schemas.success import Success
from api.schemas.users import UserView
from application.accounts.account import Export
from domain.session import SessionId


class ExportData(Struct):
    """The account, its second factors, passkeys and identities, its sessions and its events."""

    user: UserView
    locale: str | None
    second_factors: FactorsView
    passkeys: list[PasskeyView]
    identities: list[IdentityView]
    sessions: list[SessionActivityView]
    events: list[ActivityView]


class ExportAnswer(Struct):
    """All data stored about a user, except the hash of the password and other secrets."""

    status: Success
    data: ExportData

    @classmethod
    def of(cls, export: Export, current: SessionId) -> Self:
        data = ExportData(
            UserView.of(export.user),
            export.user.locale,
            FactorsView.of(export.factors),
            [PasskeyView.of(each) for each in export.factors.passkeys],
            [IdentityView.of(each) for each in export.identities],
            [SessionActivityView.of(each, current) for each in export.sessions],
            [ActivityView.of(each) for each in export.events],
        )
        return cls("success", data)
