"""The use cases of authentication. Each is a value made of ports, and one call."""

from dataclasses import dataclass
from typing import Self
from uuid import UUID

from application.ports import (
    Clock,
    PasswordHasher,
    RandomId,
    SessionStore,
    TokenSigner,
    UserRepository,
)
from domain.errors import (
    InvalidCredentials,
    InvalidInput,
    NotLoggedIn,
    RefreshTokenReused,
    TokenRejected,
    all_of,
)
from domain.password import Password, PasswordRule
from domain.session import Lifetimes, Session, SessionId, TokenId
from domain.token import TokenClaims, TokenKind
from domain.user import Email, User, UserId, parse_name


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a login is worth: two signed tokens and their lifetimes in seconds."""

    access: str
    refresh: str
    access_lifetime: int
    refresh_lifetime: int

    @classmethod
    def of(cls, session: Session, signer: TokenSigner, lifetimes: Lifetimes) -> Self:
        access = TokenClaims.of(session, TokenKind.ACCESS, lifetimes)
        refresh = TokenClaims.of(session, TokenKind.REFRESH, lifetimes)
        return cls(signer.sign(access), signer.sign(refresh), access.lifetime, refresh.lifetime)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request comes from, as of this very moment."""

    user: User
    session: Session


@dataclass(frozen=True, slots=True)
class RegisterUser:
    users: UserRepository
    hasher: PasswordHasher
    rule: PasswordRule
    clock: Clock
    random_id: RandomId

    async def __call__(self, name: str, email: str, password: str) -> User:
        """
        :raises InvalidInput: the name, the address or the password will not do; all that is wrong.
        :raises EmailTaken: somebody has that address.
        """
        parsed_name, address, chosen = all_of(
            lambda: parse_name(name),
            lambda: Email.parse(email),
            lambda: self.rule.choose(password, name, email),
        )
        password_hash = await self.hasher.hash(chosen)
        user_id = UserId(UUID(hex=self.random_id(), version=4))
        user = User.register(user_id, parsed_name, address, password_hash, self.clock())
        await self.users.add(user)
        return user


@dataclass(frozen=True, slots=True)
class Login:
    users: UserRepository
    sessions: SessionStore
    signer: TokenSigner
    hasher: PasswordHasher
    lifetimes: Lifetimes
    clock: Clock
    random_id: RandomId

    async def __call__(self, email: str, password: str) -> TokenPair:
        """
        :raises InvalidCredentials: in the same time and for whatever reason.
        """
        typed = Password.parse(password)
        user = await self._find(email)
        is_right = await self.hasher.verify(typed, user.password_hash if user else None)
        if user is None or user.disabled or not is_right:
            raise InvalidCredentials
        await self._renew_hash(user, typed)
        session = Session.start(
            SessionId(self.random_id()),
            user.id,
            TokenId(self.random_id()),
            self.clock(),
            self.lifetimes,
        )
        await self.sessions.add(session)
        return TokenPair.of(session, self.signer, self.lifetimes)

    async def _find(self, email: str) -> User | None:
        try:
            address = Email.parse(email)
        except InvalidInput:  # nobody has it, and that must take as long as a wrong password
            return None
        return await self.users.by_email(address)

    async def _renew_hash(self, user: User, password: Password) -> None:
        if self.hasher.is_outdated(user.password_hash):
            renewed = user.with_password_hash(await self.hasher.hash(password))
            await self.users.replace(user, renewed)  # whoever was faster has done it


@dataclass(frozen=True, slots=True)
class RefreshAccess:
    users: UserRepository
    sessions: SessionStore
    signer: TokenSigner
    lifetimes: Lifetimes
    clock: Clock
    random_id: RandomId

    async def __call__(self, refresh_token: str) -> TokenPair:
        """
        :raises TokenRejected: the token or its session is not good (any more).
        :raises RefreshTokenReused: it had been spent before; the session has been ended.
        """
        claims = self.signer.verify(refresh_token, TokenKind.REFRESH)
        if not claims.is_current(self.clock()):
            raise TokenRejected
        user = await self.users.get(claims.user_id)
        if user is None or user.disabled:
            raise TokenRejected
        session = await self._rotate(claims)
        return TokenPair.of(session, self.signer, self.lifetimes)

    async def _rotate(self, claims: TokenClaims) -> Session:
        while True:  # each further turn follows on somebody else's success: it was stored
            session = await self.sessions.get(claims.user_id, claims.session_id)
            if session is None:
                raise TokenRejected
            try:
                successor = session.refresh(
                    claims.token_id, self.clock(), self.lifetimes, TokenId(self.random_id())
                )
            except RefreshTokenReused:
                await self.sessions.delete(session.user_id, session.id)
                raise
            if successor is session or await self.sessions.replace(session, successor):
                return successor


@dataclass(frozen=True, slots=True)
class Logout:
    sessions: SessionStore
    signer: TokenSigner
    clock: Clock

    async def __call__(self, access_token: str | None, refresh_token: str | None) -> None:
        """End the session of whichever token is good; of both, should they differ.

        A session that has ended already is no error: repeating a logout is harmless.

        :raises NotLoggedIn: no token was presented.
        :raises TokenRejected: none of those presented is good.
        """
        presented = [
            (token, kind)
            for token, kind in (
                (access_token, TokenKind.ACCESS),
                (refresh_token, TokenKind.REFRESH),
            )
            if token is not None
        ]
        if not presented:
            raise NotLoggedIn
        good = [claims for token, kind in presented if (claims := self._claims(token, kind))]
        if not good:
            raise TokenRejected
        for claims in good:
            await self.sessions.delete(claims.user_id, claims.session_id)

    def _claims(self, token: str, kind: TokenKind) -> TokenClaims | None:
        try:
            claims = self.signer.verify(token, kind)
        except TokenRejected:
            return None
        return claims if claims.is_current(self.clock()) else None


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Who presents this access token? What the guard of every protected route asks."""

    users: UserRepository
    sessions: SessionStore
    signer: TokenSigner
    clock: Clock

    async def __call__(self, access_token: str) -> Principal:
        """
        :raises TokenRejected: the token is not good, its session has ended, or its user is gone
            or disabled. All of that is as of now, not as of when the token was signed.
        """
        claims = self.signer.verify(access_token, TokenKind.ACCESS)
        now = self.clock()
        if not claims.is_current(now):
            raise TokenRejected
        session = await self.sessions.get(claims.user_id, claims.session_id)
        if session is None or session.has_ended(now):
            raise TokenRejected
        user = await self.users.get(claims.user_id)
        if user is None or user.disabled:
            raise TokenRejected
        return Principal(user, session)
