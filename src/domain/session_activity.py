"""Where and by what a session was last used, so that its owner recognises it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from domain.request_context import RequestContext

AGENT_LENGTH = 255
COARSENESS = timedelta(minutes=1)
"""The minimum interval between two recorded activities of a session."""


@dataclass(frozen=True, slots=True)
class SessionActivity:
    """
    :ivar at: the time, true to the minute.
    :ivar address: the client's IP address; empty if it is not known.
    :ivar agent: the client's ``User-Agent`` (RFC 9110, section 10.1.5): at most 255 visible ASCII
        characters and spaces. A client can send any text.
    """

    at: datetime
    address: str = ""
    agent: str = ""

    @classmethod
    def of(cls, caller: RequestContext, now: datetime) -> Self:
        agent = "".join(c for c in caller.agent[:AGENT_LENGTH] if c.isascii() and c.isprintable())
        return cls(now, caller.address, agent.strip())

    def is_worth_noting_after(self, last: Self | None) -> bool:
        return last is None or self.at - last.at >= COARSENESS
