"""The state of a server process, as the application needs to know it."""

from collections.abc import Callable
from dataclasses import dataclass, field

Listener = Callable[[], None]


@dataclass
class Lifecycle:
    """One per server process, shared by the server and its application.

    :ivar reports_not_ready: the service will exit and says so; it still serves every request.
    :ivar is_draining: the process accepts no new connections.
    :ivar on_deadline: called when pending requests have no time left.
    :ivar on_reload: called when the configuration is to be read again.
    """

    reports_not_ready: bool = False
    is_draining: bool = False
    on_deadline: list[Listener] = field(default_factory=list)
    on_reload: list[Listener] = field(default_factory=list)

    @property
    def closes_connections(self) -> bool:
        """Whether each response is the last one on its connection."""
        return self.reports_not_ready or self.is_draining
