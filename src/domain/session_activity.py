"""Where and by what a session was last used: for its owner to recognise it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from domain.request_context import RequestContext

AGENT_LENGTH = 255
COARSENESS = timedelta(minutes=1)
"""How far apart two activities of a session are that are worth noting."""


@dataclass(frozen=True, slots=True)
class SessionActivity:
    """
    :ivar at: when, give or take a minute.
    :ivar address: the IP address; empty when it is not known.
    :ivar agent: what the browser or program calls itself (RFC 9110, section 10.1.5): at most 255
        visible ASCII characters and spaces. It may be a lie.
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
