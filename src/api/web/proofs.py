"""What a form shows as a proof: a typed code, or the answer of an authenticator."""

from collections.abc import Collection
from typing import TypeVar

from msgspec import DecodeError, Struct
from msgspec.json import decode

from api.schemas.second_factors.credentials import AssertionCredential, RegistrationCredential
from application.ports import Assertion, Registration
from application.second_factors.passkeys import PasskeyProof
from application.second_factors.verify import CodeProof, FactorProof
from domain.authentication import Method
from domain.errors import PasskeyInvalid

_Credential = TypeVar("_Credential", bound=Struct)


def asked_factors(methods: Collection[Method]) -> dict[str, str]:
    """Return the fields of a form for a second factor.

    :returns: ``factors`` keeps the methods, so that the form can be shown again; empty if there
        are none to ask for.
    """
    return {"code": "", "factors": " ".join(methods)} if methods else {}


def factor_proof(code: str, credential: str) -> FactorProof:
    """Return the proof of a second factor.

    Recovery codes have letters, so one field takes both kinds of codes.

    :param credential: JSON, which the script of the page writes; empty if a code was typed.
    :raises PasskeyInvalid: the credential is none.
    """
    if credential:
        return PasskeyProof(assertion_in(credential))
    has_letter = any(each.isalpha() for each in code)
    return CodeProof(Method.RECOVERY_CODE if has_letter else Method.TOTP, code)


def assertion_in(credential: str) -> Assertion:
    """:raises PasskeyInvalid: the text is no ``toJSON()`` of a credential."""
    return _decoded(credential, AssertionCredential).assertion()


def registration_in(credential: str) -> Registration:
    """:raises PasskeyInvalid: the text is no ``toJSON()`` of a new credential."""
    return _decoded(credential, RegistrationCredential).registration()


def _decoded(text: str, kind: type[_Credential]) -> _Credential:
    try:
        return decode(text, type=kind)
    except (DecodeError, RecursionError):  # a `ValidationError` is one
        raise PasskeyInvalid from None
