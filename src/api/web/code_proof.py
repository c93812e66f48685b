"""A typed code as the proof of a second factor."""

from application.second_factors.verify import CodeProof
from domain.authentication import Method


def proof_of(code: str) -> CodeProof:
    """Tell what the code is: recovery codes have letters, so one field takes both kinds."""
    has_letter = any(each.isalpha() for each in code)
    return CodeProof(Method.RECOVERY_CODE if has_letter else Method.TOTP, code)
