"""Bodies about passkeys: logins, the passkeys of a user, and new ones."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Self
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from api.schemas.auth import TokenAnswer, Transport
from api.schemas.members import documented
from api.schemas.second_factors.credentials import (
    AssertionCredential,
    RegistrationCredential,
    encode,
)
from api.schemas.success import Success
from api.unknown_members import StrictBody
from domain.second_factors.passkey import PASSKEY_NAME_LENGTH, Passkey


class PasskeyLogin(StrictBody):
    """A passkey for two tokens."""

    credential: AssertionCredential
    transport: Annotated[
        Transport | UnsetType, Meta(description="As in a login with the password.")
    ] = UNSET
    device_token: Annotated[str | None, Meta(description="As in a login with the password.")] = (
        None
    )


_NAME = documented(
    "How I call it; by default the model of the authenticator.",
    "My phone",
    min_length=1,
    max_length=PASSKEY_NAME_LENGTH,
)


class NewPasskey(StrictBody):
    """A passkey that an authenticator has made for me."""

    credential: RegistrationCredential
    name: Annotated[str | None, _NAME] = None


class PasskeyName(StrictBody):
    """The new name of a passkey."""

    name: Annotated[str, _NAME]


class PasskeyView(Struct, rename="camel"):
    """A passkey."""

    id: Annotated[str, Meta(description="For the routes of this API.")]
    credential_id: Annotated[
        str, Meta(description="In base64url, as browsers and authenticators know it.")
    ]
    name: str
    aaguid: Annotated[UUID, Meta(description="The model of the authenticator, as it says.")]
    transports: list[str]
    synced: Annotated[
        bool, Meta(description="Whether it is backed up, and so on several devices, perhaps.")
    ]
    rp_id: Annotated[str, Meta(description="The domain for which it works.")]
    created_at: datetime
    last_used_at: datetime | None

    @classmethod
    def of(cls, passkey: Passkey) -> Self:
        credential, used = passkey.credential, passkey.last_used_at
        return cls(
            id=passkey.id,
            credential_id=encode(credential.id),
            name=passkey.name,
            aaguid=credential.aaguid,
            transports=list(credential.transports),
            synced=credential.backed_up,
            rp_id=passkey.rp_id,
            created_at=passkey.created_at.astimezone(UTC),
            last_used_at=used and used.astimezone(UTC),
        )


class PasskeyData(Struct):
    """The passkey."""

    passkey: PasskeyView


class PasskeyAnswer(Struct):
    """One passkey."""

    status: Success
    data: PasskeyData

    @classmethod
    def of(cls, passkey: Passkey) -> Self:
        return cls("success", PasskeyData(PasskeyView.of(passkey)))


class PasskeysData(Struct):
    """The passkeys."""

    passkeys: list[PasskeyView]


class PasskeysAnswer(Struct):
    """All passkeys of a user, the oldest first."""

    status: Success
    data: PasskeysData

    @classmethod
    def of(cls, passkeys: Iterable[Passkey]) -> Self:
        return cls("success", PasskeysData([PasskeyView.of(each) for each in passkeys]))


class AddedPasskeyAnswer(TokenAnswer, kw_only=True):
    """The new passkey, and the tokens of the session in place of the present one."""

    data: PasskeyData
    recovery_codes: Annotated[
        list[str],
        Meta(
            description="With the first factor: ten codes, each good once in place of another "
            "second factor. They are shown only here."
        ),
    ]

    @classmethod
    def with_passkey(cls, tokens: TokenAnswer, passkey: Passkey, codes: Iterable[str]) -> Self:
        data = PasskeyData(PasskeyView.of(passkey))
        return cls(data=data, recovery_codes=list(codes), **structs.asdict(tokens))
