"""Device tokens: a random id and a message authentication code over it and the user."""

import hashlib
import hmac
import secrets

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from application.ports import Devices
from domain.user import User
from infrastructure.keys import SigningKey

_LENGTH = 32 + 1 + 64


class HmacDevices(Devices):
    """``<id>.<code>``, both in hexadecimal. Nothing personal is in it, and nothing is stored.

    :param key: the code's key is derived from this one, which is secret already.
    """

    def __init__(self, key: SigningKey) -> None:
        derivation = HKDF(hashes.SHA256(), length=32, salt=None, info=b"doorward device tokens")
        self._key = derivation.derive(key.private_pem())

    def issue(self, user: User) -> str:
        device = secrets.token_hex(16)
        return f"{device}.{self._code(device, user)}"

    def recognise(self, token: str | None, user: User) -> str | None:
        if token is None or len(token) > _LENGTH:  # a long one would take measurable time
            return None
        device, _, code = token.partition(".")
        if not (code.isascii() and hmac.compare_digest(code, self._code(device, user))):
            return None
        return device

    def _code(self, device: str, user: User) -> str:
        message = f"{device}.{user.id.hex}.{user.generation}".encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()
