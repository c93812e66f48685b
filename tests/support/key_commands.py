"""The use cases of signing keys on one store, and a store in memory."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from unittest.mock import AsyncMock

from application.audit import Audit
from application.pagination import EventQuery
from application.ports import AuditLog, KeyStore
from application.ports.effects import NO_EFFECTS, Effects, Stored
from application.signing_keys import KeyRotation, MaintainKeys, RevokeKey, RotateKeys
from application.step_up import RequireStepUp
from domain.key_ring import Key, KeyId, KeyListing, KeyRing, KeyState, KeyTimes
from domain.token import TokenKind
from infrastructure.storage.memory.audit_log import MemoryAuditLog
from infrastructure.storage.memory.outbox import MemoryOutbox
from tests.support.builders import new_id
from tests.support.doubles import Recorder, SettableClock

TIMES = KeyTimes(
    cached=timedelta(minutes=5),
    kept={TokenKind.ACCESS: timedelta(minutes=16), TokenKind.REFRESH: timedelta(minutes=61)},
    rotation=timedelta(days=30),
)


@dataclass
class MemoryKeys(KeyStore):
    """Keys without key pairs.

    :ivar made: all keys, those that were never stored among them.
    """

    stored: KeyRing = KeyRing()  # noqa: RUF009 - it is frozen
    made: list[Key] = field(default_factory=list)

    async def ring(self) -> KeyRing:
        return self.stored

    async def list(self) -> KeyListing:
        return KeyListing(self.stored, {key.id: "EdDSA" for key in self.stored.keys})

    async def make(self, kind: TokenKind, now: datetime) -> Key:
        self.made.append(Key(KeyId(new_id()), kind, now))
        return self.made[-1]

    async def replace(
        self,
        old: KeyRing,
        new: KeyRing,
        effects: Effects = NO_EFFECTS,  # noqa: ARG002 - the use case records them
    ) -> Stored[bool]:
        if self.stored != old:
            return Stored(False)
        self.stored = new
        return Stored(True)

    async def discard(
        self,
        key_id: KeyId,  # noqa: ARG002
        effects: Effects = NO_EFFECTS,  # noqa: ARG002
    ) -> Stored[bool]:
        """Delete nothing: each entry is a valid key."""
        return Stored(False)

    async def reencrypt(self) -> int:
        """Encrypt nothing: there are no private keys."""
        return 0


def _for_operators() -> RequireStepUp:
    """Operators act without a session: none is looked up."""
    return RequireStepUp(AsyncMock(), AsyncMock(), AsyncMock(), AsyncMock())


@dataclass
class KeyCommands:
    """The use cases on one store."""

    store: KeyStore
    clock: SettableClock
    heard: Recorder = field(default_factory=Recorder)
    log: AuditLog = field(default_factory=MemoryAuditLog)
    require_step_up: RequireStepUp = field(default_factory=_for_operators)

    @property
    def audit(self) -> Audit:
        return Audit(self.log, MemoryOutbox(), self.heard, self.clock, new_id)

    @property
    def rotation(self) -> KeyRotation:
        return KeyRotation(self.store, TIMES, self.clock)

    @property
    def rotate(self) -> RotateKeys:
        require_step_up, rotation = self.require_step_up, self.rotation
        return RotateKeys(require_step_up, self.store, rotation, TIMES, self.audit, self.clock)

    @property
    def revoke(self) -> RevokeKey:
        return RevokeKey(self.require_step_up, self.store, self.rotation, self.audit, self.clock)

    @property
    def maintain(self) -> MaintainKeys:
        return MaintainKeys(self.store, self.rotation, TIMES, self.audit, self.clock)

    async def signing(self, kind: TokenKind = TokenKind.ACCESS) -> Key:
        return (await self.store.ring()).signing(kind, self.clock())

    async def states(self, kind: TokenKind = TokenKind.ACCESS) -> list[KeyState]:
        ring = await self.store.ring()
        return sorted(ring.state(key, self.clock()) for key in ring.of(kind))

    async def recorded(self) -> list[tuple[str, str, str]]:
        """Return type, outcome and details of the events in the audit log, the oldest first."""
        page = await self.log.page(EventQuery(), None, 100)
        events = [each.event for each in reversed(page.items)]
        return [(each.type, each.outcome, each.detail) for each in events]


def started(key: Key, start: datetime | None) -> Key:
    return replace(key, signs_from=start)
