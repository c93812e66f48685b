"""Bodies of changes to one's own account."""

from typing import Annotated

from msgspec import Meta

from api.unknown_members import StrictBody


class PasswordChange(StrictBody):
    """A new password, and the current one as proof of ownership."""

    current_password: Annotated[str, Meta(examples=["correct horse battery staple"])]
    new_password: Annotated[
        str, Meta(description="8 to 256 characters", examples=["a better one than before"])
    ]


class ProfileChange(StrictBody):
    """The members to change; omitted members stay as they are."""

    name: Annotated[str | None, Meta(description="1 to 100 characters", examples=["Ada King"])] = (
        None
    )
    photo: Annotated[
        str | None,
        Meta(description="A file name or an http(s) URL", examples=["ada.png"]),
    ] = None


class PasswordConfirmation(StrictBody):
    """The password, as proof of ownership."""

    password: Annotated[str, Meta(examples=["correct horse battery staple"])]
