"""Bodies of registration, login and tokens."""

from typing import Annotated, ClassVar, Literal, Self

from msgspec import UNSET, Meta, Struct, UnsetType, field

from api.schemas.members import NAME, EmailText, NewPasswordText, PasswordText, documented
from api.schemas.success import Success
from application.login.complete import TokenPair

Transport = Literal["cookie", "bearer"]
"""How a client gets its tokens."""


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
        Transport | UnsetType,
        Meta(
            description="`cookie`: the tokens are set as cookies only. `bearer`: they are in the "
            "body only, and the session may live longer, as configured. Without it, they are "
            "cookies, and the access token is in the body as well."
        ),
    ] = UNSET
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


class RefreshRequest(RefreshToken, kw_only=True):
    """The refresh token of a client that does not use cookies, or how to get the tokens."""

    transport: Annotated[
        Transport | UnsetType,
        Meta(
            description="`cookie`: leave the access token out of the body. A refresh token in the "
            "body is always answered in the body."
        ),
    ] = UNSET


class TokenAnswer(Struct, kw_only=True):
    """New tokens: with the `bearer` transport both, with `cookie` none. They are cookies then."""

    status: Success
    access_token: str | UnsetType = UNSET
    token_type: Literal["Bearer"] | UnsetType = UNSET
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
        cls, tokens: TokenPair, transport: Transport | None, device_token: str | None = None
    ) -> Self:
        """
        :param transport: ``None`` stands for cookies, and the access token in the body as well.
        """
        answer = cls(status="success", expires_in=tokens.access_lifetime)
        if transport != "cookie":
            answer.access_token, answer.token_type = tokens.access, "Bearer"
        if transport == "bearer":
            answer.refresh_token = tokens.refresh
        if device_token is not None:
            answer.device_token = device_token
        return answer
