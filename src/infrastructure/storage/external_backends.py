"""Storage backends of installed packages, by their entry points.

A package declares in its ``pyproject.toml``::

    [project.entry-points."doorward.backends"]
    mongo = "doorward_mongo:BACKEND"

Then ``mongo://...`` is a URL of that backend. The package is imported when a URL names it.
"""

import sys
from functools import cache
from importlib.metadata import EntryPoints, entry_points

GROUP = "doorward.backends"


def external_schemes() -> list[str]:
    """Return the schemes that installed packages register, without importing the packages."""
    return sorted({each.name for each in _registered(tuple(sys.path))})


def load_external(scheme: str) -> object:
    """Import what a package registers under this scheme.

    :raises ValueError: the import fails, or several packages register the scheme.
    """
    [first, *others] = _registered(tuple(sys.path)).select(name=scheme)
    if others:
        raise ValueError(f"has the scheme {scheme}, which several installed packages register")
    try:
        return first.load()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"has the scheme {scheme}, whose package cannot be loaded ({reason})"
        ) from error


@cache
def _registered(_path: tuple[str, ...]) -> EntryPoints:
    """Read the metadata of all packages on the path, which takes tens of milliseconds, once."""
    return entry_points(group=GROUP)
