"""Bodies of changes to one's own account."""

from typing import Annotated

from msgspec import Meta

from api.schemas.members import (
    LOCALE,
    NAME,
    PHOTO,
    EmailText,
    NewPasswordText,
    documented,
)
from api.unknown_members import StrictBody
from domain.passwords.password import LONGEST_IN_CHARACTERS

OptionalPassword = Annotated[
    str | None,
    documented(
        "The password. It counts as a step-up for this one call, if there is no second factor. "
        "Without it, the session has to be stepped up.",
        "correct horse battery staple",
        max_length=LONGEST_IN_CHARACTERS,
    ),
]


class PasswordChange(StrictBody, kw_only=True):
    """A new password, and the current one as proof of ownership, unless I have stepped up."""

    current_password: OptionalPassword = None
    new_password: NewPasswordText


class ProfileChange(StrictBody):
    """The members to change; omitted members stay as they are."""

    name: Annotated[str | None, NAME] = None
    photo: Annotated[str | None, PHOTO] = None
    locale: Annotated[str | None, LOCALE] = None


class EmailChange(StrictBody):
    """The new address, and the password as proof of ownership, unless I have stepped up."""

    email: EmailText
    password: OptionalPassword = None
    link_target: Annotated[
        str | None,
        Meta(
            description="The page that the link leads to: exactly one of `LINK_TARGETS`. Without "
            "it, `VERIFY_URL`."
        ),
    ] = None


class PasswordConfirmation(StrictBody):
    """The password, as proof of ownership, unless I have stepped up."""

    password: OptionalPassword = None
