"""Changing the keys that sign tokens: by the operator, and by the calendar."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from application.audit import Audit
from application.ports import Clock, KeyStore, TokenSigner
from domain.actor import Operator, Scheduler
from domain.audit_details import KeyRevoked, KeysRotated
from domain.audit_event import EventType
from domain.key_ring import Key, KeyId, KeyListing, KeyRing, KeyTimes, KeyUnknown
from domain.request_context import UNKNOWN
from domain.token import TokenKind


@dataclass(frozen=True, slots=True)
class ListSigningKeys:
    keys: KeyStore

    async def __call__(self, _operator: Operator) -> KeyListing:
        """Return all keys of the store, those that have expired among them."""
        return await self.keys.list()


@dataclass(frozen=True, slots=True)
class RotateKeys:
    """The next key signs as soon as everybody has had the time to learn of it."""

    keys: KeyStore
    times: KeyTimes
    audit: Audit
    clock: Clock

    async def __call__(
        self,
        actor: Operator | Scheduler,
        kinds: Collection[TokenKind] = tuple(TokenKind),
    ) -> KeyRing:
        """
        A kind whose next key has its time already, or that has no keys yet, is left as it is.

        :raises KeysReadOnly: the ring cannot be changed here.
        """
        async with self.audit.recording(EventType.ROTATE_KEYS, UNKNOWN, actor) as entry:
            while True:  # each further turn follows on somebody else's success
                ring = rotated = await self.keys.ring()
                for kind in kinds:
                    rotated = await self.rotated(rotated, kind)
                rotated = rotated.without_expired(self.clock(), self.times)
                if rotated == ring or await self.keys.replace(ring, rotated):
                    entry.is_news = rotated != ring
                    entry.details = KeysRotated(tuple(kinds))
                    return rotated

    async def rotated(self, ring: KeyRing, kind: TokenKind) -> KeyRing:
        """The ring as it is to be after a rotation, and there is a standby again."""
        now = self.clock()
        if not ring.of(kind) or ring.is_rotating(kind, now):
            return ring
        ready = await self.with_spare(ring, kind)
        return await self.with_spare(ready.rotated(kind, now, self.times), kind)

    async def with_spare(self, ring: KeyRing, kind: TokenKind) -> KeyRing:
        now = self.clock()
        if ring.standby(kind, now):
            return ring
        return ring.plus(await self.keys.make(kind, now))


@dataclass(frozen=True, slots=True)
class RevokeKey:
    """The emergency: somebody else has the key. Everything that it signed is dead at once."""

    keys: KeyStore
    rotate: RotateKeys
    audit: Audit
    clock: Clock

    async def __call__(self, actor: Operator, key_id: KeyId) -> KeyRing:
        """
        :raises KeyUnknown: there is no such key.
        :raises KeysReadOnly: the ring cannot be changed here.
        """
        async with self.audit.recording(EventType.REVOKE_KEY, UNKNOWN, actor) as entry:
            if await self.keys.discard(key_id):
                return await self.keys.ring()
            while True:  # each further turn follows on somebody else's success
                ring = await self.keys.ring()
                key = ring.find(key_id)
                if key is None:
                    raise KeyUnknown
                entry.details = KeyRevoked(key.id, key.kind)
                if await self.keys.replace(ring, left := await self._without(ring, key)):
                    return left

    async def _without(self, ring: KeyRing, key: Key) -> KeyRing:
        now = self.clock()
        ready = ring
        if ring.next(key.kind, now) is None:
            ready = await self.rotate.with_spare(ring, key.kind)
        return await self.rotate.with_spare(ready.without(key, now), key.kind)


@dataclass(frozen=True, slots=True)
class MaintainKeys:
    """What is due: the first keys, a rotation, the end of a key whose tokens have expired."""

    keys: KeyStore
    rotate: RotateKeys
    times: KeyTimes
    audit: Audit
    clock: Clock

    async def __call__(self) -> None:
        """Any number of workers may do this at once: what is due is done once."""
        while self.is_due(ring := await self.keys.ring()):
            tended = await self._tended(ring)
            if await self.keys.replace(ring, tended):
                async with self.audit.recording(
                    EventType.ROTATE_KEYS, UNKNOWN, Scheduler()
                ) as entry:
                    entry.is_news = not tended.keys <= ring.keys  # or else keys were dropped only
                return

    def is_due(self, ring: KeyRing) -> bool:
        now = self.clock()
        return ring != ring.without_expired(now, self.times) or any(
            not ring.of(kind) or ring.is_rotation_due(kind, now, self.times) for kind in TokenKind
        )

    async def _tended(self, ring: KeyRing) -> KeyRing:
        now = self.clock()
        tended = ring.without_expired(now, self.times)
        for kind in TokenKind:
            if not tended.of(kind):
                first = await self.keys.make(kind, now)
                tended = tended.plus(replace(first, signs_from=first.published_at))
                tended = await self.rotate.with_spare(tended, kind)
            elif tended.is_rotation_due(kind, now, self.times):
                tended = await self.rotate.rotated(tended, kind)
        return tended


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """
    :ivar keys: JWKs (RFC 7517).
    :ivar max_age: how long a verifier may cache them.
    """

    keys: Sequence[Mapping[str, str]]
    max_age: timedelta


@dataclass(frozen=True, slots=True)
class ListPublicKeys:
    signer: TokenSigner
    times: KeyTimes

    async def __call__(self) -> PublicKeys:
        """Return what others need to verify access tokens.

        :raises Unavailable: the keys that this process has loaded are too old.
        """
        return PublicKeys(self.signer.public_keys(), self.times.cached)
