"""Bodies of the routes that reset a password."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from api.schemas.members import EmailText, NewPasswordText
from api.schemas.second_factors.factors import CodeText, Credential, FactorMethod, factor_proof
from api.unknown_members import StrictBody
from application.second_factors.verify import FactorProof

_TOKEN = Annotated[
    str,
    Meta(
        description="From the fragment of the link, after `#token=`.",
        examples=["q2Vd0y7mW3oT1sLkJ9hGfDxZbN5cRvA8eUiPwYtQ4E0"],
    ),
]


class ForgottenPassword(StrictBody):
    """The address that the link is sent to."""

    email: EmailText
    link_target: Annotated[
        str | None,
        Meta(
            description="The page that the link leads to: exactly one of `LINK_TARGETS`. Without "
            "it, `RESET_URL`."
        ),
    ] = None


class LinkToken(StrictBody):
    """The token of a link."""

    token: _TOKEN


class PasswordReset(StrictBody):
    """The token of a link, and the new password; and the second factor of a user who has one."""

    token: _TOKEN
    password: NewPasswordText
    method: FactorMethod | UnsetType = UNSET
    code: CodeText | UnsetType = UNSET
    credential: Credential | UnsetType = UNSET

    @property
    def factor(self) -> FactorProof | None:
        """
        :raises InvalidInput: there is a part of a second factor, or more than one.
        :raises PasskeyInvalid: the credential is none.
        """
        return factor_proof(self.method, self.code, self.credential)
