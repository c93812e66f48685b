"""Users, over the wire."""

from datetime import UTC, datetime
from typing import Annotated, Self
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from api.schemas.members import LOCALE, NAME, EmailText, documented
from api.schemas.pages import PageView
from api.schemas.reason import ReasonText
from api.schemas.success import Success
from api.unknown_members import StrictBody
from application.accounts.invitation import Invitee
from application.pagination import Page, Total
from domain.permissions import Role
from domain.user import User


class UserView(Struct, rename="camel"):
    """A user."""

    id: UUID
    name: str
    email: Annotated[str, documented("The address as typed.", format="idn-email")]
    role: Annotated[str, documented("`user`, `auditor` or `admin`.", "user")]
    photo: Annotated[str, documented("A file name or an http(s) URL.", "default.png")]
    verified: Annotated[bool, Meta(description="Whether the address is known to be the user's.")]
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
    """The user."""

    user: UserView
    locale: Annotated[
        str | UnsetType,
        documented("The language of mails, if it is known; a tag (RFC 5646).", "en"),
    ] = UNSET

    @classmethod
    def of(cls, user: User) -> Self:
        return cls(UserView.of(user), user.locale or UNSET)


class UserAnswer(Struct):
    """One user."""

    status: Success
    data: UserData

    @classmethod
    def of(cls, user: User) -> Self:
        return cls("success", UserData.of(user))


class AccountView(UserView):
    """A user, as administrators see them."""

    disabled: bool = False
    has_second_factor: Annotated[
        bool, Meta(description="Whether a login needs more than the password.")
    ] = False

    @classmethod
    def of(cls, user: User) -> Self:
        view = super().of(user)
        view.disabled = user.disabled
        view.has_second_factor = user.has_second_factor
        return view


class AccountData(Struct):
    """The user, as administrators see them."""

    user: AccountView


class AccountAnswer(Struct):
    """One user, as administrators see them."""

    status: Success
    data: AccountData

    @classmethod
    def of(cls, user: User) -> Self:
        return cls("success", AccountData(AccountView.of(user)))


class AccountsData(Struct):
    """The users of this page."""

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


class NewUser(StrictBody):
    """A user who is invited by mail, and chooses the password there."""

    name: Annotated[str, NAME]
    email: EmailText
    role: Annotated[Role, Meta(examples=["user"])] = Role.USER
    locale: Annotated[str | None, LOCALE] = None
    reason: ReasonText = None

    def invitee(self) -> Invitee:
        return Invitee(self.name, self.email, self.role, self.locale)


class UserChange(StrictBody):
    """The members to change; omitted members stay. Administrators cannot set a password."""

    role: Annotated[Role | None, Meta(examples=["admin"])] = None
    disabled: Annotated[
        bool | None, Meta(description="Disabled users cannot log in, and their sessions end.")
    ] = None
    reason: ReasonText = None
