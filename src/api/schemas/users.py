"""What goes over the wire. These shapes are a promise to clients."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType, field

from application.authentication import TokenPair
from domain.permissions import Role
from domain.user import User

Success = Literal["success"]


class Registration(Struct, kw_only=True):
    """Somebody new. Members that are not listed here are ignored."""

    name: Annotated[str, Meta(description="1 to 100 characters", examples=["Ada Lovelace"])]
    email: Annotated[str, Meta(examples=["ada@example.com"])]
    password: Annotated[
        str, Meta(description="8 to 256 characters", examples=["correct horse battery staple"])
    ]
    password_confirm: Annotated[
        str | None,
        Meta(
            description="If sent, it must equal the password.",
            examples=["correct horse battery staple"],
        ),
    ] = None
    password_confirm_camel: Annotated[
        str | None,
        Meta(
            description="The same, spelled as some clients do.",
            examples=["correct horse battery staple"],
        ),
    ] = field(default=None, name="passwordConfirm")


class LoginRequest(Struct, kw_only=True):
    """An address and a password for two tokens."""

    email: Annotated[str, Meta(examples=["ada@example.com"])]
    password: Annotated[str, Meta(examples=["correct horse battery staple"])]
    transport: Annotated[
        Literal["cookie", "bearer"],
        Meta(description="`cookie`: the tokens come as cookies. `bearer`: in the body only."),
    ] = "cookie"


class PasswordChange(Struct, kw_only=True):
    """A new password, and the current one to show that it is the owner who wants it."""

    current_password: Annotated[str, Meta(examples=["correct horse battery staple"])]
    new_password: Annotated[
        str, Meta(description="8 to 256 characters", examples=["a better one than before"])
    ]


class ProfileChange(Struct, kw_only=True):
    """What is to change; what is not sent stays."""

    name: Annotated[str | None, Meta(description="1 to 100 characters", examples=["Ada King"])] = (
        None
    )
    photo: Annotated[
        str | None,
        Meta(description="A file name or an http(s) URL", examples=["ada.png"]),
    ] = None


class UserChange(Struct, kw_only=True):
    """What is to change; what is not sent stays. There is no way to set somebody's password."""

    role: Annotated[Role | None, Meta(examples=["admin"])] = None
    disabled: Annotated[
        bool | None, Meta(description="Who is disabled cannot log in, and all sessions end.")
    ] = None


class PasswordConfirmation(Struct, kw_only=True):
    """The password, to show that it is the owner who wants it."""

    password: Annotated[str, Meta(examples=["correct horse battery staple"])]


class RefreshToken(Struct, kw_only=True):
    """The refresh token of a client that does not use cookies."""

    refresh_token: Annotated[
        str | None, Meta(description="From the login or the last refresh.")
    ] = None


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
    """One user."""

    status: Success
    data: UserData

    @classmethod
    def of(cls, user: User) -> Self:
        return cls("success", UserData(UserView.of(user)))


class TokenAnswer(Struct):
    """An access token, and the refresh token where there is no cookie to hold it."""

    status: Success
    access_token: str
    token_type: Literal["Bearer"]
    expires_in: Annotated[int, Meta(description="Seconds until the access token expires.")]
    refresh_token: str | UnsetType = UNSET

    @classmethod
    def of(cls, tokens: TokenPair, *, with_refresh_token: bool) -> Self:
        return cls(
            "success",
            tokens.access,
            "Bearer",
            tokens.access_lifetime,
            tokens.refresh if with_refresh_token else UNSET,
        )


class Done(Struct):
    """It is done."""

    status: Success


class Greeting(Struct):
    """The service is there."""

    status: Success
    message: str


Check = Literal["up", "down", "ending"]


class Readiness(Struct):
    """Whether each part answers. ``server`` is there once it is ending."""

    status: Literal["success", "error"]
    checks: dict[str, Check]


class KeySet(Struct):
    """Public keys, as JWKs."""

    keys: list[dict[str, str]]


class FieldProblem(Struct):
    field: str
    message: str


class Failure(Struct, omit_defaults=True):
    """Why not. ``code`` is stable; ``errors`` is there when the input was invalid."""

    status: Literal["fail", "error"]
    message: str
    code: str
    errors: list[FieldProblem] | UnsetType = UNSET


class ProblemDetails(Struct, omit_defaults=True):
    """The same facts as RFC 9457, for clients that accept ``application/problem+json``."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldProblem] | UnsetType = UNSET
