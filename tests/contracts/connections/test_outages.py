"""The promises of every port about a server that does not answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal, TypeVar

import pytest

from application.ports import RateLimiter, SessionStore, UserRepository
from domain.email import Email
from domain.errors import Unavailable
from domain.session import Session
from domain.user import User
from infrastructure.storage.backends import Backend, load
from infrastructure.storage.options import StoreOptions
from tests.conftest import schemes, url_for
from tests.support.builders import NOW, a_session, a_user, refreshed
from tests.support.doubles import TcpProxy

_Connection = TypeVar("_Connection")
Role = Literal["users", "sessions", "rate_limiter"]
HASTY = StoreOptions(timeout=timedelta(seconds=1))  # as long takes each test of silence
ROLES: tuple[Role, ...] = ("users", "sessions", "rate_limiter")
TOLD = {"users": "users", "sessions": "sessions", "rate_limiter": "rate limits"}
"""What the error says is out of order."""

REMOTE = [(role, scheme) for role in ROLES for scheme in schemes(role, networked=True)]


@dataclass(frozen=True)
class Remote:
    """A store behind a connection that breaks.

    :ivar fill: stores something.
    :ivar remembers: whether it is there.
    :ivar calls: begins one call of each method.
    """

    role: Role
    proxy: TcpProxy
    fill: Callable[[], Awaitable[object]]
    remembers: Callable[[], Awaitable[bool]]
    calls: Callable[[], list[Awaitable[object]]]

    async def is_unavailable(self) -> bool:
        patience = HASTY.timeout.total_seconds() + 1  # for all calls at once, on a busy machine
        async with asyncio.timeout(patience):
            results = await asyncio.gather(*self.calls(), return_exceptions=True)
        errors = {(type(result), str(result).replace("_", " ")) for result in results}
        return errors == {(Unavailable, f"{TOLD[self.role]}: no answer")}


def remote_users(proxy: TcpProxy, users: UserRepository, user: User) -> Remote:
    async def remembers() -> bool:
        return await users.get(user.id) == user

    return Remote(
        "users",
        proxy,
        fill=lambda: users.add(user),
        remembers=remembers,
        calls=lambda: [
            users.add(a_user(email=Email.parse("eve@example.org"))),
            users.get(user.id),
            users.by_email(user.email),
            users.replace(user, replace(user, name="Countess")),
            users.delete(user.id),
        ],
    )


def remote_sessions(proxy: TcpProxy, sessions: SessionStore, session: Session) -> Remote:
    async def remembers() -> bool:
        return await sessions.get(session.user_id, session.id) == session

    return Remote(
        "sessions",
        proxy,
        fill=lambda: sessions.add(session),
        remembers=remembers,
        calls=lambda: [
            sessions.add(a_session()),
            sessions.get(session.user_id, session.id),
            sessions.replace(session, refreshed(session)),
            sessions.delete(session.user_id, session.id),
            sessions.of_user(session.user_id),
        ],
    )


def remote_limiter(proxy: TcpProxy, limiter: RateLimiter) -> Remote:
    window = timedelta(hours=1)

    async def fill() -> None:
        await limiter.count("key", window, NOW)

    async def remembers() -> bool:
        return (await limiter.count("key", window, NOW)).count > 1

    return Remote(
        "rate_limiter",
        proxy,
        fill=fill,
        remembers=remembers,
        calls=lambda: [
            limiter.count("key", window, NOW),
            limiter.count("another key", window, NOW),
            limiter.forget("a third key"),
        ],
    )


def behind(
    proxy: TcpProxy, role: Role, backend: Backend[_Connection], connection: _Connection
) -> Remote:
    if role == "users":
        assert backend.users is not None
        return remote_users(proxy, backend.users(connection), a_user())
    if role == "rate_limiter":
        assert backend.rate_limiter is not None
        return remote_limiter(proxy, backend.rate_limiter(connection))
    assert backend.sessions is not None
    return remote_sessions(proxy, backend.sessions(connection), a_session())


@pytest.fixture(params=REMOTE, ids="-".join)
async def remote(request: pytest.FixtureRequest) -> AsyncIterator[Remote]:
    role, scheme = request.param
    async with TcpProxy(url_for(scheme, request)) as proxy:
        backend = load(scheme)
        async with backend.connect(proxy.url, HASTY) as connection:
            yield behind(proxy, role, backend, connection)


async def test_a_stopped_server_is_unavailable_until_it_is_back(remote: Remote) -> None:
    await remote.fill()

    await remote.proxy.disconnect()
    assert await remote.is_unavailable()

    await remote.proxy.accept()
    assert await remote.remembers()


async def test_a_server_that_is_silent_is_unavailable_and_comes_back(remote: Remote) -> None:
    await remote.fill()

    remote.proxy.stall()
    assert await remote.is_unavailable()

    await remote.proxy.disconnect()
    await remote.proxy.accept()
    assert await remote.remembers()


async def test_a_server_that_was_never_there_is_unavailable(remote: Remote) -> None:
    await remote.proxy.disconnect()

    assert await remote.is_unavailable()


async def test_a_restarted_server_fails_no_later_call(remote: Remote) -> None:
    await remote.fill()

    await remote.proxy.disconnect()
    await remote.proxy.accept()

    assert await remote.remembers()
