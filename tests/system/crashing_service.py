"""A program for tests: the service, which a request can kill. ``support/preloaded.py`` forks it.

All else is as in the service: its settings, stores, routes and web server. Whenever the server
has been killed, a new one takes its place, as under systemd or Docker. The new one is forked off
a process that has answered a request of each kind and is connected to nothing, for that takes a
tenth of the time of a start.
"""

import asyncio
import gc
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, NoReturn, TypeVar

import uvloop  # noqa: F401 - to be there already
from dishka import AsyncContainer, Provider, Scope, decorate, provide
from litestar import Litestar
from litestar.types import ASGIApp, Message, Receive, Send
from litestar.types import Scope as Request
from uvicorn import Server

from api.lifecycle import Lifecycle
from application.ports import (
    Devices,
    PasswordHasher,
    RateLimiter,
    SessionStore,
    TokenSigner,
    UserRepository,
)
from domain.passwords.password import PasswordRule
from doorward.diagnostics import preflight
from doorward.server import run as server
from doorward.server.config import server_options
from doorward.server.connections import raise_file_limit
from doorward.server.lifespan import Program
from doorward.server.signals import exit_on_signals
from doorward.wiring.container import make_container
from infrastructure.config.settings import Settings
from infrastructure.passwords.argon2_hasher import Argon2Hasher
from infrastructure.passwords.hashing_pool import HashingPool
from infrastructure.telemetry.logging import logs
from infrastructure.telemetry.telemetry import Observation
from tests.http.client import ORIGIN, a_client, bearer
from tests.support import cheap_hashes
from tests.support.waiting import until_no_other_thread_runs

HEADER = "x-killed-before"
"""The request header with the number of the step before which the server dies, from 1."""

CRASH_MESSAGE = "killed before "

_Store = TypeVar("_Store")
_left: ContextVar[int] = ContextVar("_left", default=0)


def crash_before(number: int) -> None:
    """Let this process die before the step with this number, from 1."""
    _left.set(number)


def step(name: str) -> None:
    """Count a step: a request, or a delivery, is about to call a port or to send its response."""
    _left.set(_left.get() - 1)
    if _left.get() == 0:
        os.write(sys.stderr.fileno(), f"{CRASH_MESSAGE}{name}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)


def with_steps(store: _Store, port: type) -> _Store:
    """Wrap a store: each asynchronous call of its port is a step."""
    for name, method in vars(port).items():
        if iscoroutinefunction(method):
            setattr(store, name, _after_step(f"{port.__name__}.{name}", getattr(store, name)))
    return store


def _after_step(name: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def stepping(*arguments: Any, **named: Any) -> Any:
        step(name)
        return await call(*arguments, **named)

    return stepping


class CheapHashes(Provider):
    scope = Scope.APP

    @provide
    def hasher(self, pool: HashingPool) -> PasswordHasher:
        """Hash at a cost that no setting allows: crashes happen between calls of stores."""
        return Argon2Hasher(cheap_hashes.COST, pool)


class SteppedStores(Provider):
    scope = Scope.APP

    @decorate
    def users(self, users: UserRepository) -> UserRepository:
        return with_steps(users, UserRepository)

    @decorate
    def sessions(self, sessions: SessionStore) -> SessionStore:
        return with_steps(sessions, SessionStore)

    @decorate
    def rate_limiter(self, limiter: RateLimiter) -> RateLimiter:
        return with_steps(limiter, RateLimiter)


def with_crash_points(app: ASGIApp) -> ASGIApp:
    """Wrap an application: requests without the header behave as usual."""

    async def wrapped(request: Request, receive: Receive, send: Send) -> None:
        async def send_in_steps(message: Message) -> None:
            step(message["type"])
            await send(message)

        headers = dict(request.get("headers", ()))
        crash_before(int(headers.get(HEADER.encode(), 0)))
        await app(request, receive, send_in_steps)

    return wrapped


async def loaded(settings: Settings) -> AsyncContainer:
    """Make the container and load what it needs, except the stores: they connect on demand."""
    await preflight.prepare(settings)
    used = make_container(settings, CheapHashes(), SteppedStores())
    await use(await used.get(Litestar))
    context = {each: await used.get(each) for each in (Settings, Lifecycle, Observation)}
    await used.close()
    assert used.parent_container
    container = used.parent_container(context, lock_factory=asyncio.Lock)  # with its factories
    for needed in (TokenSigner, Devices, PasswordHasher, PasswordRule):
        await container.get(needed)
    return container


async def use(app: Litestar) -> None:
    """Send a request of each kind: the first ones take longer."""
    async with a_client(app, ORIGIN) as client:
        tokens = await client.obtain_tokens()
        answer = await client.change_password(headers=bearer(tokens["access_token"]))
        tokens = (await client.refresh(answer.json()["refresh_token"])).json()
        await client.me(tokens["access_token"])
        answer = await client.log_out(
            tokens["refresh_token"], headers=bearer(tokens["access_token"])
        )
        assert answer.status_code == 200


@asynccontextmanager
async def opened(container: AsyncContainer) -> AsyncIterator[Litestar]:
    yield await container.get(Litestar)
    await container.close()


def main() -> NoReturn:
    """Serve on the port of the configuration, and start another server after each kill."""
    exit_on_signals()
    settings = Settings.read()
    listener = socket.create_server(("127.0.0.1", settings.http.port))
    container = asyncio.run(loaded(settings))
    until_no_other_thread_runs()
    gc.collect()
    gc.freeze()  # no collection of a forked server visits and copies what is loaded
    while True:
        process = multiprocessing.get_context("fork").Process(
            target=serve, args=(container, listener, settings), daemon=True
        )
        process.start()
        process.join()
        if process.exitcode != -signal.SIGKILL:
            sys.exit(f"the server ended by itself, with {process.exitcode}")


def serve(container: AsyncContainer, listener: socket.socket, settings: Settings) -> None:
    program = Program(partial(opened, container))
    options = server_options(settings.http, settings.logs, raise_file_limit())
    config = server.configuration(options, logs(settings.logs), lambda: with_crash_points(program))
    Server(config).run(sockets=[listener])
