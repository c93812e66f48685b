"""What is recorded of what people did: who, what, when, from where, and how it ended."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from domain.session import SessionId
from domain.user import UserId

SUCCESS = "success"

# What anybody could bring about without end is left to the log: it would fill the audit log's
# disk. What is kept is limited by the number of attempts, or of changes, that somebody may make.
_KEPT_OUTCOMES = frozenset(
    {SUCCESS, "InvalidCredentials", "WrongPassword", "RefreshTokenReused", "LastAdministrator"}
)

_ENDS_SESSIONS = {
    "logout": "logout",
    "end session": "owner",
    "end all sessions": "owner",
    "end sessions of user": "administrator",
    "change password": "password",
    "delete user": "deleted",
    "delete account": "deleted",
}
CAUSES_OF_END = frozenset({*_ENDS_SESSIONS.values(), "reuse", "too_many", "disabled"})
"""By which sessions can end before their time."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Where a request comes from, as far as that is known.

    :ivar address: the IP address.
    :ivar request_id: which request it is, in the logs of everybody involved.
    :ivar device_token: what the caller shows to be known on this device.
    :ivar agent: what the caller's browser or program calls itself.
    """

    address: str = ""
    request_id: str = ""
    device_token: str | None = None
    agent: str = ""


UNKNOWN = RequestContext()
"""Where nobody asks: a script, a test."""

COMMAND_LINE = RequestContext(request_id="(command line)")
"""The operator, who has the right to everything and is limited by nothing. No request has this id:
there are signs in it that no proxy is believed.
"""

SCHEDULE = RequestContext(request_id="(schedule)")
"""Nobody: it was due."""


@dataclass(frozen=True, slots=True)
class Event:
    """Nothing in it is secret, and nothing of it was typed by the caller.

    :ivar id: 128 random bits: to record an event twice is to record it once.
    :ivar what: ``login``, ``logout`` …
    :ivar outcome: ``success``, or the name of the error.
    :ivar user_id: whom it is about; ``None`` when that is not known.
    :ivar actor_id: who did it, if it was somebody else: an administrator.
    :ivar detail: what about it, in a word: the new role, for instance.
    """

    id: str
    what: str
    outcome: str
    at: datetime
    caller: RequestContext
    user_id: UserId | None = None
    session_id: SessionId | None = None
    actor_id: UserId | None = None
    detail: str = ""

    def without_address_of(self, user_id: UserId) -> Self:
        """The event as it is when the address of this user is forgotten, if it is theirs."""
        if (self.actor_id or self.user_id) != user_id:
            return self
        return replace(self, caller=replace(self.caller, address=""))

    @property
    def is_by_another(self) -> bool:
        """Whether an administrator or the operator did it."""
        is_operators = self.caller.request_id == COMMAND_LINE.request_id
        return self.actor_id is not None or is_operators

    @property
    def cause_of_end(self) -> str | None:
        """By what sessions were ended, if any were: one of :data:`CAUSES_OF_END`."""
        if (self.what, self.outcome) == ("refresh", "RefreshTokenReused"):
            return "reuse"
        if self.outcome != SUCCESS:
            return None
        if (self.what, self.detail) == ("end session", "too many"):
            return "too_many"
        if self.what == "change user":
            return "disabled" if "disabled" in self.detail.split(", ") else None
        return _ENDS_SESSIONS.get(self.what)

    @property
    def is_kept(self) -> bool:
        """Whether it belongs into the audit log. The service's own log has all events."""
        is_refresh = (self.what, self.outcome) == ("refresh", SUCCESS)  # that is no news
        has_an_end = self.user_id is not None or self.outcome == SUCCESS
        return has_an_end and self.outcome in _KEPT_OUTCOMES and not is_refresh


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event in the audit log.

    :ivar number: its place there: 1, 2, 3 … without a gap.
    """

    number: int
    event: Event
