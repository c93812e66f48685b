"""SQLAlchemy's asynchronous engine without its object-relational mapper.

The package of the engine imports sessions of the mapper as well, which the service has not. They
take 60 ms of each start and 8 MB.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_PACKAGE = "sqlalchemy.ext.asyncio"
_OF_MAPPER = ("session", "scoping")
_LATER = object()


class _NotYet(ModuleType):
    """Stands in for a module while the package imports names from it."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return _LATER


def import_engine() -> None:
    """Import the package. It imports the mapper when other code asks for one of those names."""
    if _PACKAGE in sys.modules:
        return
    modules = [f"{_PACKAGE}.{each}" for each in _OF_MAPPER]
    sys.modules.update({name: _NotYet(name) for name in modules})
    try:
        package = import_module(_PACKAGE)
    finally:
        for name in modules:
            del sys.modules[name]
    later = {name for name, value in vars(package).items() if value is _LATER}
    for name in later.union(_OF_MAPPER) & vars(package).keys():
        delattr(package, name)

    def load(name: str) -> Any:
        if name not in later:
            raise AttributeError(f"module {_PACKAGE!r} has no attribute {name!r}")
        found = (vars(import_module(each)) for each in modules)
        return next(each[name] for each in found if name in each)

    vars(package)["__getattr__"] = load
