"""Errors of drivers that are imported only where they are used."""

import sys


def errors_of(driver: str, *names: str) -> tuple[type[BaseException], ...]:
    """Return classes of errors, for ``except`` and ``isinstance``.

    :param driver: the module that has them.
    :returns: none while the driver is not imported: then it has raised nothing.
    """
    module = sys.modules.get(driver)
    return tuple(getattr(module, name) for name in names) if module else ()
