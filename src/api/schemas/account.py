"""The changes that users make to their own account, over the wire."""

from typing import Annotated

from msgspec import Meta, Struct


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


class PasswordConfirmation(Struct, kw_only=True):
    """The password, to show that it is the owner who wants it."""

    password: Annotated[str, Meta(examples=["correct horse battery staple"])]
