"""Signals to the processes of the service."""

import os
import signal
import sys
from types import FrameType

SHUTDOWN_WITHOUT_DELAY = signal.SIGUSR1
"""As SIGINT, but a second one does not cancel requests."""

_HAD_TERMINAL = os.isatty(0)


def terminal_is_gone() -> bool:
    """Whether SIGHUP means that the terminal was closed in which the service started."""
    return _HAD_TERMINAL and not os.isatty(0)


def exit_on_signals() -> None:
    """Exit successfully on SIGINT and SIGTERM, and ignore SIGHUP, until the server runs."""

    def leave(_signal: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
