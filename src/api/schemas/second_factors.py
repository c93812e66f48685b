"""Bodies of second factors."""

from typing import Annotated, Literal, Self

from msgspec import Meta, Struct, structs

from api.schemas.auth import TokenAnswer
from api.schemas.members import documented
from api.schemas.success import Success
from api.unknown_members import StrictBody
from application.second_factors.find import Factors
from application.second_factors.verify import CodeProof
from domain.authentication import Method

CodeMethod = Annotated[Literal["totp", "recovery_code"], Meta(description="The kind of the code.")]
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


class SecondFactorLogin(StrictBody):
    """The challenge of a login, and one of the methods that came with it."""

    challenge: Annotated[str, Meta(description="From the answer of the login.")]
    method: CodeMethod
    code: CodeText
    device_token: Annotated[
        str | None, Meta(description="As in the login, if that had one in the body.")
    ] = None

    @property
    def proof(self) -> CodeProof:
        return CodeProof(Method(self.method), self.code)


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
