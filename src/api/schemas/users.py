"""Users, over the wire."""

from datetime import UTC, datetime
from typing import Annotated, Self
from uuid import UUID

from msgspec import Meta, Struct

from api.schemas.pages import PageView
from api.schemas.success import Success
from api.unknown_members import StrictBody
from application.pagination import Page, Total
from domain.permissions import Role
from domain.user import User


class UserView(Struct, rename="camel"):
    """A user, as everybody may see them who may see them at all."""

    id: UUID
    name: str
    email: str
    role: str
    photo: str
    verified: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, user: User) -> Self:
        return cls(
            id=user.id,
            name=user.name,
            email=user.email.address,
            role=user.role.value,
            photo=user.photo,
            verified=user.verified,
            created_at=user.created_at.astimezone(UTC),
            updated_at=user.updated_at.astimezone(UTC),
        )


class UserData(Struct):
    user: UserView


class UserAnswer(Struct):
    """Return one user."""

    status: Success
    data: UserData

    @classmethod
    def of(cls, user: User) -> Self:
        return cls("success", UserData(UserView.of(user)))


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


class UserChange(StrictBody):
    """The members to change; omitted members stay. A password cannot be set."""

    role: Annotated[Role | None, Meta(examples=["admin"])] = None
    disabled: Annotated[
        bool | None, Meta(description="Who is disabled cannot log in, and all sessions end.")
    ] = None
