"""The second factors of one user, and the rules by which a use of one is accepted.

They are values, as sessions are: a rule returns what is to be stored in place of them. A verdict
counts only when it has been stored, so parallel attempts follow one another.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from domain.session import SessionId
from domain.user import UserId

MAX_FAILURES = 10
FAILURE_WINDOW = timedelta(minutes=15)
LOCK = timedelta(minutes=15)
"""After so many failures within the window, no second factor is accepted for this time (NIST SP
800-63B, section 5.2.2)."""

PENDING_LIFETIME = timedelta(minutes=10)
"""How long a new secret waits for its first code."""


@dataclass(frozen=True, slots=True)
class Totp:
    """An authenticator app.

    :ivar sealed: its secret, encrypted for this user.
    :ivar last_step: of the last code that was accepted: this and earlier ones are not again.
    """

    sealed: str = field(repr=False)
    last_step: int = 0


@dataclass(frozen=True, slots=True)
class PendingTotp:
    """A secret that its user has not confirmed by a code yet.

    :ivar session_id: the session that has asked for it. Only this one can confirm it, so that it
        ends with the session.
    """

    sealed: str = field(repr=False)
    session_id: SessionId
    expires_at: datetime

    def is_confirmable(self, session_id: SessionId, now: datetime) -> bool:
        return self.session_id == session_id and now < self.expires_at


@dataclass(frozen=True, slots=True)
class SecondFactors:
    """What a user has beside the password, except passkeys. All times are aware and in UTC.

    :ivar recovery_codes: the keyed digests of the codes that are left.
    :ivar failures: within the window that began at ``failing_since``, over all methods.
    :ivar locked_until: until then no second factor is accepted.
    """

    user_id: UserId
    totp: Totp | None = None
    pending: PendingTotp | None = None
    recovery_codes: frozenset[str] = field(default=frozenset(), repr=False)
    failures: int = 0
    failing_since: datetime | None = None
    locked_until: datetime | None = None

    @property
    def sealed(self) -> Sequence[str]:
        """The encrypted secrets: of the app, and of one that is not confirmed yet."""
        return [each.sealed for each in (self.totp, self.pending) if each is not None]

    def resealed(self, again: Callable[[str], str]) -> Self:
        """Return them with the same secrets, encrypted again."""
        totp, pending = self.totp, self.pending
        return replace(
            self,
            totp=totp and replace(totp, sealed=again(totp.sealed)),
            pending=pending and replace(pending, sealed=again(pending.sealed)),
        )

    def is_locked(self, now: datetime) -> bool:
        return self.locked_until is not None and now < self.locked_until

    def after_failure(self, now: datetime) -> Self:
        """Return them after a wrong code. It uses up an attempt, whatever succeeds later."""
        since = self.failing_since
        is_new = since is None or not since <= now < since + FAILURE_WINDOW
        failures = 1 if is_new else self.failures + 1
        if failures < MAX_FAILURES:
            return replace(self, failures=failures, failing_since=now if is_new else since)
        return replace(self, failures=0, failing_since=None, locked_until=now + LOCK)

    def proposing(self, sealed: str, session_id: SessionId, now: datetime) -> Self:
        """Return them with a new secret that waits for its first code."""
        return replace(self, pending=PendingTotp(sealed, session_id, now + PENDING_LIFETIME))

    def with_totp(self, step: int) -> Self:
        """Return them with the pending secret as the authenticator app, in place of another.

        :param step: of the code that has confirmed it.
        """
        assert self.pending is not None  # noqa: S101 - the caller has read its secret
        return replace(self, totp=Totp(self.pending.sealed, step), pending=None)

    def accepting_step(self, step: int) -> Self | None:
        """Return them after a code of this step; ``None`` if it, or a later one, was used."""
        if self.totp is None or step <= self.totp.last_step:
            return None
        return replace(self, totp=replace(self.totp, last_step=step))

    def without_totp(self) -> Self:
        return replace(self, totp=None, pending=None)

    def with_recovery_codes(self, digests: frozenset[str]) -> Self:
        """Return them with new codes in place of those that there are."""
        return replace(self, recovery_codes=digests)

    def without_recovery_code(self, digest: str) -> Self | None:
        """Return them after the use of a code; ``None`` if there is none with this digest."""
        if digest not in self.recovery_codes:
            return None
        return replace(self, recovery_codes=self.recovery_codes - {digest})
