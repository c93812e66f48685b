"""Rotation and revocation of the signing keys, by people and by the calendar."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from application.audit import Audit, Entry
from application.ports import NO_EFFECTS, Clock, KeyStore, TokenSigner
from application.step_up import RequireStepUp
from domain.actor import Actor, Scheduler
from domain.audit.details import KeyRevoked, KeysRotated
from domain.audit.event import EventType
from domain.key_ring import Key, KeyId, KeyListing, KeyRing, KeyTimes, KeyUnknown
from domain.permissions import Permission
from domain.request_context import UNKNOWN, RequestContext
from domain.token import TokenKind


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ListSigningKeys:
    keys: KeyStore

    async def __call__(self, actor: Actor) -> KeyListing:
        """Return all keys of the store, those that have expired among them.

        :raises PermissionMissing: the actor may not read the keys.
        """
        actor.require(Permission.READ_KEYS)
        return await self.keys.list()


@dataclass(frozen=True, slots=True)
class KeyRotation:
    """Make the rings of a rotation. Stores none of them."""

    keys: KeyStore
    times: KeyTimes
    clock: Clock

    async def rotated(self, ring: KeyRing, kind: TokenKind) -> KeyRing:
        """Return the ring after a rotation, with a new standby."""
        now = self.clock()
        if not ring.of(kind) or ring.is_rotating(kind, now):
            return ring
        ready = await self.with_standby(ring, kind)
        return await self.with_standby(ready.rotated(kind, now, self.times), kind)

    async def with_standby(self, ring: KeyRing, kind: TokenKind) -> KeyRing:
        now = self.clock()
        if ring.standby(kind, now):
            return ring
        return ring.plus(await self.keys.make(kind, now))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RotateKeys:
    """Let the next key sign, as soon as verifiers have had the time to fetch it."""

    require_step_up: RequireStepUp
    keys: KeyStore
    key_rotation: KeyRotation
    key_times: KeyTimes
    audit: Audit
    clock: Clock

    async def __call__(
        self,
        actor: Actor,
        kinds: Collection[TokenKind] = tuple(TokenKind),
        caller: RequestContext = UNKNOWN,
        reason: str | None = None,
    ) -> KeyRing:
        """Rotate the keys of these kinds of tokens, and delete expired keys.

        A kind without keys, or whose rotation is under way, does not change.

        :param reason: why, as it was typed, for the audit log.
        :raises PermissionMissing: the actor may not change the keys.
        :raises StepUpRequired: the actor is an administrator without a recent step-up.
        :raises InvalidInput: the reason is not accepted.
        :raises KeysReadOnly: the ring cannot be changed here.
        """
        async with self.audit.recording(EventType.ROTATE_KEYS, caller, actor) as entry:
            entry.details = KeysRotated(tuple(kinds))
            await self.require_step_up.to_change(Permission.CHANGE_KEYS, actor, entry, reason)
            while True:  # until no other process changes the ring in between
                ring = rotated = await self.keys.ring()
                for kind in kinds:
                    rotated = await self.key_rotation.rotated(rotated, kind)
                rotated = rotated.without_expired(self.clock(), self.key_times)
                effects = entry.success()
                if rotated == ring or await entry.settle(
                    effects, await self.keys.replace(ring, rotated, effects)
                ):
                    return rotated


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RevokeKey:
    """Delete a key that an attacker has. Everything that it has signed becomes invalid at once."""

    require_step_up: RequireStepUp
    keys: KeyStore
    key_rotation: KeyRotation
    audit: Audit
    clock: Clock

    async def __call__(
        self,
        actor: Actor,
        key_id: KeyId,
        caller: RequestContext = UNKNOWN,
        reason: str | None = None,
    ) -> None:
        """
        :param reason: why, as it was typed, for the audit log.
        :raises PermissionMissing: the actor may not change the keys.
        :raises StepUpRequired: the actor is an administrator without a recent step-up.
        :raises KeyUnknown: there is no such key.
        :raises InvalidInput: the reason is not accepted.
        :raises KeysReadOnly: the ring cannot be changed here.
        """
        async with self.audit.recording(EventType.REVOKE_KEY, caller, actor) as entry:
            await self.require_step_up.to_change(Permission.CHANGE_KEYS, actor, entry, reason)
            if "\x00" in key_id:  # PostgreSQL cannot look for it
                raise KeyUnknown
            if await self._discard(key_id, entry):
                return
            while True:  # until no other process changes the ring in between
                ring = await self.keys.ring()
                key = ring.find(key_id)
                if key is None:
                    raise KeyUnknown
                entry.details = KeyRevoked(key.id, key.kind)
                left = await self._without(ring, key)
                effects = entry.success()
                if await entry.settle(effects, await self.keys.replace(ring, left, effects)):
                    return

    async def _discard(self, key_id: KeyId, entry: Entry) -> bool:
        """Revoke an entry that is no valid key, and so is not on the ring."""
        effects = entry.success(details=KeyRevoked(key_id))
        return await entry.settle(effects, await self.keys.discard(key_id, effects))

    async def _without(self, ring: KeyRing, key: Key) -> KeyRing:
        now = self.clock()
        ready = ring
        if ring.next(key.kind, now) is None:
            ready = await self.key_rotation.with_standby(ring, key.kind)
        return await self.key_rotation.with_standby(ready.without(key, now), key.kind)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MaintainKeys:
    """Make the first keys, rotate due keys, and delete keys whose tokens have expired."""

    keys: KeyStore
    key_rotation: KeyRotation
    key_times: KeyTimes
    audit: Audit
    clock: Clock

    async def __call__(self) -> None:
        """Several workers may call this at once: each change is made once."""
        while self.is_due(ring := await self.keys.ring()):
            maintained = await self._maintained(ring)
            entry = self.audit.begin(EventType.ROTATE_KEYS, UNKNOWN, Scheduler())
            only_deletes = maintained.keys <= ring.keys
            effects = NO_EFFECTS if only_deletes else entry.success()
            if await entry.settle(effects, await self.keys.replace(ring, maintained, effects)):
                return

    def is_due(self, ring: KeyRing) -> bool:
        now = self.clock()
        return ring != ring.without_expired(now, self.key_times) or any(
            not ring.of(kind) or ring.is_rotation_due(kind, now, self.key_times)
            for kind in TokenKind
        )

    async def _maintained(self, ring: KeyRing) -> KeyRing:
        now = self.clock()
        maintained = ring.without_expired(now, self.key_times)
        for kind in TokenKind:
            if not maintained.of(kind):
                first = await self.keys.make(kind, now)
                maintained = maintained.plus(replace(first, signs_from=first.published_at))
                maintained = await self.key_rotation.with_standby(maintained, kind)
            elif maintained.is_rotation_due(kind, now, self.key_times):
                maintained = await self.key_rotation.rotated(maintained, kind)
        return maintained


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """
    :ivar keys: JWKs (RFC 7517).
    :ivar max_age: how long a verifier may cache them.
    """

    keys: Sequence[Mapping[str, str]]
    max_age: timedelta


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ListPublicKeys:
    signer: TokenSigner
    times: KeyTimes

    async def __call__(self) -> PublicKeys:
        """Return what others need to verify access tokens.

        :raises Unavailable: the keys that this process has loaded are too old.
        """
        return PublicKeys(self.signer.public_keys(), self.times.cached)
