"""The body of a step-up."""

from msgspec import UNSET, UnsetType

from api.schemas.members import PasswordText
from api.schemas.second_factors import CodeMethod, CodeText
from api.unknown_members import StrictBody
from application.second_factors.verify import CodeProof
from application.step_up import PasswordProof, Proof
from domain.authentication import Method
from domain.errors import InvalidInput, Problem


class StepUpRequest(StrictBody):
    """Either the password, or a code and its method; the strongest that the account has."""

    password: PasswordText | UnsetType = UNSET
    method: CodeMethod | UnsetType = UNSET
    code: CodeText | UnsetType = UNSET

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
