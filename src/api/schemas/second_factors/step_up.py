"""The body of a step-up."""

from typing import Annotated

from msgspec import UNSET, UnsetType

from api.schemas.members import PasswordText, documented
from api.schemas.second_factors.factors import Credential, FactorMethod, factor_proof
from api.schemas.social_login import CODE_VERIFIER
from api.unknown_members import StrictBody
from application.second_factors.passkeys import PasskeyProof
from application.second_factors.verify import CodeProof
from application.social_login.step_up import AccountProof
from application.step_up import PasswordProof, Proof
from domain.errors import InvalidInput, Problem

_NOT_ONE_PROOF = (
    "must have either password, or method and code, or credential, or code and code_verifier"
)


class StepUpRequest(StrictBody):
    """The password, a code and its method, a passkey, or the code of a login at another provider
    and its verifier: the strongest that the account has.
    """

    password: PasswordText | UnsetType = UNSET
    method: FactorMethod | UnsetType = UNSET
    code: (
        Annotated[
            str,
            documented(
                "With `method`, the six digits of the authenticator app, or a recovery code. With "
                "`code_verifier`, what an application has got from a login at another provider "
                "that was begun with `fresh=true`.",
                "123456",
                "K7QF-2MXP-9TRA",
                max_length=128,
            ),
        ]
        | UnsetType
    ) = UNSET
    code_verifier: Annotated[str, CODE_VERIFIER] | UnsetType = UNSET
    credential: Credential | UnsetType = UNSET

    @property
    def proof(self) -> Proof | AccountProof:
        """
        :raises InvalidInput: it is not exactly one proof.
        :raises PasskeyInvalid: the credential is none.
        """
        if self.code_verifier is not UNSET or (self.code is not UNSET and self.method is UNSET):
            return self._account_proof()
        factor = factor_proof(self.method, self.code, self.credential)
        match self.password, factor:
            case str(password), None:
                return PasswordProof(password)
            case UnsetType(), CodeProof() | PasskeyProof():
                return factor
        raise InvalidInput(Problem("body", _NOT_ONE_PROOF))

    def _account_proof(self) -> AccountProof:
        others = (self.password, self.method, self.credential)
        match self.code, self.code_verifier:
            case str(code), str(code_verifier) if all(each is UNSET for each in others):
                return AccountProof(code, code_verifier)
        raise InvalidInput(Problem("body", _NOT_ONE_PROOF))
