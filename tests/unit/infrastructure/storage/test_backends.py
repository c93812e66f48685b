"""The backend of a URL, and its connection."""

from pathlib import Path
from typing import Any

import pytest

from domain.errors import Unavailable
from infrastructure.storage.backends import BUILT_IN, Backend, backend_for, load
from infrastructure.storage.memory.backend import BACKEND as MEMORY
from infrastructure.storage.memory.sessions import MemorySessions
from infrastructure.storage.memory.users import MemoryUsers
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.redis.backend import BACKEND as REDIS
from infrastructure.storage.redis.sessions import RedisSessions
from infrastructure.storage.sql.backend import BACKEND as SQL
from infrastructure.storage.sql.sessions import SqlSessions
from infrastructure.storage.sql.users import SqlUsers
from infrastructure.storage.stores import open_stores
from tests.conftest import OTHER_NAMES, PLACES, schemes, url_for
from tests.support.builders import a_session, a_user


@pytest.mark.parametrize(
    ("url", "backend"),
    [
        ("memory:", MEMORY),
        ("sqlite:///doorward.db", SQL),
        ("postgresql://db/doorward", SQL),
        ("postgres://db/doorward", SQL),
        ("postgresql+asyncpg://db/doorward", SQL),
    ],
)
def test_the_scheme_selects_the_backend(url: str, backend: Backend[Any]) -> None:
    assert backend_for(url, "users") is backend
    assert backend_for(url, "sessions") is backend


@pytest.mark.parametrize("url", ["redis://cache", "rediss://cache", "unix:///run/redis.sock"])
def test_redis_keeps_sessions_and_no_users(url: str) -> None:
    assert backend_for(url, "sessions") is REDIS
    with pytest.raises(ValueError, match="to keep users"):
        backend_for(url, "users")


@pytest.mark.parametrize("url", ["mysql://ada:secret@db/x", "secret", "", "MEMORY:", "://secret"])
def test_an_unknown_scheme_names_the_known_ones_and_repeats_nothing(url: str) -> None:
    with pytest.raises(ValueError, match="one of these schemes") as for_users:
        backend_for(url, "users")
    with pytest.raises(ValueError, match="one of these schemes") as for_sessions:
        backend_for(url, "sessions")

    for role, refused in (("users", for_users), ("sessions", for_sessions)):
        known = [scheme for scheme in BUILT_IN if getattr(load(scheme), role)]
        assert str(refused.value).endswith(f"to keep {role}: {', '.join(known)}")
    assert "redis" not in str(for_users.value)
    assert "secret" not in f"{for_users.value} {for_sessions.value}"


def test_each_backend_stores_users_or_sessions() -> None:
    assert all(backend.users or backend.sessions for backend in map(load, BUILT_IN))


@pytest.mark.parametrize(("other_name", "name"), OTHER_NAMES.items())
def test_other_schemes_belong_to_backends_that_are_tested(other_name: str, name: str) -> None:
    assert load(other_name) is load(name)
    assert name in PLACES


def test_an_untested_scheme_fails_with_advice(
    request: pytest.FixtureRequest,
) -> None:
    with pytest.raises(pytest.fail.Exception) as failed:
        url_for("unheard-of", request)

    assert "'unheard-of'" in str(failed.value)
    assert "add one to PLACES in tests/conftest.py" in str(failed.value)


@pytest.mark.parametrize("role", ["users", "sessions", "rate_limiter"])
def test_every_registered_backend_runs_the_contracts(role: str) -> None:
    tested = [load(scheme) for scheme in schemes(role)]

    assert all(backend in tested for backend in map(load, BUILT_IN) if getattr(backend, role))
    assert set(schemes(role)) <= set(PLACES)


async def test_stores_are_made_by_their_schemes(sqlite_url: str) -> None:
    async with open_stores("memory:", sqlite_url, StoreOptions()) as stores:
        assert isinstance(stores.users, MemoryUsers)
        assert isinstance(stores.sessions, SqlSessions)
    async with open_stores(sqlite_url, "redis://127.0.0.1", StoreOptions()) as stores:
        assert isinstance(stores.users, SqlUsers)
        assert isinstance(stores.sessions, RedisSessions)
    async with open_stores(sqlite_url, "memory:", StoreOptions()) as stores:
        assert isinstance(stores.sessions, MemorySessions)


async def test_stores_at_one_url_share_one_connection(sqlite_url: str) -> None:
    opened = await connections_of(sqlite_url, sqlite_url)

    assert len(opened) == 1


async def test_stores_at_two_urls_have_a_connection_each(sqlite_url: str, tmp_path: Path) -> None:
    opened = await connections_of(sqlite_url, f"sqlite:///{tmp_path}/other.db")

    assert len(opened) == 2


async def connections_of(users_url: str, sessions_url: str) -> set[int]:
    """Return the connections of the two stores."""
    async with open_stores(users_url, sessions_url, StoreOptions()) as stores:
        assert isinstance(stores.users, SqlUsers)
        assert isinstance(stores.sessions, SqlSessions)
        return {id(store._rows.database) for store in (stores.users, stores.sessions)}


@pytest.mark.parametrize(
    "url",
    [
        "redis://:secret@cache:secret/0",
        "redis://cache/0?socket_keepalive=yes&db=secret",
        "postgresql://ada:secret@db:secret/doorward",
    ],
)
async def test_an_unreadable_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - looked at below
        async with open_stores("memory:", url, StoreOptions()):
            pass

    assert "secret" not in str(refused.value)


async def test_opening_stores_needs_no_server() -> None:
    nowhere = "postgresql://ada@127.0.0.1:1/doorward"
    async with open_stores(nowhere, "redis://127.0.0.1:1/0", StoreOptions()) as stores:
        with pytest.raises(Unavailable):
            await stores.users.add(a_user())
        with pytest.raises(Unavailable):
            await stores.sessions.add(a_session())
