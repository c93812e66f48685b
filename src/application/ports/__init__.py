"""The ports: what the use cases need from the world. The docstrings are the contract.

Every adapter inherits its port by name and passes the contract tests in ``tests/contracts``.
Four promises hold for all of them:

* One call is one atomic step: it happens wholly or not at all. It has happened when it returns;
  when :class:`~domain.errors.Unavailable` is raised because the answer was lost, it may have.
* A store returns what was stored. It knows no expiry and no rule; the domain decides.
* :class:`~domain.errors.Unavailable` is raised when the technology behind the port does not
  answer within its time-out. The next call tries anew: an adapter heals by itself.
* An ``event`` that comes with a change is recorded in the same step, if anything is changed, by a
  store that shares its database with the audit log. Another store ignores it. Either way the
  caller gives it to the audit log as well, which records no event twice.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from application.ports.pagination import EventQuery, Page, Total, UserQuery
from domain.audit_event import Event, RecordedEvent
from domain.key_ring import Key, KeyId, KeyRing
from domain.password import Password
from domain.rate_limit import Usage
from domain.session import Session, SessionId
from domain.session_activity import SessionActivity
from domain.token import TokenClaims, TokenKind
from domain.user import Email, User, UserId

Clock = Callable[[], datetime]
"""The time now: aware, in UTC."""

RandomId = Callable[[], str]
"""128 fresh bits from the system's cryptographic source, as 32 hexadecimal digits."""

Announce = Callable[[Event], None]
"""Tells the operator of an event: a line in the service's own log."""


class UserRepository(Protocol):
    """The users. Emails are compared by their canonical key.

    Once there is an administrator (:attr:`~domain.user.User.is_administrator`) there always is.
    """

    @abstractmethod
    async def add(self, user: User, event: Event | None = None) -> None:
        """Store a new user.

        :raises EmailTaken: of several users with one address, however parallel, one is stored.
        """

    @abstractmethod
    async def add_all(self, users: Sequence[User], event: Event | None = None) -> Sequence[UserId]:
        """Store new users, all in one step, but for those whose address or id somebody has.

        :returns: the ids of those that were stored.
        """

    @abstractmethod
    async def get(self, user_id: UserId) -> User | None:
        """The user as they are stored now."""

    def cached(self, _user_id: UserId) -> User | None:
        """What :meth:`possibly_stale` can say at once, asking nobody. ``None`` says nothing."""
        return None

    async def possibly_stale(self, user_id: UserId) -> User | None:
        """As :meth:`get`, or as it would have been a moment ago: for questions that come with
        every request.

        A change made through this object is seen at once, one made elsewhere as soon as it is
        heard of, and in any case after the bound that is configured (``REVOCATION_BOUND``).
        """
        return self.cached(user_id) or await self.get(user_id)

    @abstractmethod
    async def by_email(self, email: Email) -> User | None: ...

    @abstractmethod
    async def replace(self, old: User, new: User, event: Event | None = None) -> bool:
        """Store ``new`` if exactly ``old`` is stored: compare-and-swap. Both have the same id.

        :returns: False, with nothing changed, when it was changed or deleted in the meantime.
        :raises EmailTaken: the new address belongs to another user.
        :raises LastAdministrator: no administrator would be left. Of several who are replaced or
            deleted in parallel one is left.
        """

    @abstractmethod
    async def delete(self, user_id: UserId, event: Event | None = None) -> None:
        """Forget the user. Deleting what is not there is no error.

        :raises LastAdministrator: see :meth:`replace`.
        """

    @abstractmethod
    async def page(self, query: UserQuery, after: str | None, limit: int) -> Page[User]:
        """A page of the users that are asked for. Those that stay as they are meanwhile, are on
        exactly one page; in the order of time so is everybody who is not deleted.

        :param after: :attr:`~application.ports.pagination.Page.next` of the page before.
        :raises InvalidInput: ``after`` comes from no page of this query.
        """

    @abstractmethod
    async def count(self, query: UserQuery) -> Total:
        """How many users there are that are asked for."""


