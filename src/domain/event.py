"""What is recorded of what people did: who, what, when, from where, and how it ended."""

from dataclasses import dataclass
from datetime import datetime

from domain.session import SessionId
from domain.user import UserId


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from, as far as that is known.

    :ivar address: the IP address.
    :ivar request_id: which request it is, in the logs of everybody involved.
    :ivar device_token: what the caller shows to be known on this device.
    """

    address: str = ""
    request_id: str = ""
    device_token: str | None = None


UNKNOWN = Caller()
"""Where nobody asks: a script, a test."""


@dataclass(frozen=True, slots=True)
class Event:
    """Nothing in it is secret, and nothing of it was typed by the caller.

    :ivar what: ``login``, ``logout`` …
    :ivar outcome: ``success``, or the name of the error.
    :ivar user_id: who did it or to whom it happened; ``None`` when that is not known.
    """

    what: str
    outcome: str
    at: datetime
    caller: Caller
    user_id: UserId | None = None
    session_id: SessionId | None = None
