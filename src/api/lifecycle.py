"""What a server process tells the application that it serves."""

from collections.abc import Callable
from dataclasses import dataclass, field

Listener = Callable[[], None]


@dataclass
class Lifecycle:
    """One for each server process, known to its server and its application.

    :ivar is_ending: the service is about to end, and says so. Everybody is served as before.
    :ivar is_closing: nobody new is accepted.
    :ivar when_late: called when requests have no time left.
    :ivar when_reloaded: called when the configuration is to be read anew.
    """

    is_ending: bool = False
    is_closing: bool = False
    when_late: list[Listener] = field(default_factory=list)
    when_reloaded: list[Listener] = field(default_factory=list)

    @property
    def closes_connections(self) -> bool:
        """Whether each answer is the last on its connection."""
        return self.is_ending or self.is_closing
