"""What makes a start cheap: no garbage is collected, and nothing is imported that is not used."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_UNUSED = ("rich", "attr")
"""Packages that libraries import where they are installed, for uses that Doorward has not:
structlog prints tracebacks with rich, and Litestar knows the classes of attrs. They take 80 ms
and 5 MB.
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
