"""Sessions and activities that several tests of SessionStore use."""

from uuid import uuid4

from domain.session import Session
from domain.session_activity import SessionActivity
from domain.user import UserId
from doorward.conformance.support.examples import NOW, SECOND, a_session

HERE = SessionActivity(NOW, "192.0.2.1", "Mozilla/5.0 (X11; Linux x86_64)")
THERE = SessionActivity(NOW, "2001:db8::7", "curl/8.5.0")


def of_one_user(number: int) -> list[Session]:
    """Return sessions that began one after the other, the last one now."""
    user_id = UserId(uuid4())
    return [
        a_session(user_id=user_id, started_at=NOW - age * SECOND)
        for age in reversed(range(number))
    ]
