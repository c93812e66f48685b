"""Bodies of the proof of an address."""

from typing import Annotated, Self

from msgspec import Meta, Struct

from api.schemas.members import EmailText, PasswordText
from api.schemas.success import Success
from api.unknown_members import StrictBody


class VerificationRequest(StrictBody):
    """The address that gets a mail with a link, if it is one of a user and not proven yet."""

    email: EmailText
    link_target: Annotated[
        str | None,
        Meta(description="The page that the link leads to: one of the operator's `LINK_TARGETS`."),
    ] = None


class EmailProof(StrictBody):
    """The token of the link, and the account's password if the client has no cookie of it."""

    token: Annotated[str, Meta(description="From the fragment of the link: `#token=…`.")]
    password: PasswordText | None = None


class VerifiedData(Struct):
    """What the user has to do next."""

    new_password_needed: Annotated[
        bool,
        Meta(
            description="Whether the password of the registration was dropped, and a mail with a "
            "link for a new one is on its way."
        ),
    ]


class VerifiedAnswer(Struct):
    """The address is proven."""

    status: Success
    data: VerifiedData

    @classmethod
    def of(cls, *, keeps_password: bool) -> Self:
        return cls("success", VerifiedData(not keeps_password))
