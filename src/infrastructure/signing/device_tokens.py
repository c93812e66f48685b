"""Device tokens: a random id and a message authentication code over it and the user."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from application.ports import Devices
from domain.user import User

_LENGTH = 32 + 1 + 64

Secrets = Callable[[], Sequence[bytes]]


def secret_from(secret: bytes, purpose: bytes = b"doorward device tokens") -> bytes:
    """Derive a secret for a purpose of its own, 32 bytes (HKDF, RFC 5869)."""
    return HKDF(hashes.SHA256(), length=32, salt=None, info=purpose).derive(secret)


class HmacDevices(Devices):
    """``<id>.<code>``, both in hexadecimal, without personal data. Nothing is stored.

    The first half of the id is random, the second half authenticates the first one. Ids of
    releases before 0.3 are random throughout: they are recognised, and not authentic.

    :param secrets: returns the present secrets. The first issues tokens, all of them recognise
        tokens.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def issue(self, user: User) -> str:
        secret, random = self._secrets()[0], secrets.token_hex(8)
        device = random + _checksum(secret, random)
        return f"{device}.{_code(secret, device, user)}"

    def authentic_id(self, token: str | None) -> str | None:
        if token is None or len(token) != _LENGTH or not token.isascii():
            return None
        device, _, _ = token.partition(".")
        random, checksum = device[:16], device[16:]
        checksums = (_checksum(secret, random) for secret in self._secrets())
        is_authentic = any(hmac.compare_digest(checksum, each) for each in checksums)
        return device if is_authentic else None

    def recognise(self, token: str | None, user: User) -> str | None:
        if token is None or len(token) > _LENGTH:  # a long one would take measurable time
            return None
        device, _, code = token.partition(".")
        if not code.isascii():
            return None
        codes = (_code(secret, device, user) for secret in self._secrets())
        return device if any(hmac.compare_digest(code, each) for each in codes) else None

    def network_digests(self, user: User | None, network: str) -> Sequence[str]:
        return [_network_digest(secret, network, user) for secret in self._secrets()]


def _network_digest(secret: bytes, network: str, user: User | None) -> str:
    # Under a key of its own: digests are stored, and none may be the code of a device token.
    key = hmac.digest(secret, b"networks", hashlib.sha256)
    owner = f"{user.id.hex}.{user.generation}" if user else ""
    return hmac.new(key, f"{owner}.{network}".encode(), hashlib.sha256).hexdigest()[:32]


def _checksum(secret: bytes, random: str) -> str:
    # Under a key of its own, as the digests of networks.
    key = hmac.digest(secret, b"device ids", hashlib.sha256)
    return hmac.new(key, random.encode(), hashlib.sha256).hexdigest()[:16]


def _code(secret: bytes, device: str, user: User) -> str:
    message = f"{device}.{user.id.hex}.{user.generation}".encode()
    return hmac.new(secret, message, hashlib.sha256).hexdigest()
