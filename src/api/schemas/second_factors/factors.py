"""Bodies of second factors."""

from typing import Annotated, Literal, Self

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from api.schemas.auth import TokenAnswer
from api.schemas.members import documented
from api.schemas.second_factors.credentials import AssertionCredential
from api.schemas.success import Success
from api.unknown_members import StrictBody
from application.second_factors.find import Factors
from application.second_factors.passkeys import PasskeyProof
from application.second_factors.verify import CodeProof, FactorProof
from domain.authentication import Method
from domain.errors import InvalidInput, Problem

FactorMethod = Annotated[
    Literal["totp", "recovery_code", "passkey"],
    Meta(description="The kind of the `code`; or `passkey`, with a `credential`."),
]
CodeText = Annotated[
    str,
    documented(
        "The six digits of the authenticator app, or a recovery code; neither case nor blanks "
        "nor dashes matter.",
        "123456",
        "K7QF-2MXP-9TRA",
        max_length=40,
    ),
]


Credential = Annotated[
    AssertionCredential,
    Meta(description="Of a passkey, for options of `POST /api/auth/passkeys/options`."),
]


def factor_proof(
    method: FactorMethod | UnsetType,
    code: CodeText | UnsetType,
    credential: Credential | UnsetType,
) -> FactorProof | None:
    """Return the second factor of a body; ``None`` if it has none.

    :raises InvalidInput: it has a part of one, or more than one.
    :raises PasskeyInvalid: the credential is none.
    """
    match method, code, credential:
        case UnsetType(), UnsetType(), UnsetType():
            return None
        case "totp" | "recovery_code", str(), UnsetType():
            return CodeProof(Method(method), code)
        case "passkey" | UnsetType(), UnsetType(), AssertionCredential():
            return PasskeyProof(credential.assertion())
    raise InvalidInput(Problem("body", "must have both method and code, or credential"))


class SecondFactorLogin(StrictBody):
    """The challenge of a login, and one of the methods that came with it."""

    challenge: Annotated[str, Meta(description="From the answer of the login.")]
    method: FactorMethod
    code: CodeText | UnsetType = UNSET
    credential: Credential | UnsetType = UNSET
    device_token: Annotated[
        str | None, Meta(description="As in the login, if that had one in the body.")
    ] = None

    @property
    def proof(self) -> FactorProof:
        """
        :raises InvalidInput: it does not have what the method needs.
        :raises PasskeyInvalid: the credential is none.
        """
        proof = factor_proof(self.method, self.code, self.credential)
        assert proof is not None  # noqa: S101 - there is a method
        return proof


class TotpCode(StrictBody):
    """A code of the authenticator app that is being set up."""

    code: Annotated[str, documented("Six digits.", "123456", max_length=40)]


class ProposedTotpAnswer(Struct):
    """A secret for an authenticator app, which a code has to confirm."""

    status: Success
    secret: Annotated[str, Meta(description="In base32, for apps without a camera.")]
    uri: Annotated[str, Meta(description="What the QR code holds: an `otpauth:` URI.")]
    qr: Annotated[
        str,
        Meta(
            description="The QR code as SVG, without script and style: a page may include it "
            "under any Content-Security-Policy, and gives it a size by its class `qr`."
        ),
    ]
    expires_in: Annotated[int, Meta(description="Seconds until the secret expires.")]


_CODES = Meta(
    description="Ten codes, each good once in place of another second factor. They are shown only "
    "here."
)


class EnrolmentAnswer(TokenAnswer, kw_only=True):
    """New recovery codes, and the tokens of the session in place of the present one."""

    recovery_codes: Annotated[list[str], _CODES]

    @classmethod
    def with_codes(cls, tokens: TokenAnswer, codes: list[str]) -> Self:
        return cls(recovery_codes=codes, **structs.asdict(tokens))


class RecoveryCodesAnswer(Struct):
    """New recovery codes. The former ones are not valid any more."""

    status: Success
    recovery_codes: Annotated[list[str], _CODES]


class FactorsView(Struct):
    """The second factors of a user, without their secrets."""

    totp: Annotated[bool, Meta(description="Whether there is an authenticator app.")]
    passkeys: Annotated[int, Meta(description="How many passkeys there are.")]
    recovery_codes_left: Annotated[int, Meta(description="How many are not used yet.")]

    @classmethod
    def of(cls, factors: Factors) -> Self:
        stored = factors.stored
        codes_left = len(stored.recovery_codes)
        return cls(stored.totp is not None, len(factors.passkeys), codes_left)


class SecondFactorsAnswer(FactorsView, kw_only=True):
    """Which second factors there are. The password alone starts a session if there are none."""

    status: Success

    @classmethod
    def answer(cls, factors: Factors) -> Self:
        return cls(status="success", **structs.asdict(FactorsView.of(factors)))
