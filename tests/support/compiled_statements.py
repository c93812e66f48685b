"""SQL statements that are compiled once for all databases of a test run.

SQLAlchemy keeps compiled statements with each engine. A service has one engine for as long as it
runs; tests open hundreds, and a fifth of their time would go into the same statements again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import Compiled
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

_Key = tuple[Any, ...]
_PLACES = ("infrastructure.storage.sql.database", "infrastructure.storage.sql.connection.pooler")


class _OfOneBackend:
    """The compiled statements of all engines of one backend, as the cache of an engine.

    The first part of SQLAlchemy's key is the dialect object of the engine.
    """

    def __init__(self) -> None:
        self._statements: dict[_Key, Compiled] = {}

    def get(self, key: _Key) -> Compiled | None:
        return self._statements.get(key[1:])

    def __setitem__(self, key: _Key, compiled: Compiled) -> None:
        self._statements[key[1:]] = compiled


@contextmanager
def compile_statements_once() -> Iterator[None]:
    """Let all engines of the stores share their compiled statements, by backend."""
    with pytest.MonkeyPatch.context() as patch:
        create = _sharing({})
        for place in _PLACES:
            patch.setattr(f"{place}.create_async_engine", create)
        yield


def _sharing(caches: dict[str, _OfOneBackend]) -> Callable[..., AsyncEngine]:
    def create(url: URL, **options: Any) -> AsyncEngine:
        cache = caches.setdefault(url.get_backend_name(), _OfOneBackend())
        return create_async_engine(url, execution_options={"compiled_cache": cache}, **options)

    return create
