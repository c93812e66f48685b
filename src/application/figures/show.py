"""Show the figures of a period, and the state of what the service depends on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from application.ports import Clock, FigureStore, KeyStore, Outbox, OutboxStatus
from application.readiness import CheckReadiness
from domain.actor import Actor
from domain.figures import History, Measurement, Period
from domain.key_ring import UNKNOWN_START, KeyRing, KeyTimes
from domain.permissions import Permission
from domain.token import TokenKind


@dataclass(frozen=True, slots=True)
class CurrentKey:
    """A key that signs now.

    :ivar since: when it began; ``None`` if that is not known.
    :ivar rotates_at: when the next key takes over; ``None`` if nothing is planned.
    """

    kind: TokenKind
    since: datetime | None
    rotates_at: datetime | None


@dataclass(frozen=True, slots=True)
class Overview:
    """
    :ivar measured: the last measurement; ``None`` before the first.
    :ivar mail: what waits in the outbox now.
    :ivar errors: by the name of a dependency, why it does not work; ``None`` if it does.
    """

    at: datetime
    period: Period
    history: History
    measured: Measurement | None
    mail: OutboxStatus
    keys: Sequence[CurrentKey]
    errors: Mapping[str, Exception | None]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ShowFigures:
    figures: FigureStore
    outbox: Outbox
    keys: KeyStore
    times: KeyTimes
    check_readiness: CheckReadiness
    clock: Clock

    async def __call__(self, actor: Actor, period: Period) -> Overview:
        """
        :raises PermissionMissing: the actor may not read the figures.
        """
        actor.require(Permission.READ_FIGURES)
        now = self.clock()
        starts = period.starts(now)
        points = await self.figures.points(starts[0], period.step)
        return Overview(
            now,
            period,
            History.of(starts, points),
            await self.figures.last_measurement(),
            await self.outbox.status(),
            _current_keys((await self.keys.list()).ring, now, self.times),
            await self.check_readiness(),
        )


def _current_keys(ring: KeyRing, now: datetime, times: KeyTimes) -> Sequence[CurrentKey]:
    keys = []
    for kind in TokenKind:
        if ring.of(kind):
            key = ring.signing(kind, now)
            since = None if key.signs_from == UNKNOWN_START else key.signs_from
            due = since + times.rotation if since and times.rotation else None
            keys.append(CurrentKey(kind, since, ring.retired_at(key) or due))
    return keys
