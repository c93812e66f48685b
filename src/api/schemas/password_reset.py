"""Bodies of the routes that reset a password."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from api.schemas.members import EmailText, NewPasswordText
from api.schemas.second_factors import CodeMethod, CodeText
from api.unknown_members import StrictBody
from application.second_factors.verify import CodeProof
from domain.authentication import Method
from domain.errors import InvalidInput, Problem

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
    """The token of a link, and the new password; a code, too, of a user with a second factor."""

    token: _TOKEN
    password: NewPasswordText
    method: CodeMethod | UnsetType = UNSET
    code: CodeText | UnsetType = UNSET

    @property
    def factor(self) -> CodeProof | None:
        """
        :raises InvalidInput: there is a code without its method, or the other way round.
        """
        match self.method, self.code:
            case UnsetType(), UnsetType():
                return None
            case str(method), str(code):
                return CodeProof(Method(method), code)
        raise InvalidInput(Problem("body", "must have both method and code, or neither"))
