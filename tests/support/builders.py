"""Users, sessions, keys and tokens for tests. Each test states only what it is about."""

import secrets
from base64 import b64encode
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from application.audit import Audit
from application.ports import (
    HashClient,
)
from domain.actor import Principal
from domain.permissions import Role
from domain.session import Session, SessionsPerUser
from domain.token import TokenClaims, TokenKind
from doorward.conformance.support.examples import (
    LIFETIMES,
    MICROSECOND,
    NOW,
    SECOND,
    a_session,
    a_user,
    new_id,
    refreshed,
)
from infrastructure.signing.audiences import Audiences
from infrastructure.signing.device_tokens import HmacDevices, secret_from
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.signing_key import SigningKey
from infrastructure.storage.memory.audit_log import MemoryAuditLog
from infrastructure.storage.memory.outbox import MemoryOutbox
from tests.support.doubles import Recorder, SettableClock

AUDIENCES = Audiences.under("https://id.example.org", access="https://api.example.org")
__all__ = [  # beside what is defined here
    "LIFETIMES",
    "MICROSECOND",
    "NOW",
    "SECOND",
    "a_session",
    "a_user",
    "new_id",
    "refreshed",
]

MOST = SessionsPerUser(50)
PASSWORD = "correct horse battery staple"
CLIENT = HashClient("192.0.2.1")


def an_administrator(**changes: Any) -> Principal:
    """Return an administrator in a session that was stepped up. Neither is stored."""
    admin = a_user(role=Role.ADMIN, **changes)
    return Principal(admin, a_session(user_id=admin.id).stepped_up())


def claims_of(session: Session, kind: TokenKind = TokenKind.ACCESS) -> TokenClaims:
    return TokenClaims.of(session, kind, LIFETIMES, a_user())


def an_rsa_key(bits: int = 2048, exponent: int = 65537) -> RSAPrivateKey:
    return generate_private_key(exponent, bits)


def pem(key: RSAPrivateKey) -> bytes:
    """Encode a key as PKCS#1, as earlier versions of OpenSSL did."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def a_signing_key() -> SigningKey:
    """Return a key of the smallest size that is accepted: it is generated fastest."""
    return SigningKey.from_pem(pem(an_rsa_key()))


def in_environment(keys: Mapping[TokenKind, SigningKey]) -> dict[str, str]:
    """Return the settings that hold these keys."""
    return {
        f"{kind.upper()}_TOKEN_PRIVATE_KEY": b64encode(key.private_pem()).decode()
        for kind, key in keys.items()
    }


def a_signer(
    keys: dict[TokenKind, SigningKey], longest_lifetime: timedelta = LIFETIMES.absolute
) -> JwtSigner:
    return JwtSigner(KeyRingWatcher.fixed(keys), AUDIENCES, longest_lifetime)


def devices_of(key: SigningKey) -> HmacDevices:
    return HmacDevices(lambda: [secret_from(key.private_pem())])


def some_devices() -> HmacDevices:
    secret = secrets.token_bytes(32)
    return HmacDevices(lambda: [secret])


def an_audit() -> Audit:
    """Return an audit whose events are not observed."""
    return Audit(MemoryAuditLog(), MemoryOutbox(), Recorder(), SettableClock(NOW), new_id)
