"""Measure what no event counts: how much there is of something."""

from dataclasses import dataclass
from datetime import timedelta

from application.pagination import UserQuery
from application.ports import Clock, FigureStore, Outbox, SessionStore, UserRepository
from domain.figures import KEPT, Gauge, Measurement

INTERVAL = timedelta(minutes=5)
"""How often all processes together measure."""

_EXACT_UP_TO = 100_000
"""Counted in milliseconds. Of more users, an estimate is enough."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MeasureFigures:
    """Measure the gauges, and delete figures that are too old."""

    users: UserRepository
    sessions: SessionStore
    outbox: Outbox
    figures: FigureStore
    clock: Clock

    async def __call__(self) -> None:
        """Measure if no process has done it lately.

        :raises Unavailable: a store does not answer.
        """
        now = self.clock()
        if not await self.figures.claim_measurement(now, now - INTERVAL):
            return
        values = {
            Gauge.USERS: await self._count(UserQuery()),
            Gauge.USERS_WITH_SECOND_FACTOR: await self._count(UserQuery(has_second_factor=True)),
            Gauge.QUEUED_MESSAGES: (await self.outbox.status()).queued,
        }
        sessions = await self.sessions.count(now)
        if sessions is not None:
            values[Gauge.ACTIVE_SESSIONS] = sessions
        await self.figures.store_measurement(Measurement(now, values))
        await self.figures.prune(now - KEPT)

    async def _count(self, query: UserQuery) -> int:
        return (await self.users.count(query, _EXACT_UP_TO)).count
