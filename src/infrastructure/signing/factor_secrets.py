"""What protects second factors at rest: encrypted secrets, and digests of recovery codes."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from contextlib import suppress

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from typing_extensions import override

from application.ports import FactorSecrets
from domain.errors import SecondFactorsOff
from domain.user import UserId
from infrastructure.signing.device_tokens import secret_from

_NONCE_BYTES = 12


class SealedFactors(FactorSecrets):
    """AES-256-GCM, with the user's id as associated data; HMAC-SHA256 of the codes.

    :param data_secrets: of 32 bytes each, from outside the database. The first one encrypts, all
        of them decrypt. There may be none.
    """

    def __init__(self, data_secrets: Sequence[bytes]) -> None:
        self.use(data_secrets)

    def use(self, data_secrets: Sequence[bytes]) -> None:
        """Use these secrets from now on."""
        self._ciphers = [
            AESGCM(secret_from(each, b"doorward second factors")) for each in data_secrets
        ]
        self._code_keys = [secret_from(each, b"doorward recovery codes") for each in data_secrets]

    @override
    def is_available(self) -> bool:
        return bool(self._ciphers)

    def seal(self, user_id: UserId, secret: bytes) -> str:
        """:raises SecondFactorsOff: there is no secret."""
        if not self._ciphers:
            raise SecondFactorsOff
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._ciphers[0].encrypt(nonce, secret, user_id.bytes)
        return base64.urlsafe_b64encode(nonce + sealed).decode()

    def open(self, user_id: UserId, sealed: str) -> bytes | None:
        found = self._open(user_id, sealed)
        return found[1] if found else None

    def is_outdated(self, user_id: UserId, sealed: str) -> bool:
        found = self._open(user_id, sealed)
        return found is None or found[0] > 0

    def code_digests(self, user_id: UserId, code: str) -> Sequence[str]:
        message = user_id.bytes + code.encode()
        return [hmac.new(key, message, hashlib.sha256).hexdigest() for key in self._code_keys]

    def _open(self, user_id: UserId, sealed: str) -> tuple[int, bytes] | None:
        """Return which of the secrets opens it, and its content."""
        for number, cipher in enumerate(self._ciphers):
            with suppress(InvalidTag, ValueError):  # which a damaged one raises
                octets = base64.urlsafe_b64decode(sealed)
                nonce, rest = octets[:_NONCE_BYTES], octets[_NONCE_BYTES:]
                return number, cipher.decrypt(nonce, rest, user_id.bytes)
        return None
