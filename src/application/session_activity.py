"""Where and by what each session was last used."""

from datetime import datetime

from application.ports import Clock, SessionStore
from domain.audit_event import RequestContext
from domain.errors import Unavailable
from domain.session import Session, SessionId
from domain.session_activity import COARSENESS, SessionActivity
from domain.user import UserId


class RecordSessionActivity:
    """Notes where and by what each session is used, about once a minute, and never while somebody
    waits for it: what is noted is written later, by :meth:`write`.
    """

    def __init__(self, sessions: SessionStore, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock
        self._noted: dict[SessionId, datetime] = {}  # in the order of time
        self._unwritten: dict[SessionId, tuple[UserId, SessionActivity]] = {}

    def is_due(self, session: Session) -> bool:
        """Whether it is time to :meth:`note` it again. Asked with every request."""
        noted = self._noted.get(session.id)
        return noted is None or self._clock() - noted >= COARSENESS

    def note(self, session: Session, caller: RequestContext) -> None:
        now = self._clock()
        self._noted.pop(session.id, None)
        self._noted[session.id] = now
        self._unwritten[session.id] = session.user_id, SessionActivity.of(caller, now)

    async def write(self) -> None:
        """Write what was noted since. Another process may have seen the session too, so what is
        there is looked at first. What cannot be written is noted again with the next request.
        """
        unwritten, self._unwritten = self._unwritten, {}
        try:
            for session_id, (user_id, activity) in unwritten.items():
                await self._write(user_id, session_id, activity)
        except Unavailable:
            for session_id in unwritten:
                self._noted.pop(session_id, None)
        self._forget_old()

    async def _write(
        self, user_id: UserId, session_id: SessionId, activity: SessionActivity
    ) -> None:
        last = (await self._sessions.activity_of(user_id)).get(session_id)
        if activity.is_worth_noting_after(last):
            await self._sessions.record_activity(user_id, session_id, activity)
        elif last is not None:
            self._noted[session_id] = last.at  # so that it is due a minute after that

    def _forget_old(self) -> None:
        now = self._clock()
        for session_id, noted in list(self._noted.items()):
            if now - noted < COARSENESS:
                break
            del self._noted[session_id]
