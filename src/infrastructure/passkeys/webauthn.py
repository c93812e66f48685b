"""Check what authenticators send (Web Authentication, Level 3, sections 7.1 and 7.2).

The library parses, and verifies signatures. All checks are made here: its server leaves out
several of them, and logs credential ids.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from uuid import UUID

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from fido2.webauthn import AttestationObject, AuthenticatorData

from application.ports import Assertion, PasskeyVerifier, Registration
from domain.errors import PasskeyInvalid
from domain.second_factors.passkey import LONGEST_CREDENTIAL_ID, Credential, Use
from infrastructure.passkeys import client_data, public_keys

_REFUSALS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError,
    RecursionError, TypeError, ValueError, struct.error, InvalidSignature, UnsupportedAlgorithm,
)  # fmt: skip
"""What the library raises for a wrong signature, and for bytes that are no WebAuthn."""


@dataclass(frozen=True)
class WebAuthn(PasskeyVerifier):
    """
    :ivar origins: of the pages and apps that may use passkeys, exactly as browsers send them.
    """

    rp_id: str
    origins: frozenset[str]

    def challenge_in(self, client_data_json: bytes) -> str:
        return client_data.read(client_data_json).challenge

    def register(self, registration: Registration, challenge: str) -> Credential:
        client = client_data.read(registration.client_data)
        client_data.check(client, "webauthn.create", challenge, self.origins)
        with _refusing():
            attestation = AttestationObject(registration.attestation)
            data = attestation.auth_data
            self._check(data)
            attested = data.credential_data
            if attested is None or attested.credential_id != registration.credential_id:
                raise PasskeyInvalid
            if not 0 < len(attested.credential_id) <= LONGEST_CREDENTIAL_ID:
                raise PasskeyInvalid
            public_keys.check(attested.public_key)
            _check_statement(attestation, sha256(registration.client_data).digest())
            return Credential(
                bytes(attested.credential_id),
                public_keys.encoded(attested.public_key),
                data.counter,
                UUID(bytes=bytes(attested.aaguid)),
                data.is_backup_eligible(),
                data.is_backed_up(),
                registration.transports,
            )

    def verify(self, assertion: Assertion, challenge: str, credential: Credential) -> Use:
        client = client_data.read(assertion.client_data)
        client_data.check(client, "webauthn.get", challenge, self.origins)
        if assertion.credential_id != credential.id:
            raise PasskeyInvalid
        with _refusing():
            data = AuthenticatorData(assertion.authenticator_data)
            self._check(data)
            signed = assertion.authenticator_data + sha256(assertion.client_data).digest()
            public_keys.decoded(credential.public_key).verify(signed, assertion.signature)
            return Use(data.counter, data.is_backup_eligible(), data.is_backed_up())

    def _check(self, data: AuthenticatorData) -> None:
        """Check the domain, and that the user was present and verified.

        :raises PasskeyInvalid: one of them is not so, or the authenticator contradicts itself:
            only what may be backed up is backed up.
        """
        is_good = (
            compare_digest(data.rp_id_hash, sha256(self.rp_id.encode()).digest())
            and data.is_user_present()
            and data.is_user_verified()
            and (data.is_backup_eligible() or not data.is_backed_up())
        )
        if not is_good:
            raise PasskeyInvalid


@contextmanager
def _refusing() -> Iterator[None]:
    """:raises PasskeyInvalid: what was sent cannot be parsed, or its signature is wrong."""
    try:
        yield
    except _REFUSALS:
        raise PasskeyInvalid from None


def _check_statement(attestation: AttestationObject, client_data_hash: bytes) -> None:
    """Check the statement of an authenticator as far as it needs no trust in a maker.

    Doorward asks for ``none``. Browsers send that then, or a self attestation. A client that
    sends another statement all the same is not refused: nothing is concluded from it.
    """
    statement = attestation.att_stmt
    if attestation.fmt == "none" and statement != {}:
        raise PasskeyInvalid
    if attestation.fmt == "packed" and "x5c" not in statement:
        assert attestation.auth_data.credential_data is not None  # noqa: S101 - checked before
        key = attestation.auth_data.credential_data.public_key
        if statement["alg"] != key.ALGORITHM:
            raise PasskeyInvalid
        key.verify(attestation.auth_data + client_data_hash, statement["sig"])
