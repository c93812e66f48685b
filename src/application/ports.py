"""The ports: what the use cases need from the world. The docstrings are the contract.

Every adapter inherits its port by name and passes the contract tests in ``tests/contracts``.
Three promises hold for all of them:

* One call is one atomic step: it happens wholly or not at all. It has happened when it returns;
  when :class:`~domain.errors.Unavailable` is raised because the answer was lost, it may have.
* A store returns what was stored. It knows no expiry and no rule; the domain decides.
* :class:`~domain.errors.Unavailable` is raised when the technology behind the port does not
  answer within its time-out. The next call tries anew: an adapter heals by itself.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from domain.event import Event
from domain.limit import Usage
from domain.password import Password
from domain.session import Session, SessionId
from domain.token import TokenClaims, TokenKind
from domain.user import Email, User, UserId

Clock = Callable[[], datetime]
"""The time now: aware, in UTC."""

RandomId = Callable[[], str]
"""128 fresh bits from the system's cryptographic source, as 32 hexadecimal digits."""


class UserRepository(Protocol):
    """The users. Emails are compared by their canonical key."""

    @abstractmethod
    async def add(self, user: User) -> None:
        """Store a new user.

        :raises EmailTaken: of several users with one address, however parallel, one is stored.
        """

    @abstractmethod
    async def get(self, user_id: UserId) -> User | None:
        """The user as they are stored now."""

    def at_hand(self, _user_id: UserId) -> User | None:
        """What :meth:`recent` can say at once, asking nobody. ``None`` says nothing."""
        return None

    async def recent(self, user_id: UserId) -> User | None:
        """As :meth:`get`, or as it would have been a moment ago: for questions that come with
        every request.

        A change made through this object is seen at once, one made elsewhere as soon as it is
        heard of, and in any case after the bound that is configured (``REVOCATION_BOUND``).
        """
        return self.at_hand(user_id) or await self.get(user_id)

    @abstractmethod
    async def by_email(self, email: Email) -> User | None: ...

    @abstractmethod
    async def replace(self, old: User, new: User) -> bool:
        """Store ``new`` if exactly ``old`` is stored: compare-and-swap. Both have the same id.

        :returns: False, with nothing changed, when it was changed or deleted in the meantime.
        :raises EmailTaken: the new address belongs to another user.
        """

    @abstractmethod
    async def delete(self, user_id: UserId) -> None:
        """Forget the user. Deleting what is not there is no error."""


class SessionStore(Protocol):
    """The sessions that have not been ended.

    A store *may* forget a session whose ``expires_at`` has passed: it has ended either way.
    """

    @abstractmethod
    async def add(self, session: Session) -> None:
        """Store a new session. Sessions of that user which ended before it began may be swept."""

    @abstractmethod
    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        """The session as it is stored now, if it is there and this user's."""

    def at_hand(self, _user_id: UserId, _session_id: SessionId) -> Session | None:
        """What :meth:`recent` can say at once, asking nobody. ``None`` says nothing."""
        return None

    async def recent(self, user_id: UserId, session_id: SessionId) -> Session | None:
        """As :meth:`get`, or as it would have been a moment ago: see
        :meth:`UserRepository.recent`. Nothing may be decided on it that is written back.
        """
        return self.at_hand(user_id, session_id) or await self.get(user_id, session_id)

    @abstractmethod
    async def replace(self, old: Session, new: Session) -> bool:
        """Store ``new`` if exactly ``old`` is stored: compare-and-swap. Both have the same id.

        Of any number of parallel replacements of one session a single one wins, and none brings
        back a session that has been deleted.

        :returns: False, with nothing changed, when it was changed or deleted in the meantime.
        """

    @abstractmethod
    async def delete(self, user_id: UserId, session_id: SessionId) -> None:
        """End the session. Deleting what is not there is no error."""

    @abstractmethod
    async def of_user(self, user_id: UserId) -> Sequence[Session]:
        """The user's sessions, the oldest first."""


class TokenSigner(Protocol):
    """Turns claims into signed tokens and back. It knows no clock: expiry is the domain's."""

    @abstractmethod
    def sign(self, claims: TokenClaims) -> str:
        """The token. The same claims give the same token, to the byte."""

    @abstractmethod
    def verify(self, token: str, kind: TokenKind) -> TokenClaims:
        """What a genuine token of this kind says.

        :raises TokenRejected: it is not exactly a token that :meth:`sign` makes for this kind.
        """

    def accepts(self, _claims: TokenClaims) -> bool:
        """Whether :meth:`verify` is sure to accept a token of these claims that it has signed."""
        return False

    def at_hand(self, _token: str, _kind: TokenKind) -> TokenClaims | None:
        """What :meth:`verify` said of the token, if that is remembered. ``None`` says nothing."""
        return None

    @abstractmethod
    def public_keys(self) -> Sequence[Mapping[str, str]]:
        """What others need to verify access tokens: public keys as JWKs (RFC 7517)."""


class RateLimiter(Protocol):
    """Counts attempts. What is too many is the domain's to say (:class:`~domain.limit.Usage`)."""

    @abstractmethod
    async def count(self, key: str, window: timedelta, now: datetime) -> Usage:
        """Count one more attempt under this key. The first one opens a window; so does the first
        after its end.

        Of any number of parallel calls, by however many processes, each gets another count.

        :param key: at most 100 characters, of ASCII; it holds nothing personal.
        """

    @abstractmethod
    async def forget(self, key: str) -> None:
        """Close the key's window, if there is one."""


class Devices(Protocol):
    """Tells a device on which somebody has logged in before from all others.

    So that somebody who guesses a person's password locks out themselves and not the person
    (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
    """

    @abstractmethod
    def issue(self, user: User) -> str:
        """A token for the device on which this user has just logged in. It is good until the
        user's generation changes: with a new password all others are strangers again.
        """

    @abstractmethod
    def recognise(self, token: str | None, user: User) -> str | None:
        """The device's id, if the token was issued to this user."""


class AuditLog(Protocol):
    """Where security events go."""

    @abstractmethod
    async def record(self, event: Event) -> None:
        """Record what has happened. What was recorded is never changed."""


class PasswordHasher(Protocol):
    """Slow, salted password hashes."""

    @abstractmethod
    async def hash(self, password: Password) -> str:
        """A hash with a fresh salt and the parameters of today.

        :raises Unavailable: too many hashes are waiting already.
        """

    @abstractmethod
    async def verify(self, password: Password, stored: str | None) -> bool:
        """Whether this is the password behind the stored hash.

        ``None``, an unreadable hash and one of absurd cost take as long as a real one and are
        False.

        :raises Unavailable: too many hashes are waiting already.
        """

    @abstractmethod
    def is_outdated(self, stored: str) -> bool:
        """Whether the hash is weaker than one made today, and worth making anew."""
