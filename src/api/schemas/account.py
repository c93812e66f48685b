"""Bodies of changes to one's own account."""

from typing import Annotated

from msgspec import Meta

from api.schemas.members import (
    LOCALE,
    NAME,
    PHOTO,
    EmailText,
    NewPasswordText,
    PasswordText,
)
from api.unknown_members import StrictBody


class PasswordChange(StrictBody):
    """A new password, and the current one as proof of ownership."""

    current_password: PasswordText
    new_password: NewPasswordText


class ProfileChange(StrictBody):
    """The members to change; omitted members stay as they are."""

    name: Annotated[str | None, NAME] = None
    photo: Annotated[str | None, PHOTO] = None
    locale: Annotated[str | None, LOCALE] = None


class EmailChange(StrictBody):
    """The new address, and the password as proof of ownership."""

    email: EmailText
    password: PasswordText
    link_target: Annotated[
        str | None,
        Meta(
            description="The page that the link leads to: exactly one of `LINK_TARGETS`. Without "
            "it, `VERIFY_URL`."
        ),
    ] = None


class PasswordConfirmation(StrictBody):
    """The password, as proof of ownership."""

    password: PasswordText
