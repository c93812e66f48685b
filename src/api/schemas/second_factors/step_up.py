"""The body of a step-up."""

from msgspec import UNSET, UnsetType

from api.schemas.members import PasswordText
from api.schemas.second_factors.factors import CodeText, Credential, FactorMethod, factor_proof
from api.unknown_members import StrictBody
from application.second_factors.passkeys import PasskeyProof
from application.second_factors.verify import CodeProof
from application.step_up import PasswordProof, Proof
from domain.errors import InvalidInput, Problem


class StepUpRequest(StrictBody):
    """The password, a code and its method, or a passkey: the strongest that the account has."""

    password: PasswordText | UnsetType = UNSET
    method: FactorMethod | UnsetType = UNSET
    code: CodeText | UnsetType = UNSET
    credential: Credential | UnsetType = UNSET

    @property
    def proof(self) -> Proof:
        """
        :raises InvalidInput: it is not exactly one proof.
        :raises PasskeyInvalid: the credential is none.
        """
        factor = factor_proof(self.method, self.code, self.credential)
        match self.password, factor:
            case str(password), None:
                return PasswordProof(password)
            case UnsetType(), CodeProof() | PasskeyProof():
                return factor
        raise InvalidInput(
            Problem("body", "must have either password, or method and code, or credential")
        )