class SessionStore(Protocol):
    """The sessions that have not been ended.

    A store *may* forget a session whose ``expires_at`` has passed: it has ended either way.
    """

    @abstractmethod
    async def add(
        self, session: Session, activity: SessionActivity | None = None, event: Event | None = None
    ) -> None:
        """Store a new session. Sessions of that user which ended before it began may be swept."""

    @abstractmethod
    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        """The session as it is stored now, if it is there and this user's."""

    def cached(self, _user_id: UserId, _session_id: SessionId) -> Session | None:
        """What :meth:`possibly_stale` can say at once, asking nobody. ``None`` says nothing."""
        return None

    async def possibly_stale(self, user_id: UserId, session_id: SessionId) -> Session | None:
        """As :meth:`get`, or as it would have been a moment ago: see
        :meth:`UserRepository.possibly_stale`. Nothing may be decided on it that is written back.
        """
        return self.cached(user_id, session_id) or await self.get(user_id, session_id)

    @abstractmethod
    async def replace(self, old: Session, new: Session) -> bool:
        """Store ``new`` if exactly ``old`` is stored: compare-and-swap. Both have the same id.

        Of any number of parallel replacements of one session a single one wins, and none brings
        back a session that has been deleted.

        :returns: False, with nothing changed, when it was changed or deleted in the meantime.
        """

    @abstractmethod
    async def delete(
        self, user_id: UserId, session_id: SessionId, event: Event | None = None
    ) -> None:
        """End the session; nothing about it is left. Deleting what is not there is no error."""

    @abstractmethod
    async def of_user(self, user_id: UserId) -> Sequence[Session]:
        """The user's sessions, the oldest first."""

    @abstractmethod
    async def record_activity(
        self, user_id: UserId, session_id: SessionId, activity: SessionActivity
    ) -> None:
        """Note where the session was last seen, in place of what was noted before. Nothing is
        noted of a session that is not there.
        """

    @abstractmethod
    async def activity_of(self, user_id: UserId) -> Mapping[SessionId, SessionActivity]:
        """Where the user's sessions were last seen, as far as that was noted."""


class TokenSigner(Protocol):
    """Turns claims into signed tokens and back. It knows no clock: expiry is the domain's."""

    @abstractmethod
    def sign(self, claims: TokenClaims) -> str:
        """The token. The same claims give the same token, to the byte where the algorithm allows
        it, and as long as the key that signs for that time is not revoked.

        :raises Unavailable: it cannot be told whether the keys are still good.
        """

    @abstractmethod
    def verify(self, token: str, kind: TokenKind) -> TokenClaims:
        """What a genuine token of this kind says.

        :raises TokenRejected: it is not exactly a token that :meth:`sign` makes for this kind, or
            its key is not on the ring (any more).
        :raises Unavailable: it cannot be told whether the keys are still good.
        """

    def accepts(self, _claims: TokenClaims) -> bool:
        """Whether :meth:`verify` is sure to accept a token of these claims that it has signed."""
        return False

    def check(self) -> None:
        """
        :raises Unavailable: it cannot be told whether the keys are still good.
        """
        return

    def cached(self, _token: str, _kind: TokenKind) -> TokenClaims | None:
        """What :meth:`verify` said of the token, if that is remembered. ``None`` says nothing."""
        return None

    @abstractmethod
    def public_keys(self) -> Sequence[Mapping[str, str]]:
        """What others need to verify access tokens: public keys as JWKs (RFC 7517). The one that
        signs comes first. They may be as old as others may keep them.

        :raises Unavailable: they are older than that.
        """


class KeyStore(Protocol):
    """The keys that sign tokens. What is known of them leaves it, the keys themselves do not."""

    @abstractmethod
    async def ring(self) -> KeyRing:
        """The ring as it is stored now. What makes no key is not on it."""

    @abstractmethod
    async def make(self, kind: TokenKind, now: datetime) -> Key:
        """A new key, as a standby that is published from now on. It is kept as soon as a ring that
        has it is stored.
        """

    @abstractmethod
    async def replace(self, old: KeyRing, new: KeyRing) -> bool:
        """Store ``new`` if exactly ``old`` is stored: compare-and-swap. So of many workers who
        find at once that a rotation is due, one rotates.

        :returns: False, with nothing changed, when the ring was changed in the meantime.
        :raises KeysReadOnly: the ring cannot be changed here.
        """

    @abstractmethod
    async def discard(self, key_id: KeyId) -> bool:
        """Take away what is stored under this id, if it can be made no key of.

        :returns: whether there was anything.
        """


class RateLimiter(Protocol):
    """Counts attempts. What is too many is the domain's to say (``Usage``)."""

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
    """What is recorded stays as it is until it is pruned."""

    @abstractmethod
    async def record(self, event: Event) -> None:
        """Record what has happened, if it has not been recorded already. Beside a store of users,
        of who has gone no address is recorded.

        Nothing that has happened is undone because it cannot be recorded: while there is no
        answer, events are kept and recorded later. Refusals are not waited for: that would tell
        those that are recorded from those that are not.
        """

    @abstractmethod
    async def page(self, query: EventQuery, after: str | None, limit: int) -> Page[RecordedEvent]:
        """A page of the events that are asked for.

        :param after: :attr:`~application.ports.pagination.Page.next` of the page before.
        :raises InvalidInput: ``after`` comes from no page.
        """

    @abstractmethod
    async def forget_addresses(self, user_id: UserId) -> None:
        """Of what this user did only the id of the user is left, a pseudonym, and no address."""

    @abstractmethod
    async def prune(self, before: datetime, event: Event | None = None) -> int:
        """Forget events from the oldest on, up to the first that is not before this time. This may
        take several steps; the first of them records the event.

        :returns: how many were forgotten.
        """


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
    def can_verify(self, stored: str) -> bool:
        """Whether :meth:`verify` can ever say True of this hash."""

    @abstractmethod
    def is_outdated(self, stored: str) -> bool:
        """Whether the hash is weaker than one made today, or of another system, and worth making
        anew.
        """
