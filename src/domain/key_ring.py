"""The ring of signing keys: which key signs at which time, and how long each is kept.

A new key is a standby: it is published (in the JWKS) and does not sign. A rotation sets the time
from which it signs, when every verifier has had the time to fetch it. From then on its predecessor
is retired: it is kept until the last of its tokens has expired. A revoked key is deleted at once,
and all its tokens become invalid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NewType, Self

from domain.errors import DomainError
from domain.outcome import Outcome
from domain.token import TokenKind

KeyId = NewType("KeyId", str)

UNKNOWN_START = datetime.fromtimestamp(0, UTC)
"""The start of a key that has signed for an unknown time."""


class KeyState(StrEnum):
    CURRENT = "current"
    NEXT = "next"
    RETIRED = "retired"


class KeysReadOnly(DomainError):
    """The keys come from outside and cannot be changed here. The message says how instead."""

    outcome = Outcome.KEYS_READ_ONLY


class KeyUnknown(DomainError):
    """There is no key of this id."""

    outcome = Outcome.KEY_UNKNOWN


@dataclass(frozen=True, slots=True)
class Key:
    """The description of a key pair, which itself never leaves its store.

    :ivar kind: the only kind of token that it signs.
    :ivar published_at: since when verifiers can fetch it.
    :ivar signs_from: when it starts to sign; ``None`` for a standby.
    """

    id: KeyId
    kind: TokenKind
    published_at: datetime
    signs_from: datetime | None = None

    def has_begun(self, at: datetime) -> bool:
        return self.signs_from is not None and self.signs_from <= at


@dataclass(frozen=True, slots=True)
class KeyTimes:
    """
    :ivar cached: how long verifiers may cache the public keys.
    :ivar kept: how long a key is kept after its last signature: at least the lifetime of a token.
    :ivar rotation: how long a key signs before the next one does; ``None`` without automatic
        rotation.
    """

    cached: timedelta
    kept: Mapping[TokenKind, timedelta]
    rotation: timedelta | None = None

    @property
    def published(self) -> timedelta:
        """How long a key is published before it signs: one cache may be behind another."""
        return 2 * self.cached


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of all kinds of tokens."""

    keys: frozenset[Key] = frozenset()

    def of(self, kind: TokenKind) -> list[Key]:
        """Return the keys of this kind in the order in which they sign, standbys last."""
        own = (key for key in self.keys if key.kind is kind)
        return sorted(own, key=lambda key: (_start(key), key.published_at, key.id))

    def find(self, key_id: KeyId) -> Key | None:
        return next((key for key in self.keys if key.id == key_id), None)

    def signing(self, kind: TokenKind, at: datetime) -> Key:
        """Return the key that signs tokens issued at that time.

        It depends on the ring and the time alone: so all workers agree, and a repeated refresh
        gets the tokens that it got the first time.

        :raises IndexError: there is no key of this kind.
        """
        own = self.of(kind)
        begun = [key for key in own if key.has_begun(at)]
        return begun[-1] if begun else own[0]

    def state(self, key: Key, now: datetime) -> KeyState:
        if key == self.signing(key.kind, now):
            return KeyState.CURRENT
        return KeyState.RETIRED if key.has_begun(now) else KeyState.NEXT

    def by_state(self, kind: TokenKind, now: datetime) -> list[Key]:
        """Return the current key, then the next ones, then the retired ones."""
        states = list(KeyState)
        return sorted(self.of(kind), key=lambda key: states.index(self.state(key, now)))

    def next(self, kind: TokenKind, now: datetime) -> Key | None:
        """Return the successor of the current key."""
        return next(iter(self._coming(kind, now)), None)

    def standby(self, kind: TokenKind, now: datetime) -> Key | None:
        """Return a key for the next rotation that is not scheduled yet."""
        coming = self._coming(kind, now)
        return next((key for key in coming if key.signs_from is None), None)

    def is_rotating(self, kind: TokenKind, now: datetime) -> bool:
        """Whether a rotation is scheduled: the next key has the time from which it signs."""
        coming = self.next(kind, now)
        return coming is not None and coming.signs_from is not None

    def is_rotation_due(self, kind: TokenKind, now: datetime, times: KeyTimes) -> bool:
        if times.rotation is None or self.is_rotating(kind, now):
            return False
        since = self.signing(kind, now).signs_from
        return since is None or since + times.rotation <= now

    def plus(self, key: Key) -> Self:
        return replace(self, keys=self.keys | {key})

    def rotated(self, kind: TokenKind, now: datetime, times: KeyTimes) -> Self:
        """Return the ring on which the next key signs as soon as it may.

        :raises ValueError: there is no next key.
        """
        standby = self.next(kind, now)
        if standby is None:
            raise ValueError(f"there is no next key for {kind} tokens")
        start = whole_second(max(now, standby.published_at + times.published))
        return replace(self, keys=self.keys - {standby} | {replace(standby, signs_from=start)})

    def without(self, key: Key, now: datetime) -> Self:
        """Return the ring without a revoked key.

        The successor of the current key signs at once, even if it was not published for long
        enough. It takes over the whole time of the revoked key: otherwise a retired key, which is
        about to be deleted, would sign tokens issued a moment ago.

        :raises ValueError: it is current, and there is no next key.
        """
        left = replace(self, keys=self.keys - {key})
        if self.state(key, now) is not KeyState.CURRENT:
            return left
        successor = self.next(key.kind, now)
        if successor is None:
            raise ValueError(f"there is no next key for {key.kind} tokens")
        promoted = replace(successor, signs_from=key.signs_from or now)
        return replace(left, keys=left.keys - {successor} | {promoted})

    def without_expired(self, now: datetime, times: KeyTimes) -> Self:
        """Return the ring without keys all of whose tokens have expired."""
        kept = (key for key in self.keys if not self._has_expired(key, now, times))
        return replace(self, keys=frozenset(kept))

    def retired_at(self, key: Key) -> datetime | None:
        """Return when the successor starts to sign, if that is scheduled."""
        starts = [other.signs_from for other in self.of(key.kind) if other.signs_from]
        later = (start for start in starts if key.signs_from and start > key.signs_from)
        return min(later, default=None)

    def _has_expired(self, key: Key, now: datetime, times: KeyTimes) -> bool:
        retired_at = self.retired_at(key)
        return retired_at is not None and retired_at + times.kept[key.kind] <= now

    def _coming(self, kind: TokenKind, now: datetime) -> list[Key]:
        return [key for key in self.of(kind) if self.state(key, now) is KeyState.NEXT]


def whole_second(time: datetime) -> datetime:
    """Round up, because tokens have whole seconds (RFC 7519, NumericDate)."""
    return (time + timedelta(microseconds=999_999)).replace(microsecond=0)


def _start(key: Key) -> float:
    return key.signs_from.timestamp() if key.signs_from else float("inf")


@dataclass(frozen=True, slots=True)
class KeyListing:
    """
    :ivar algorithms: the name (RFC 7518) of each key's algorithm.
    :ivar warnings: one line for each stored entry that is no valid key, without secrets.
    :ivar is_read_only: whether the ring cannot be changed here (:class:`KeysReadOnly`).
    """

    ring: KeyRing
    algorithms: Mapping[KeyId, str]
    warnings: Sequence[str] = ()
    is_read_only: bool = False
