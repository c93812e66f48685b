"""People, sessions, tokens and whole houses for tests. Each says only what its test is about."""

import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from application.auth import (
    Authenticate,
    Login,
    Logout,
    RefreshAccess,
    RegisterUser,
    TokenPair,
)
from application.ports import SessionStore, TokenSigner, UserRepository
from domain.password import PasswordRule
from domain.session import Lifetimes, Session, SessionId, TokenId
from domain.token import TokenClaims, TokenKind
from domain.user import Email, User, UserId
from infrastructure.keys import SigningKey
from infrastructure.memory import MemorySessions, MemoryUsers
from infrastructure.rs256 import Audiences, Rs256Signer
from tests.doubles import QuickHasher, SettableClock

# Stores may forget what has ended by the real clock, so times are near the real now. An odd number
# of microseconds shows who rounds.
NOW = datetime.now(UTC).replace(microsecond=123_457)
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)

LIFETIMES = Lifetimes(
    access=timedelta(minutes=15),
    idle=timedelta(minutes=60),
    absolute=timedelta(days=30),
    grace=timedelta(seconds=10),
)
AUDIENCES = Audiences(
    issuer="https://id.example.org",
    access="https://api.example.org",
    refresh="https://id.example.org/api/auth/refresh",
)
PASSWORD = "correct horse battery staple"


def new_id() -> str:
    return secrets.token_hex(16)


def ada(**changes: Any) -> User:
    """A user who is like no other in one respect: her id."""
    user = User.register(
        UserId(uuid4()), "Ada Lovelace", Email.parse("ada@example.org"), "a hash", NOW
    )
    return replace(user, **changes)


def a_session(**changes: Any) -> Session:
    """A session of just now, of somebody of whom nothing else is known."""
    session = Session.start(
        SessionId(new_id()), UserId(uuid4()), TokenId(new_id()), NOW, LIFETIMES
    )
    return replace(session, **changes)


def refreshed(session: Session, now: datetime = NOW) -> Session:
    """The session after its good refresh token was presented."""
    return session.refresh(session.token_id, now, LIFETIMES, TokenId(new_id()))


def claims_of(session: Session, kind: TokenKind = TokenKind.ACCESS) -> TokenClaims:
    return TokenClaims.of(session, kind, LIFETIMES)


def an_rsa_key(bits: int = 2048, exponent: int = 65537) -> RSAPrivateKey:
    return generate_private_key(exponent, bits)


def pem(key: RSAPrivateKey) -> bytes:
    """PKCS#1, as OpenSSL and most tutorials used to write it."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def a_signing_key() -> SigningKey:
    """Of the smallest size that is accepted, for it is made quickly."""
    return SigningKey.from_pem(pem(an_rsa_key()))


def a_signer(
    keys: dict[TokenKind, SigningKey], longest_lifetime: timedelta = LIFETIMES.absolute
) -> Rs256Signer:
    return Rs256Signer(keys, AUDIENCES, longest_lifetime)


@dataclass
class House:
    """All use cases around one set of adapters, with a clock that the test sets."""

    signer: TokenSigner
    users: UserRepository = field(default_factory=MemoryUsers)
    sessions: SessionStore = field(default_factory=MemorySessions)
    hasher: QuickHasher = field(default_factory=QuickHasher)
    clock: SettableClock = field(default_factory=lambda: SettableClock(NOW))
    lifetimes: Lifetimes = LIFETIMES

    @property
    def register(self) -> RegisterUser:
        rule = PasswordRule(8, frozenset({"password1"}))
        return RegisterUser(self.users, self.hasher, rule, self.clock, new_id)

    @property
    def login(self) -> Login:
        return Login(
            self.users,
            self.sessions,
            self.signer,
            self.hasher,
            self.lifetimes,
            self.clock,
            new_id,
        )

    @property
    def refresh(self) -> RefreshAccess:
        return RefreshAccess(
            self.users, self.sessions, self.signer, self.lifetimes, self.clock, new_id
        )

    @property
    def logout(self) -> Logout:
        return Logout(self.sessions, self.signer, self.clock)

    @property
    def authenticate(self) -> Authenticate:
        return Authenticate(self.users, self.sessions, self.signer, self.clock)

    async def move_in(self, email: str = "ada@example.org") -> User:
        """Somebody registers, with the password PASSWORD."""
        return await self.register("Ada Lovelace", email, PASSWORD)

    async def come_in(self, email: str = "ada@example.org") -> TokenPair:
        """Somebody who has moved in logs in."""
        return await self.login(email, PASSWORD)

    async def change(self, user: User, **changes: Any) -> None:
        """An administrator changes something about somebody."""
        assert await self.users.replace(user, replace(user, **changes))
