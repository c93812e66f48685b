"""Bodies of changes to one's own account."""

from typing import Annotated

from api.schemas.members import LOCALE, NAME, PHOTO, NewPasswordText, PasswordText
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


class PasswordConfirmation(StrictBody):
    """The password, as proof of ownership."""

    password: PasswordText
