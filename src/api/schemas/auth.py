"""Bodies of registration, login and tokens."""

from typing import Annotated, ClassVar, Literal, Self

from msgspec import UNSET, Meta, Struct, UnsetType, field

from api.schemas.members import NAME, EmailText, NewPasswordText, PasswordText, documented
from api.schemas.success import Success
from application.authentication import TokenPair


class Registration(Struct, kw_only=True):
    """A new user. Members that are not listed here are ignored."""

    UNDOCUMENTED: ClassVar = frozenset({"passwordConfirm"})
    """Read from clients of the tutorial's server. Generated code cannot have both names."""

    name: Annotated[str, NAME]
    email: EmailText
    password: NewPasswordText
    password_confirm: Annotated[
        str | None, documented("If sent, it must equal the password.", "a better one than before")
    ] = None
    password_confirm_camel: str | None = field(default=None, name="passwordConfirm")


class LoginRequest(Struct, kw_only=True):
    """An address and a password for two tokens."""

    email: EmailText
    password: PasswordText
    transport: Annotated[
        Literal["cookie", "bearer"],
        Meta(description="`cookie`: the tokens are set as cookies. `bearer`: in the body only."),
    ] = "cookie"
    device_token: Annotated[
        str | None,
        Meta(
            description="From an earlier login with `bearer` transport. It keeps guesses of "
            "others from locking this client out. Browsers have a cookie instead."
        ),
    ] = None


class RefreshToken(Struct, kw_only=True):
    """The refresh token of a client that does not use cookies."""

    MISSPELLINGS: ClassVar = frozenset({"refreshToken", "RefreshToken", "refreshtoken"})
    """Refused: if they were ignored, the call would use the cookie, or none."""

    refresh_token: Annotated[
        str | None, Meta(description="From the login or the last refresh.")
    ] = None


class TokenAnswer(Struct):
    """An access token, and with `bearer` transport the refresh token."""

    status: Success
    access_token: str
    token_type: Literal["Bearer"]
    expires_in: Annotated[int, Meta(description="Seconds until the access token expires.")]
    refresh_token: str | UnsetType = UNSET
    device_token: Annotated[
        str | UnsetType,
        Meta(
            description="Of a login with `bearer` transport: store it, and send it with the next "
            "login. It is valid until the password changes, and no credential."
        ),
    ] = UNSET

    @classmethod
    def of(
        cls, tokens: TokenPair, *, with_refresh_token: bool, device_token: str | UnsetType = UNSET
    ) -> Self:
        return cls(
            "success",
            tokens.access,
            "Bearer",
            tokens.access_lifetime,
            tokens.refresh if with_refresh_token else UNSET,
            device_token,
        )
