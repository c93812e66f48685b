"""The channel from a server process to the application that it serves."""

from collections.abc import Callable
from dataclasses import dataclass, field

Listener = Callable[[], None]


@dataclass
class Lifecycle:
    """One object a server process, shared by its server and its application.

    :ivar is_ending: a shutdown has begun and readiness reports it. All requests are still served.
    :ivar is_closing: no new connections are accepted.
    :ivar when_late: called when the time for requests in progress is over.
    :ivar when_reloaded: called when the configuration is to be reloaded.
    """

    is_ending: bool = False
    is_closing: bool = False
    when_late: list[Listener] = field(default_factory=list)
    when_reloaded: list[Listener] = field(default_factory=list)

    @property
    def closes_connections(self) -> bool:
        """Whether each response is the last on its connection."""
        return self.is_ending or self.is_closing
