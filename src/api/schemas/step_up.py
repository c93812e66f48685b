"""The body of a step-up."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from api.schemas.members import PasswordText, documented
from api.unknown_members import StrictBody
from application.second_factors.verify import CodeProof
from application.step_up import PasswordProof, Proof
from domain.authentication import Method
from domain.errors import InvalidInput, Problem


class StepUpRequest(StrictBody):
    """Either the password, or a code and its method; the strongest that the account has."""

    password: PasswordText | UnsetType = UNSET
    method: Annotated[
        Literal["totp", "recovery_code"] | UnsetType,
        Meta(description="The kind of the code."),
    ] = UNSET
    code: (
        Annotated[
            str, documented("A code of the authenticator app, or a recovery code.", "123456")
        ]
        | UnsetType
    ) = UNSET

    @property
    def proof(self) -> Proof:
        """
        :raises InvalidInput: it is not exactly one proof.
        """
        match self.password, self.method, self.code:
            case str(password), UnsetType(), UnsetType():
                return PasswordProof(password)
            case UnsetType(), str(method), str(code):
                return CodeProof(Method(method), code)
        raise InvalidInput(Problem("body", "must have either password, or method and code"))
