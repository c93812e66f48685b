"""What browsers are asked for, and answer, about passkeys (Web Authentication, Level 3).

A page gives ``options`` to ``PublicKeyCredential.parseCreationOptionsFromJSON()`` or
``parseRequestOptionsFromJSON()``, and sends the ``toJSON()`` of the credential.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Literal, Self

from msgspec import Meta, Struct, field

from api.schemas.members import documented
from api.schemas.success import Success
from application.enrolment.passkeys import RegistrationOptions
from application.login.passkey import AssertionOptions
from application.ports import Assertion, Registration
from domain.errors import PasskeyInvalid
from domain.second_factors.passkey import (
    LONGEST_CREDENTIAL_ID,
    TIMEOUT,
    Algorithm,
    Passkey,
    parse_transports,
)

Kind = Literal["public-key"]
_KIND: Kind = "public-key"
_TIMEOUT = int(TIMEOUT.total_seconds() * 1000)
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
Base64Url = Annotated[str, Meta(description="In base64url without padding.")]
CredentialId = Annotated[
    str, documented("In base64url.", max_length=-(-LONGEST_CREDENTIAL_ID * 4 // 3))
]


def encode(octets: bytes) -> str:
    """Return the text as browsers write it: base64url without padding."""
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """:raises PasskeyInvalid: it is no base64url."""
    if not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        raise PasskeyInvalid
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Descriptor(Struct):
    """A passkey that exists already."""

    id: CredentialId
    type: Kind
    transports: list[str]

    @classmethod
    def of(cls, passkey: Passkey) -> Self:
        credential = passkey.credential
        return cls(encode(credential.id), _KIND, list(credential.transports))


class RequestOptions(Struct, rename="camel"):
    """What to ask an authenticator for: any passkey of this domain. It names no user."""

    challenge: Base64Url
    rp_id: str
    timeout: int = _TIMEOUT
    user_verification: Literal["required"] = "required"


class RequestOptionsAnswer(Struct):
    """Options for ``navigator.credentials.get()``."""

    status: Success
    options: RequestOptions

    @classmethod
    def of(cls, offered: AssertionOptions) -> Self:
        return cls("success", RequestOptions(offered.challenge, offered.rp_id))


class RelyingParty(Struct):
    """The domain that the passkey is for."""

    id: str
    name: str


class UserEntity(Struct, rename="camel"):
    """How authenticators show the user, and by which handle they know the user."""

    id: Base64Url
    name: str
    display_name: str


class Parameters(Struct):
    """A signature that is accepted (COSE algorithm identifiers)."""

    alg: int
    type: Kind = _KIND


class Selection(Struct, rename="camel"):
    """A discoverable passkey, whose authenticator verifies its user."""

    resident_key: Literal["required"] = "required"
    require_resident_key: bool = True
    user_verification: Literal["required"] = "required"


class Extensions(Struct, rename="camel"):
    """What browsers are asked to tell."""

    cred_props: bool = True


_PARAMETERS = [Parameters(int(each)) for each in Algorithm]


class CreationOptions(Struct, rename="camel"):
    """What a new passkey has to be."""

    rp: RelyingParty
    user: UserEntity
    challenge: Base64Url
    exclude_credentials: list[Descriptor]
    pub_key_cred_params: list[Parameters] = field(default_factory=lambda: _PARAMETERS)
    timeout: int = _TIMEOUT
    authenticator_selection: Selection = field(default_factory=Selection)
    attestation: Literal["none"] = "none"
    extensions: Extensions = field(default_factory=Extensions)


class CreationOptionsAnswer(Struct):
    """Options for ``navigator.credentials.create()``."""

    status: Success
    options: CreationOptions

    @classmethod
    def of(cls, offered: RegistrationOptions) -> Self:
        user = offered.user
        options = CreationOptions(
            RelyingParty(offered.rp_id, offered.rp_id),
            UserEntity(encode(offered.handle), user.email.address, user.name),
            offered.challenge,
            [Descriptor.of(each) for each in offered.existing],
        )
        return cls("success", options)


class _Credential(Struct, rename="camel"):
    id: CredentialId
    raw_id: CredentialId
    type: str

    def credential_id(self) -> bytes:
        """:raises PasskeyInvalid: the members contradict each other, or are none of a passkey."""
        if self.id != self.raw_id or self.type != _KIND:
            raise PasskeyInvalid
        return decode(self.raw_id)


class AssertionResponse(Struct, rename="camel"):
    """What the authenticator has signed."""

    client_data: Base64Url = field(name="clientDataJSON")
    authenticator_data: Base64Url
    signature: Base64Url
    user_handle: Base64Url | None = None


class AssertionCredential(_Credential, rename="camel"):
    """The ``toJSON()`` of a credential. Members that are not listed here are ignored."""

    response: AssertionResponse

    def assertion(self) -> Assertion:
        """:raises PasskeyInvalid: it is none."""
        response, handle = self.response, self.response.user_handle
        return Assertion(
            self.credential_id(),
            decode(response.client_data),
            decode(response.authenticator_data),
            decode(response.signature),
            None if handle is None else decode(handle),
        )


class RegistrationResponse(Struct, rename="camel"):
    """What the authenticator has made."""

    client_data: Base64Url = field(name="clientDataJSON")
    attestation_object: Base64Url
    transports: list[str] = field(default_factory=list)


class RegistrationCredential(_Credential, rename="camel"):
    """The ``toJSON()`` of a new credential. Members that are not listed here are ignored."""

    response: RegistrationResponse

    def registration(self) -> Registration:
        """:raises PasskeyInvalid: it is none."""
        response = self.response
        return Registration(
            self.credential_id(),
            decode(response.client_data),
            decode(response.attestation_object),
            parse_transports(response.transports),
        )
