"""Storage backends of installed packages, by their entry points.

A package declares in its ``pyproject.toml``::

    [project.entry-points."doorward.backends"]
    mongo = "doorward_mongo:BACKEND"

Then ``mongo://...`` is a URL of that backend. The package is imported when a URL names it.
"""

from importlib.metadata import entry_points

GROUP = "doorward.backends"


def external_schemes() -> list[str]:
    """Return the schemes that installed packages register, without importing the packages."""
    return sorted({each.name for each in entry_points(group=GROUP)})


def load_external(scheme: str) -> object:
    """Import what a package registers under this scheme.

    :raises ValueError: the import fails, or several packages register the scheme.
    """
    [first, *others] = entry_points(group=GROUP, name=scheme)
    if others:
        raise ValueError(f"has the scheme {scheme}, which several installed packages register")
    try:
        return first.load()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"has the scheme {scheme}, whose package cannot be loaded ({reason})"
        ) from error
