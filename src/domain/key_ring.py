"""The keys that sign tokens: which of them does, since when, and for how long it is known.

A key comes onto the ring as a standby: it is published and does not sign. In a rotation it is
given the time from which it signs, once everybody who verifies tokens has had the time to learn of
it.
From then on its predecessor is retired: its tokens are good until they expire, and then it goes.
A key that is revoked goes at once, and all its tokens with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType, Self

from domain.errors import DomainError
from domain.outcome import Outcome
from domain.token import TokenKind

KeyId = NewType("KeyId", str)


class KeyState(StrEnum):
    CURRENT = "current"
    NEXT = "next"
    RETIRED = "retired"


class KeysReadOnly(DomainError):
    """The keys are given from outside and cannot be changed here. The message says how instead."""

    outcome = Outcome.KEYS_READ_ONLY


class KeyUnknown(DomainError):
    """There is no key of this id."""

    outcome = Outcome.KEY_UNKNOWN


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key, but for the key itself.

    :ivar kind: the tokens that it signs, and no others.
    :ivar published_at: since when others may know of it.
    :ivar signs_from: ``None`` as long as it is a standby.
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
    :ivar cached: how long others may keep the public keys before they look again.
    :ivar kept: how long after its last signature it is kept: at least as long as its tokens live.
    :ivar rotation: for how long a key signs before the next one does; ``None`` for as long as
        nobody says so.
    """

    cached: timedelta
    kept: Mapping[TokenKind, timedelta]
    rotation: timedelta | None = None

    @property
    def published(self) -> timedelta:
        """How long a key is published before it signs: a cache may be behind another cache."""
        return 2 * self.cached


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of all kinds of tokens."""

    keys: frozenset[Key] = frozenset()

    def of(self, kind: TokenKind) -> list[Key]:
        """In the order in which they sign; the spares come last."""
        own = (key for key in self.keys if key.kind is kind)
        return sorted(own, key=lambda key: (_start(key), key.published_at, key.id))

    def find(self, key_id: KeyId) -> Key | None:
        return next((key for key in self.keys if key.id == key_id), None)

    def signing(self, kind: TokenKind, at: datetime) -> Key:
        """The key that signs tokens which are issued at that time.

        It follows from the ring and the time alone: so all workers agree, and a refresh that is
        repeated gets the tokens that it got the first time.

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
        """The current key, then those that follow on it, then those that are retired."""
        states = list(KeyState)
        return sorted(self.of(kind), key=lambda key: states.index(self.state(key, now)))

    def next(self, kind: TokenKind, now: datetime) -> Key | None:
        """The key that follows on the current one."""
        return next(iter(self._coming(kind, now)), None)

    def standby(self, kind: TokenKind, now: datetime) -> Key | None:
        """A key that is ready for the rotation after the one that is settled."""
        coming = self._coming(kind, now)
        return next((key for key in coming if key.signs_from is None), None)

    def is_rotating(self, kind: TokenKind, now: datetime) -> bool:
        """Whether it is settled already when the next key signs."""
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
        """The ring on which the next key signs as soon as it may.

        :raises ValueError: there is no next key.
        """
        standby = self.next(kind, now)
        if standby is None:
            raise ValueError(f"there is no next key for {kind} tokens")
        start = whole_second(max(now, standby.published_at + times.published))
        return replace(self, keys=self.keys - {standby} | {replace(standby, signs_from=start)})

    def without(self, key: Key, now: datetime) -> Self:
        """The ring after a key was revoked. If that one has signed until now, the next one does at
        once, published for long enough or not. It stands in for the whole time of the other: else
        tokens of a moment ago would be signed by a key that is soon to be dropped.

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
        """The ring without keys all of whose tokens have expired."""
        kept = (key for key in self.keys if not self._has_expired(key, now, times))
        return replace(self, keys=frozenset(kept))

    def retired_at(self, key: Key) -> datetime | None:
        """From when on another key signs, as far as that is settled."""
        starts = [other.signs_from for other in self.of(key.kind) if other.signs_from]
        later = (start for start in starts if key.signs_from and start > key.signs_from)
        return min(later, default=None)

    def _has_expired(self, key: Key, now: datetime, times: KeyTimes) -> bool:
        retired_at = self.retired_at(key)
        return retired_at is not None and retired_at + times.kept[key.kind] <= now

    def _coming(self, kind: TokenKind, now: datetime) -> list[Key]:
        return [key for key in self.of(kind) if self.state(key, now) is KeyState.NEXT]


def whole_second(time: datetime) -> datetime:
    """Not before: tokens tell whole seconds (RFC 7519, NumericDate)."""
    return (time + timedelta(microseconds=999_999)).replace(microsecond=0)


def _start(key: Key) -> float:
    return key.signs_from.timestamp() if key.signs_from else float("inf")


@dataclass(frozen=True, slots=True)
class KeyListing:
    """
    :ivar algorithms: the name (RFC 7518) of each key's algorithm.
    :ivar warnings: what is stored beside the keys and is no valid key, one line each. They hold
        no secret.
    """

    ring: KeyRing
    algorithms: Mapping[KeyId, str]
    warnings: Sequence[str] = ()
