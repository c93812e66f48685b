"""A Redis server: its URL, time-out and errors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache, partial
from typing import Self

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import RedisError

from domain.errors import Unavailable
from infrastructure.storage.options import InvalidUrl, StoreOptions
from infrastructure.storage.redis.multiplexer import RedisMultiplexer
from infrastructure.storage.redis.url import RESPONSES, UNREADABLE, own_url


class RedisServer:
    """A connection to Redis, with the port's time-out and the port's error.

    :param url: ``redis://…``, ``rediss://…`` (TLS) or ``unix://…``.
    :raises InvalidUrl: the URL cannot be used.
    """

    def __init__(self, url: str, options: StoreOptions) -> None:
        self._seconds = options.timeout.total_seconds()
        self._observe = partial(options.observer, "redis")
        own = own_url(url)
        try:
            self._pool = ConnectionPool.from_url(  # to parse the URL
                own,
                **RESPONSES,
                socket_timeout=self._seconds,
                socket_connect_timeout=self._seconds,
                retry=Retry(NoBackoff(), retries=0),
                driver_info=_driver(),
            )
            self.make_connection()  # only checks the options
        except (ValueError, TypeError, RedisError):  # whose messages quote the URL
            raise InvalidUrl(UNREADABLE) from None
        self._multiplexer = RedisMultiplexer(self.make_connection)

    def make_connection(self) -> AbstractConnection:
        """Make a connection that is not connected yet."""
        return self._pool.connection_class(**self._pool.connection_kwargs)

    @asynccontextmanager
    async def connection(self, role: str) -> AsyncIterator[RedisMultiplexer]:
        """
        :param role: what the calls are for: in errors, metrics and traces.
        :raises Unavailable: Redis does not answer in time.
        """
        with self._observe(role):
            try:
                async with asyncio.timeout(self._seconds):
                    yield self._multiplexer
            except TimeoutError as error:
                self._multiplexer.disconnect()  # the answers behind it would be just as late
                raise Unavailable(role) from error
            except (RedisError, OSError) as error:
                raise Unavailable(role) from error

    async def ping(self) -> None:
        """Check that the server answers and lets this user read Doorward's keys.

        :raises Unavailable: it does not answer in time, or refuses.
        """
        async with self.connection("health") as redis:
            await redis.call("HEXISTS", "doorward:ping", "")

    def disconnect(self) -> None:
        """Make the next call connect again: the name may have another address by then."""
        self._multiplexer.disconnect()

    @asynccontextmanager
    async def dedicated_connection(self) -> AsyncIterator[AbstractConnection]:
        """A connection of its own, which receives push messages (RESP3)."""
        connection = self.make_connection()
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
            yield connection
        finally:
            await connection.disconnect(nowait=True)

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, options: StoreOptions) -> AsyncIterator[Self]:
        server = cls(url, options)
        try:
            yield server
        finally:
            await server._multiplexer.close()


@cache
def _driver() -> DriverInfo:
    """Return how connections introduce themselves.

    Otherwise each one reads the version of its library from the installed files, for 4 ms.
    """
    return DriverInfo()
