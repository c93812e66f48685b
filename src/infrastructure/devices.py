"""Device tokens: a random id and a message authentication code over it and the user."""

import hashlib
import hmac
import secrets

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from application.ports import Devices
from domain.user import UserId
from infrastructure.keys import SigningKey


class HmacDevices(Devices):
    """``<id>.<code>``, both in hexadecimal. Nothing personal is in it, and nothing is stored.

    :param key: the code's key is derived from this one, which is secret already.
    """

    def __init__(self, key: SigningKey) -> None:
        derivation = HKDF(hashes.SHA256(), length=32, salt=None, info=b"doorward device tokens")
        self._key = derivation.derive(key.private_pem())

    def issue(self, user_id: UserId) -> str:
        device = secrets.token_hex(16)
        return f"{device}.{self._code(device, user_id)}"

    def recognise(self, token: str | None, user_id: UserId) -> str | None:
        device, _, code = (token or "").partition(".")
        if not (code.isascii() and hmac.compare_digest(code, self._code(device, user_id))):
            return None
        return device

    def _code(self, device: str, user_id: UserId) -> str:
        message = f"{device}.{user_id.hex}".encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()
