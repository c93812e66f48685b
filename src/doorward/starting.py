"""What makes a start cheap: no garbage is collected, and nothing is imported that is not used."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_UNUSED = ("attr", "opentelemetry", "rich")
"""Packages that libraries import where they are installed, for uses that Doorward has not:
structlog prints tracebacks with rich, and Litestar has plugins for the others. They take 100 ms
and 8 MB. With traces, opentelemetry is imported before.
"""


@contextmanager
def starting() -> Iterator[None]:
    """Pause the garbage collector, and hide unused packages, while modules are imported or an
    application is made.

    Nearly all that is made then lives as long as the process: the collections that its growth
    causes took a quarter of the time of a start, and found less than a hundredth of it to free.
    No later collection scans it either.
    """
    hidden = [name for name in _UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type] # None: an ImportError
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        for name in hidden:
            del sys.modules[name]
