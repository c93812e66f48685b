"""Record where and by what each session was last used, and store it later."""

from dataclasses import dataclass
from datetime import datetime

from application.ports import Clock, SessionStore
from domain.request_context import RequestContext
from domain.session import Session, SessionId
from domain.session_activity import COARSENESS, SessionActivity
from domain.user import UserId


class SessionActivityBuffer:
    """What this process has recorded and not stored yet.

    :ivar recorded_at: when each session was last recorded, the oldest first.
    :ivar pending: what :class:`FlushSessionActivity` is to store.
    """

    def __init__(self) -> None:
        self.recorded_at: dict[SessionId, datetime] = {}
        self.pending: dict[SessionId, tuple[UserId, SessionActivity]] = {}

    def take(self) -> dict[SessionId, tuple[UserId, SessionActivity]]:
        """Return the pending activities and empty the buffer."""
        taken, self.pending = self.pending, {}
        return taken


@dataclass(frozen=True, slots=True)
class RecordSessionActivity:
    """Buffer the activity of a session, about once a minute. No request waits for the store."""

    buffer: SessionActivityBuffer
    clock: Clock

    def is_due(self, session: Session) -> bool:
        """Return whether it is time to :meth:`record` the session again.

        Each authenticated request asks this.
        """
        last = self.buffer.recorded_at.get(session.id)
        return last is None or self.clock() - last >= COARSENESS

    def record(self, session: Session, caller: RequestContext) -> None:
        """Buffer that the caller uses this session now."""
        now = self.clock()
        self.buffer.recorded_at.pop(session.id, None)
        self.buffer.recorded_at[session.id] = now
        self.buffer.pending[session.id] = session.user_id, SessionActivity.of(caller, now)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FlushSessionActivity:
    """Store the buffered activity of all sessions."""

    buffer: SessionActivityBuffer
    sessions: SessionStore
    clock: Clock

    async def __call__(self) -> None:
        """Store the pending activities, unless another process has stored a later activity.

        What cannot be stored is dropped, and the next request of its session records it again: a
        store that is down fills no memory.

        :raises Unavailable: the store does not answer.
        """
        pending = self.buffer.take()
        try:
            for session_id, (user_id, activity) in pending.items():
                await self._store(user_id, session_id, activity)
        except Exception:
            for session_id in pending:
                self.buffer.recorded_at.pop(session_id, None)
            raise
        finally:
            self._forget_old()

    async def _store(
        self, user_id: UserId, session_id: SessionId, activity: SessionActivity
    ) -> None:
        stored = (await self.sessions.activity_of(user_id)).get(session_id)
        if activity.is_worth_noting_after(stored):
            await self.sessions.record_activity(user_id, session_id, activity)
        elif stored is not None:
            self.buffer.recorded_at[session_id] = stored.at  # due again a minute after that

    def _forget_old(self) -> None:
        now = self.clock()
        for session_id, recorded_at in list(self.buffer.recorded_at.items()):
            if now - recorded_at < COARSENESS:
                break
            del self.buffer.recorded_at[session_id]
